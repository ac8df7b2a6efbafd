"""`registration-flapping`: one device that comes and goes, or moves, again and again."""

from typing import Final

from collectors.sip.uri import host_of
from monitor.core.diagnosis.registration import REGISTRATION_FLAPPING
from monitor.core.diagnosis.text import seconds
from monitor.core.limits import Limits
from monitor.core.sources.accounts import Binding
from monitor.core.sources.ledger import Ledger
from monitor.core.sources.tables import Recent, Table
from monitor.core.sources.values import Subject
from monitor.core.updates import FindingState, RecordKey, RegistrationEnded

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

    def registered(self, binding: Binding) -> None:
        """It is bound. Another port at the same host is another connection, and no move."""
        device = self._devices[binding.account, _device(binding.identity, binding.key)]
        host = host_of(binding.contact)
        moved = device.bound and device.host != host
        returned = not device.bound and device.host != ""
        device.host, device.bound = host, True
        if moved or returned:
            device.turns.add(binding.made_us, "moved" if moved else "came back")
            if device.turns.total >= self._limits.flaps:
                self._say(binding, device)

    def ended(self, update: RegistrationEnded) -> None:
        """It removed its binding."""
        device = self._devices.get((update.aor, _device(update.identity, update.key)))
        if device is not None:
            device.bound = False

    def _say(self, binding: Binding, device: _Device) -> None:
        turns = device.turns
        how = " and ".join(f"{turn} {count} times" for turn, count in sorted(turns.counts.items()))
        self._ledger.say(
            REGISTRATION_FLAPPING,
            Subject.ACCOUNT,
            binding.account,
            binding.made_us,
            f"One device of {binding.account} {how} within {seconds(self._limits.flaps_us)}.",
            state=FindingState.CONFIRMED,
            count=turns.total,
            hop=f"{binding.client}>{binding.registrar}",
            evidence=(binding.key,),
        )


def _device(identity: str, session: RecordKey) -> str:
    """What names the device: an instance as its binding has it, else the session."""
    return identity if identity.startswith("urn:") else session.call_id
