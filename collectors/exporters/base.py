"""What the agent asks of an exporter, wherever events go: the stream store, standard output."""

from collections.abc import Sequence
from typing import Final, Protocol

from collectors.wire.events import Heartbeat, Loss, Observation

REFUSED: Final = 6  # exit code: only the operator can mend it


class ExporterError(Exception):
    """An exporter can't start: the text says what to do about it, and never holds a password."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code  # the exit code of the process


class Exporter(Protocol):
    """Takes events in order, from one thread; never blocks for long and never loses silently.

    A side event is an event here: what was seen before it goes before it, and it is counted as one.
    """

    @property
    def backlog(self) -> int:
        """Events taken and not yet delivered."""

    @property
    def has_room(self) -> bool:
        """Whether a receiver that can wait should go on reading."""

    def start(self) -> None:
        """Get ready. Raises `ExporterError` for what only the operator can mend."""

    def export(self, events: Sequence[Observation]) -> None:
        """Take these; called with an empty list, too, so that what waits for company goes in time."""

    def heartbeat(self, heartbeat: Heartbeat) -> None:
        """Tell the server, when it can be told now; losses in it are kept until it can."""

    def stop(self, final: Heartbeat) -> None:
        """Deliver what is left, or keep it for the next start, in a few seconds at most."""

    def counters(self) -> dict[str, int]:
        """Since the start: "sent" (events), "spooled", "dropped_<reason>", …"""

    def losses(self) -> list[Loss]:
        """What had to be dropped here since the last time that this was asked."""
