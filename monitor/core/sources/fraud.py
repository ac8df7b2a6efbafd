"""`toll-fraud-suspect`: one account that suddenly calls where money is made of calls."""

from typing import Final

from collectors.sip.timers import SECOND
from collectors.sip.uri import user_of
from monitor.core.diagnosis.security import TOLL_FRAUD_SUSPECT
from monitor.core.diagnosis.text import seconds
from monitor.core.limits import Limits
from monitor.core.sources.beginning import Beginning
from monitor.core.sources.ledger import Ledger
from monitor.core.sources.tables import Recent, Table
from monitor.core.sources.trust import Trust
from monitor.core.sources.values import Subject
from monitor.core.updates import FindingState, RecordKey

_MOST: Final = 50_000
_MOST_COUNTRIES: Final = 200  # of one account
_DAY_S: Final = 86_400
_HOUR_S: Final = 3_600
_COUNTRY: Final = 4  # "+421": enough to tell countries apart; some are shorter


class _Account:
    """Whom an account called lately, and where it called before."""

    __slots__ = ("abroad", "countries", "newest", "premium")

    def __init__(self, within_us: int) -> None:
        self.premium: Recent[str] = Recent(within_us)
        self.abroad: Recent[str] = Recent(within_us)  # in countries that are new to it
        self.countries: dict[str, int] = {}  # since when it calls there
        self.newest: list[RecordKey] = []


class Fraud:
    """Counts calls to premium numbers, and to countries that are new to an account."""

    def __init__(self, limits: Limits, ledger: Ledger, trust: Trust) -> None:
        self._limits = limits
        self._ledger = ledger
        self._trust = trust
        self._international = limits.international_prefixes
        self._premium = limits.premium_prefixes
        self._home = limits.home_prefixes
        self._accounts: Table[str, _Account] = Table(lambda: _Account(limits.fraud_us), _MOST)

    def seen(self, call: Beginning, at_us: int) -> None:
        """Somebody calls."""
        number = self._number(call.to_uri)
        if not number or self._trust.named(call.client.address):
            return
        if number.startswith(self._premium):
            account = self._accounts[call.from_uri]
            account.premium.add(at_us, number)
            self._note(account, call.key)
            if account.premium.total >= self._limits.premium_calls:
                self._say(call, account, account.premium, "premium or satellite numbers", at_us)
        elif self._home:  # else nobody knows what is abroad
            self._seen_beyond(self._accounts[call.from_uri], call, number, at_us)

    def _seen_beyond(self, account: _Account, call: Beginning, number: str, at_us: int) -> None:
        """It calls a number that is no premium one, at home or abroad."""
        country = number[:_COUNTRY]
        since_us = account.countries.setdefault(country, at_us)
        if len(account.countries) > _MOST_COUNTRIES:
            del account.countries[next(iter(account.countries))]
        if number.startswith(self._home) or at_us - since_us > self._limits.fraud_us:
            return
        account.abroad.add(at_us, number)
        self._note(account, call.key)
        most = self._limits.night_calls_abroad if self._at_night(at_us) else self._limits.calls_abroad
        if account.abroad.total >= most:
            self._say(call, account, account.abroad, "numbers in countries that it never called before", at_us)

    def _number(self, uri: str) -> str:
        """The international number that is called: "+979…"; "" where it is none."""
        user = user_of(uri)
        for prefix in self._international:
            if user.startswith(prefix):
                user = "+" + user.removeprefix(prefix)
                break
        digits = user[1:]
        return user if user[:1] == "+" and digits.isascii() and digits.isdigit() and len(digits) >= 7 else ""

    def _at_night(self, at_us: int) -> bool:
        hour = (at_us // SECOND + self._limits.utc_offset_us // SECOND) % _DAY_S // _HOUR_S
        begin, end = self._limits.night_hours
        return begin <= hour < end if begin < end else hour >= begin or hour < end

    @staticmethod
    def _note(account: _Account, key: RecordKey) -> None:
        account.newest.append(key)
        del account.newest[:-10]

    def _say(self, call: Beginning, account: _Account, calls: Recent[str], where: str, at_us: int) -> None:
        self._ledger.say(
            TOLL_FRAUD_SUSPECT,
            Subject.ACCOUNT,
            call.from_uri,
            at_us,
            f"{call.from_uri} called {where} {calls.total} times within {seconds(self._limits.fraud_us)}, "
            f"{len(calls)} different ones, from {call.client.address}"
            f"{', at night' if self._at_night(at_us) else ''}.",
            state=FindingState.SUSPECTED,
            count=calls.total,
            hop=call.hop,
            evidence=account.newest,
        )
