"""What calls and registrations add up to: counts and sketches, from which all figures are made."""

import msgspec

from monitor.core.measures.sketch import Sketch


class Tally(msgspec.Struct):
    """Adds up (`counting`), and merges. Counts are of calls, save for the last four."""

    calls: int = 0
    decided: int = 0
    answered: int = 0  # of those decided, as all that follow
    cancelled: int = 0
    by_user: int = 0  # 480, 486, 600, 603
    ineffective: int = 0  # 408, 500, 503, 504, or nothing at all
    complete: int = 0
    talks: int = 0
    talk_us: int = 0  # not in ms: however tallies are merged, the sum is the same
    states: dict[str, int] = {}
    statuses: dict[str, int] = {}  # the final response at the caller; "none" where none came
    pdd: Sketch = msgspec.field(default_factory=Sketch)
    setup: Sketch = msgspec.field(default_factory=Sketch)
    disconnect: Sketch = msgspec.field(default_factory=Sketch)
    failed: Sketch = msgspec.field(default_factory=Sketch)
    registrations: int = 0
    waiting: int = 0  # of these, those that had no final response yet
    outcomes: dict[str, int] = {}
    rrd: Sketch = msgspec.field(default_factory=Sketch)

    def merge(self, other: "Tally") -> None:
        """Take what another one holds, too."""
        for name in self.__struct_fields__:
            own, its = getattr(self, name), getattr(other, name)
            if isinstance(own, Sketch):
                own.merge(its)
            elif isinstance(own, dict):
                for key, count in its.items():
                    own[key] = own.get(key, 0) + count
            else:
                setattr(self, name, own + its)
