"""`nat-binding-lost` and `nat-contact`: a phone behind a NAT is registered, and calls to it stay unanswered."""

from typing import Final

from collectors.sip.address import Scope, inside, scope
from collectors.sip.uri import host_of
from monitor.core.diagnosis.nat import NAT_BINDING_LOST, NAT_CONTACT
from monitor.core.diagnosis.rule import Rule
from monitor.core.hop import address_of
from monitor.core.sources.accounts import Accounts, Binding
from monitor.core.sources.ledger import Ledger
from monitor.core.sources.tables import Bounded, Table
from monitor.core.sources.values import Subject
from monitor.core.updates import (
    FindingCleared,
    FindingConfirmed,
    FindingRaised,
    FindingState,
    RecordKey,
    Severity,
)

_MOST: Final = 50_000
_RULES: Final = (NAT_BINDING_LOST, NAT_CONTACT)


class Natted:
    """Looks whose binding an INVITE went to that nobody answered."""

    def __init__(self, ledger: Ledger, accounts: Accounts) -> None:
        self._ledger = ledger
        self._accounts = accounts
        self._missed: Bounded[RecordKey, tuple[Rule, str]] = Bounded(_MOST)  # call → whose binding it missed
        self._calls: Table[tuple[str, str], set[RecordKey]] = Table(set, _MOST)  # by code and account

    def unanswered(self, update: FindingRaised | FindingConfirmed | FindingCleared, at_us: int) -> None:
        """`invite-unanswered`: raised, confirmed, or cleared."""
        if isinstance(update, FindingCleared):
            self._answered(update.key, at_us)
            return
        _, _, endpoint = update.finding.hop.partition(">")
        binding = self._accounts.behind(endpoint)
        if binding is not None and binding.translated and _in_force(binding, at_us):
            cause = (
                f"{binding.account} is registered from {endpoint}, behind a NAT, and an INVITE to there is not "
                f"answered: the NAT at {address_of(endpoint)} has forgotten the way in, or the phone is gone."
            )
            self._say(NAT_BINDING_LOST, binding, cause, update, at_us)
            return
        for binding in self._accounts.bound(update.to_uri):
            if _hidden(binding) and host_of(binding.contact) == address_of(endpoint) and _in_force(binding, at_us):
                cause = (
                    f"{binding.account} is registered from {binding.address} with the Contact "
                    f"{binding.contact}, which is behind its NAT, and an INVITE was sent to {endpoint}, where nobody "
                    "outside can reach it."
                )
                self._say(NAT_CONTACT, binding, cause, update, at_us)

    def registered(self, account: str, at_us: int) -> None:
        """The phone is back, and with it the way in."""
        if not self._calls:
            return
        for rule in _RULES:
            if calls := self._calls.pop((rule.code, account)):
                for call in calls:
                    self._missed.pop(call)
                self._ledger.clear(rule, Subject.ACCOUNT, account, at_us)

    def _say(
        self, rule: Rule, binding: Binding, cause: str, update: FindingRaised | FindingConfirmed, at_us: int
    ) -> None:
        self._missed.put(update.key, (rule, binding.account))
        calls = self._calls[rule.code, binding.account]
        calls.add(update.key)
        certain = update.finding.state == FindingState.CONFIRMED
        self._ledger.say(
            rule,
            Subject.ACCOUNT,
            binding.account,
            at_us,
            cause,
            state=update.finding.state,
            severity=Severity.MAJOR if certain and rule is NAT_CONTACT else None,
            count=len(calls),
            hop=update.finding.hop,
            evidence=(binding.key, update.key),
        )

    def _answered(self, call: RecordKey, at_us: int) -> None:
        missed = self._missed.pop(call)
        if missed is None:
            return
        rule, account = missed
        calls = self._calls[rule.code, account]
        calls.discard(call)
        if not calls:
            self._calls.pop((rule.code, account))
            self._ledger.clear(rule, Subject.ACCOUNT, account, at_us)


def _in_force(binding: Binding, at_us: int) -> bool:
    """Whether it was made before and has not run out."""
    return binding.made_us < at_us < binding.expires_us


def _hidden(binding: Binding) -> bool:
    """Whether it came from outside, with a Contact that can't be reached from there."""
    return inside(host_of(binding.contact)) and scope(binding.address) is Scope.PUBLIC
