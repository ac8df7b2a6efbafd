"""`nat-binding-lost`: a phone behind a NAT is registered, and calls to it stay unanswered."""

from typing import Final

from monitor.core.diagnosis.nat import NAT_BINDING_LOST
from monitor.core.hop import address_of
from monitor.core.sources.accounts import Accounts
from monitor.core.sources.ledger import Ledger
from monitor.core.sources.tables import Table
from monitor.core.sources.values import Subject
from monitor.core.updates import (
    FindingCleared,
    FindingConfirmed,
    FindingRaised,
    RecordKey,
    RegistrationSucceeded,
)

_MOST: Final = 50_000


class Natted:
    """Looks whose binding an INVITE went to that nobody answered."""

    def __init__(self, ledger: Ledger, accounts: Accounts) -> None:
        self._ledger = ledger
        self._accounts = accounts
        self._called: Table[RecordKey, list[str]] = Table(list, _MOST)  # call → whose binding it found lost
        self._lost: Table[str, set[RecordKey]] = Table(set, _MOST)

    def unanswered(self, update: FindingRaised | FindingConfirmed | FindingCleared, at_us: int) -> None:
        """`invite-unanswered`: raised, confirmed, or cleared."""
        if isinstance(update, FindingCleared):
            self._answered(update.key, at_us)
            return
        finding = update.finding
        _, _, endpoint = finding.hop.partition(">")
        binding = self._accounts.behind(endpoint)
        if binding is None or binding.expires_us <= at_us or binding.made_us >= at_us or not binding.translated:
            return
        account = binding.account
        self._called[update.key][:] = [account]
        self._lost[account].add(update.key)
        self._ledger.say(
            NAT_BINDING_LOST,
            Subject.ACCOUNT,
            account,
            at_us,
            f"{account} is registered from {endpoint}, behind a NAT, and an INVITE to there is not answered: the NAT "
            f"at {address_of(endpoint)} has forgotten the way in, or the phone is gone.",
            state=finding.state,
            count=len(self._lost[account]),
            hop=finding.hop,
            evidence=(binding.key, update.key),
        )

    def registered(self, update: RegistrationSucceeded, at_us: int) -> None:
        """The phone is back, and with it the way in."""
        if lost := self._lost.pop(update.aor):
            for call in lost:
                self._called.pop(call)
            self._ledger.clear(NAT_BINDING_LOST, Subject.ACCOUNT, update.aor, at_us)

    def _answered(self, call: RecordKey, at_us: int) -> None:
        for account in self._called.pop(call) or ():
            lost = self._lost[account]
            lost.discard(call)
            if not lost:
                self._lost.pop(account)
                self._ledger.clear(NAT_BINDING_LOST, Subject.ACCOUNT, account, at_us)
