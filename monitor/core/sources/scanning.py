"""`scanner`: known tools by what they write, unknown ones by what they do."""

from typing import Final

from monitor.core.diagnosis.security import SCANNER
from monitor.core.hop import address_of
from monitor.core.limits import Limits
from monitor.core.sources.beginning import Beginning, Underway
from monitor.core.sources.ledger import Ledger
from monitor.core.sources.tables import Bounded, Recent, Table
from monitor.core.sources.trust import Trust
from monitor.core.sources.values import Subject
from monitor.core.updates import CallEnded, RecordKey, RegistrationEnded, RegistrationOutcome, RequestRefused

_MOST_ENDPOINTS: Final = 20_000
# What a server says to a user that it does not know, or to somebody that it does not. Busy, declined and
# unavailable are said by people and phones.
_STRANGE: Final = frozenset({401, 403, 404, 405, 407, 410, 484, 485, 604, 606})


class Scanning:
    """Watches sources that are not trusted."""

    def __init__(self, limits: Limits, ledger: Ledger, trust: Trust) -> None:
        self._limits = limits
        self._ledger = ledger
        self._trust = trust
        # By endpoint: whom it asked for, and was refused; when something of it succeeded last.
        self._refusals: Table[str, Recent[str]] = Table(lambda: Recent(limits.sweep_us), _MOST_ENDPOINTS)
        self._well_us: Bounded[str, int] = Bounded(_MOST_ENDPOINTS)
        self._signatures: Table[str, list[int]] = Table(lambda: [0], _MOST_ENDPOINTS)

    def seen(self, begun: Beginning, at_us: int) -> None:
        """Somebody began something."""
        address = begun.client.address
        if not begun.signature or self._trust.named(address):
            return
        counted = self._signatures[address]
        counted[0] += 1
        self._ledger.say(
            SCANNER,
            Subject.SOURCE,
            address,
            at_us,
            f"{address} sends what a scanning tool sends ({begun.signature}).",
            count=counted[0],
            hop=begun.hop,
            evidence=(begun.key,),
        )

    def call_ended(self, update: CallEnded, call: Underway, at_us: int) -> None:
        """A call came to its end."""
        if update.answered:
            self._well_us.put(call.source, at_us)
        elif update.status in _STRANGE:
            self._refused(call.source, call.to_uri, at_us, update.key)

    def registration_ended(self, update: RegistrationEnded, at_us: int) -> None:
        """A registration failed, or stopped at the challenge."""
        strange = update.status in _STRANGE and not update.credentials
        if strange and update.outcome in (RegistrationOutcome.FAILED, RegistrationOutcome.CHALLENGED):
            self._refused(update.client, update.aor, at_us, update.key)

    def registered(self, client: str, at_us: int) -> None:
        """A registration of this endpoint succeeded: whoever did that is known here."""
        self._well_us.put(client, at_us)

    def refused(self, update: RequestRefused, at_us: int) -> None:
        """Another request was refused. What goes to no user (a keep-alive) asks for nobody."""
        if update.status in _STRANGE and "@" in update.to_uri:
            self._refused(update.source, update.to_uri, at_us, update.key)

    def _refused(self, source: str, target: str, at_us: int, key: RecordKey) -> None:
        limits, refused = self._limits, self._refusals[source]
        refused.add(at_us, target)
        if len(refused) < limits.sweep_targets or (self._well_us.get(source) or 0) > at_us - limits.episode_us:
            return
        address = address_of(source)
        if self._trust.trusted(address, at_us):
            return
        self._ledger.say(
            SCANNER,
            Subject.SOURCE,
            address,
            at_us,
            f"{address} asked for {len(refused)} different users within a minute, and each was refused.",
            count=refused.total,
            hop=source,
            evidence=(key,),
        )
