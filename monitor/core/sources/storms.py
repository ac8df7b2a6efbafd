"""`registration-storm`: a registrar that suddenly gets far more registrations than usual."""

from collections import deque
from typing import Final

from collectors.sip.timers import SECOND
from monitor.core.diagnosis.registration import REGISTRATION_STORM
from monitor.core.limits import Limits
from monitor.core.sources.accounts import Binding
from monitor.core.sources.ledger import Ledger
from monitor.core.sources.tables import Table
from monitor.core.sources.values import Subject
from monitor.core.updates import FindingState, RecordKey

_MOST: Final = 5_000  # registrars
_STEP_US: Final = 10 * SECOND
_STEPS: Final = 60
_KNOWN_STEPS: Final = 6  # after a minute one knows what is usual


class _Registrar:
    """How many registrations came to an end, by steps of ten seconds."""

    __slots__ = ("before", "implied", "newest", "now", "step")

    def __init__(self) -> None:
        self.step = 0
        self.now = 0
        self.implied = 0.0  # renewals in each later step that the lifetimes given in this one make
        self.before: deque[int] = deque(maxlen=_STEPS)
        self.newest: deque[RecordKey] = deque(maxlen=5)

    def turn(self, step: int) -> None:
        """Begin another step, if it is time."""
        if step <= self.step:
            return
        if self.step:
            self.before.append(self.now)
            self.before.extend([0] * min(step - self.step - 1, _STEPS))
        self.step, self.now, self.implied = step, 0, 0.0

    @property
    def known(self) -> bool:
        """Whether it was watched for long enough to know what is usual."""
        return len(self.before) >= _KNOWN_STEPS

    def usual(self) -> float:
        """Registrations in a step: as measured; at the beginning, as the lifetimes have it."""
        return sum(self.before) / len(self.before) if self.known else self.implied


class Storms:
    """Counts by registrar."""

    def __init__(self, limits: Limits, ledger: Ledger) -> None:
        self._limits = limits
        self._ledger = ledger
        self._registrars: Table[str, _Registrar] = Table(_Registrar, _MOST)

    def bound(self, address: str, binding: Binding) -> None:
        """A registration at this registrar succeeded."""
        at_us = binding.made_us
        registrar = self._count(address, binding.key, at_us)
        # A phone renews at about half its time (RFC 3261 §10.2.4 leaves it to the phone).
        registrar.implied += _STEP_US / max((binding.expires_us - at_us) / 2, _STEP_US)
        self._judge(address, registrar, at_us)

    def ended(self, address: str, key: RecordKey, at_us: int) -> None:
        """A registration at this registrar did not succeed, or was ended."""
        self._judge(address, self._count(address, key, at_us), at_us)

    def _count(self, address: str, key: RecordKey, at_us: int) -> _Registrar:
        registrar = self._registrars[address]
        registrar.turn(at_us // _STEP_US)
        registrar.now += 1
        registrar.newest.append(key)
        return registrar

    def _judge(self, address: str, registrar: _Registrar, at_us: int) -> None:
        if registrar.now >= self._limits.storm_logins:
            usual = registrar.usual()
            if registrar.now >= self._limits.storm_factor * usual:
                self._say(address, registrar, usual, at_us)

    def _say(self, address: str, registrar: _Registrar, usual: float, at_us: int) -> None:
        self._ledger.say(
            REGISTRATION_STORM,
            Subject.PEER,
            address,
            at_us,
            f"{address} got {registrar.now:,} registrations within {_STEP_US // SECOND} s, where {usual:.0f} are "
            "usual: many phones come back at once.",
            state=FindingState.CONFIRMED if registrar.known else FindingState.SUSPECTED,
            count=registrar.now,
            hop=address,
            evidence=registrar.newest,
        )
