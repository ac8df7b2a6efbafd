"""The thresholds that operators may set: which, in what unit, within what bounds. `docs/configuration.md` lists them.

Each is a field of `Settings`, of its timers or its limits; in the environment, `slow_setup_us` is
`OFFHOOK_SLOW_SETUP_S`, in seconds.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from collectors.sip.timers import SECOND, Timers
from monitor.core.limits import Limits
from monitor.core.settings import Settings

_TIMERS: Final = frozenset(Timers.__struct_fields__)
_LIMITS: Final = frozenset(Limits.__struct_fields__)
_MONTH_S: Final = 31 * 86_400


class Threshold(msgspec.Struct, frozen=True, kw_only=True):
    """One of them. A time is written in seconds, decimals allowed; all else is a whole number."""

    field: str
    least: float
    most: float
    what: str  # it decides; Markdown

    @property
    def variable(self) -> str:
        """Its name in the environment, without the prefix: "SLOW_SETUP_S"."""
        return (f"{self.field.removesuffix('_us')}_s" if self.timed else self.field).upper()

    @property
    def timed(self) -> bool:
        """Whether it is a time."""
        return self.field.endswith("_us")

    @property
    def default(self) -> float:
        """In the unit in which it is written."""
        holder = Timers() if self.field in _TIMERS else Limits() if self.field in _LIMITS else Settings()
        value: int = getattr(holder, self.field)
        return value / SECOND if self.timed else value

    def read(self, text: str) -> int:
        """The value of the field. Raises `ValueError` for what is no such number, or out of bounds."""
        try:
            value = float(text) if self.timed else int(text)
        except ValueError:
            value = -1
        if not self.least <= value <= self.most:
            raise ValueError(f"{text!r} is no number from {self.least:g} to {self.most:.0f}{self._unit}")
        return round(value * SECOND) if self.timed else int(value)

    @property
    def _unit(self) -> str:
        return " (seconds)" if self.timed else ""


def _time(field: str, least: float, most: float, what: str) -> Threshold:
    return Threshold(field=field, least=least, most=most, what=what)


_count = _time

THRESHOLDS: Final[tuple[Threshold, ...]] = (
    _time("t1_us", 0.01, 10, "Timer T1 of the peers: an estimate of the round trip. 64·T1 is when requests time out; "
          "3GPP radio access takes 2"),
    _time("t2_us", 0.1, 80, "Timer T2: the longest interval between resends; 3GPP radio access takes 16"),
    _count("suspect_sends", 2, 10, "how often a request is sent without any response before that is a suspicion"),
    _count("suspect_resends", 1, 10, "how often a 2xx is resent before its missing ACK is a suspicion"),
    _time("unanswered_reliable_us", 1, 32, "how long a request over TCP, TLS or WebSocket waits for a response before "
          "that is a suspicion"),
    _time("slow_setup_us", 1, 180, "`slow-setup`: the post-dial delay that is too long"),
    _time("no_final_us", 30, 3600, "`no-final-response`: how long after the last 101–199 a final response is due "
          "(Timer C)"),
    _time("ringing_us", 5, 3600, "`unanswered-ringing`: how long a phone rings without an answer"),
    _time("repair_us", 0.5, 60, "how long a refused request may wait for the retry that repairs it"),
    _time("session_least_us", 0, 86_400, "`session-timer-misconfigured`: the shortest session interval that is sane"),
    _time("session_most_us", 90, _MONTH_S, "`session-timer-misconfigured`: the longest session interval that is sane"),
    _time("silent_us", 60, _MONTH_S, "`zombie-call`: an answered call without any message for so long"),
    _time("short_call_us", 0, 60, "`short-call`: an answered call that ends sooner"),
    _count("flood_rate", 1, 100_000, "`flood`: requests per second of one source, of which hardly any succeeds"),
    _count("sweep_targets", 5, 1_000, "`scanner`: different users that one endpoint asks for within a minute, all "
           "refused"),
    _count("guesses", 3, 1_000, "`brute-force`: failed logins of one source to one account within 10 s"),
    _count("poor_mos_tenths", 10, 45, "`poor-quality`: the mean opinion score, in tenths, under which it is poor"),
    _count("max_records", 1_000, 100_000_000, "records held in memory, of all partitions together (8 to 20 KB each); "
           "beyond it those leave that were quiet for longest, and come back from the database when they are heard of "
           "again"),
)  # fmt: skip


def configured(values: Mapping[str, int]) -> Settings:
    """The settings with these fields of `THRESHOLDS` set; what follows from the base timers follows them."""
    timers = Timers(**{name: value for name, value in values.items() if name in _TIMERS})
    bounds: dict[str, Any] = {name: value for name, value in values.items() if name in _LIMITS}
    others: dict[str, Any] = {name: value for name, value in values.items() if name not in _TIMERS | _LIMITS}
    return Settings(timers=timers, linger_us=timers.timeout_us, limits=Limits(**bounds), **others)
