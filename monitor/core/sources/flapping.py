"""`registration-flapping`: one device that comes and goes, or moves, again and again."""

from typing import Final

from collectors.sip.uri import host_of
from monitor.core.diagnosis.registration import REGISTRATION_FLAPPING
from monitor.core.diagnosis.text import seconds
from monitor.core.limits import Limits
from monitor.core.sources.ledger import Ledger
from monitor.core.sources.tables import Recent, Table
from monitor.core.sources.values import Subject
from monitor.core.updates import FindingState, RegistrationEnded, RegistrationSucceeded

_MOST: Final = 50_000


class _Device:
    """Where one device was bound, and how often that changed."""

    __slots__ = ("bound", "host", "turns")

    def __init__(self, within_us: int) -> None:
        self.host = ""
        self.bound = False
        self.turns: Recent[str] = Recent(within_us, most=100)  # "moved", "came back"


class Flapping:
    """Follows devices: by instance, else by Call-ID, which a phone keeps as long as it runs (RFC 3261 §10.2)."""

    def __init__(self, limits: Limits, ledger: Ledger) -> None:
        self._limits = limits
        self._ledger = ledger
        self._devices: Table[tuple[str, str], _Device] = Table(lambda: _Device(limits.flaps_us), _MOST)

    def registered(self, update: RegistrationSucceeded, at_us: int) -> None:
        """It is bound. Another port at the same host is another connection, and no move."""
        device, host = self._devices[update.aor, _device(update)], host_of(update.contact)
        moved = device.bound and device.host != host
        returned = not device.bound and device.host != ""
        device.host, device.bound = host, True
        if moved or returned:
            device.turns.add(at_us, "moved" if moved else "came back")
            if device.turns.total >= self._limits.flaps:
                self._say(update, device, at_us)

    def ended(self, update: RegistrationEnded) -> None:
        """It removed its binding."""
        device = self._devices.get((update.aor, _device(update)))
        if device is not None:
            device.bound = False

    def _say(self, update: RegistrationSucceeded, device: _Device, at_us: int) -> None:
        turns = device.turns
        how = " and ".join(f"{turn} {count} times" for turn, count in sorted(turns.counts.items()))
        self._ledger.say(
            REGISTRATION_FLAPPING,
            Subject.ACCOUNT,
            update.aor,
            at_us,
            f"One device of {update.aor} {how} within {seconds(self._limits.flaps_us)}.",
            state=FindingState.CONFIRMED,
            count=turns.total,
            hop=f"{update.client}>{update.registrar}",
            evidence=(update.key,),
        )


def _device(update: RegistrationSucceeded | RegistrationEnded) -> str:
    """What names the device: an instance as its binding has it, else the session."""
    return update.identity if update.identity.startswith("urn:") else update.key.call_id
