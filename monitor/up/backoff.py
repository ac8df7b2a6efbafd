"""How long to wait before a program that ended is started again."""

FIRST_S = 0.5
LONGEST_S = 30.0
# Whoever ran this long had started well: what ended it is a new trouble.
STEADY_S = 60.0


class Backoff:
    """0.5 s, then twice as long each time up to 30 s; from the beginning after a steady run."""

    def __init__(self) -> None:
        self._next_s = FIRST_S

    def after(self, ran_s: float) -> float:
        """The pause after a run of `ran_s` seconds."""
        if ran_s >= STEADY_S:
            self._next_s = FIRST_S
        pause = self._next_s
        self._next_s = min(2 * pause, LONGEST_S)
        return pause
