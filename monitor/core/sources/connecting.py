"""`connection-failed`: a server to which no connection comes about."""

from typing import Final

from monitor.core.diagnosis.connecting import CONNECTION_FAILED, failed
from monitor.core.diagnosis.text import times
from monitor.core.hop import address_of
from monitor.core.limits import Limits
from monitor.core.sources.ledger import Ledger
from monitor.core.sources.tables import Recent, Table
from monitor.core.sources.trust import Trust
from monitor.core.sources.values import Subject
from monitor.core.updates import ConnectionFailed, FindingState, Severity

_MOST: Final = 20_000


class Connecting:
    """Counts the attempts that fail, by server and client."""

    def __init__(self, limits: Limits, ledger: Ledger, trust: Trust) -> None:
        self._limits = limits
        self._ledger = ledger
        self._trust = trust
        self._attempts: Table[str, Recent[str]] = Table(lambda: Recent(limits.connection_failures_us), _MOST)

    def failed(self, update: ConnectionFailed, at_us: int) -> None:
        """A connection did not come about."""
        client, server = address_of(update.client), update.server
        recent = self._attempts[server]
        recent.add(at_us, client)
        known = self._known(client, at_us)
        count = recent.total if known else recent.counts[client]
        enough = count >= self._limits.connection_failures
        if not (known or enough):
            return
        failure = failed(server, update.trouble, update.alert, update.by)
        others = len(recent) - 1
        besides = f" (and {others:,} others)" if known and others else ""
        self._ledger.say(
            CONNECTION_FAILED,
            Subject.PEER,
            address_of(server),
            at_us,
            f"{client}{besides} tried {times(count)} to connect to {server}, and {failure.how}.",
            state=FindingState.CONFIRMED if enough else FindingState.SUSPECTED,
            severity=Severity.MAJOR if known and enough else Severity.MINOR,
            count=count,
            hop=f"{update.client}>{server}",
            variant=failure.variant,
            remedy=failure.remedy,
        )

    def _known(self, client: str, at_us: int) -> bool:
        """Whether it is somebody whose calls and registrations matter here."""
        _, well = self._trust.sums(client, at_us)
        return well > 0 or self._trust.named(client)
