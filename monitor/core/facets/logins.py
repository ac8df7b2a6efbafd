"""The challenges of a record other than a registration, and what its clients made of them."""

from typing import Any, Final

from monitor.core.attempt import CHALLENGES
from monitor.core.diagnosis import access as rules
from monitor.core.diagnosis.text import ends
from monitor.core.facet import Facet
from monitor.core.fold import Fold
from monitor.core.logins import Nonce, Try, has_credentials, proofs, read_challenge
from monitor.core.message import Message
from monitor.core.transaction import Transaction
from monitor.core.updates import LoginFailed, Update

_MOST_TRIES: Final = 32  # the last ones
_MOST_CHALLENGES: Final = 32
_LEFT_ALONE: Final = frozenset({"ACK", "CANCEL"})  # never challenged (§22.1)
_NEVER_RETRIED: Final = frozenset({"BYE", "OPTIONS"})


class Logins(Facet[Fold]):
    """Which requests were challenged, with what, and came again how."""

    __slots__ = ("_challenges", "_found", "_tries")

    def __init__(self, fold: Fold) -> None:
        super().__init__(fold)
        self._tries: dict[tuple[str, int, str], Try] = {}  # by method, CSeq number and From tag
        self._challenges: list[tuple[int, str]] = []  # the last ones, with when they came
        self._found = False  # whether there was ever something to be said of them

    @staticmethod
    def may_begin(method: str, status: int, cseq_method: str) -> bool:
        """A request that may be challenged, or a challenge."""
        return status in CHALLENGES if method == "" else method not in _LEFT_ALONE

    @staticmethod
    def begins(event: Message) -> bool:
        """With the first challenge, or the first credentials, should they be seen before it."""
        return event.status in CHALLENGES or has_credentials(event)

    @staticmethod
    def hears(method: str, status: int, cseq_method: str, *, found: bool) -> bool:
        """All but 100."""
        return status != 100

    def news(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """A request that may carry credentials, or a response to one."""
        if transaction is None or event.cseq < 0 or event.status == 100 or transaction.method in _LEFT_ALONE:
            return
        at_us = event.captured_us
        tried = self._try(event)
        if tried is None:
            return
        if at_us < tried.first_us:
            tried.first_us = at_us
        if event.method:
            tried.asked = True
            if not tried.proven and (given := proofs(event)):
                tried.proves(given)
        elif event.status in CHALLENGES:
            self._challenges += [(at_us, value) for value in tried.challenge(event, number, transaction)]
            del self._challenges[:-_MOST_CHALLENGES]
            self._tell(tried, event, transaction, out)
            self._wait(at_us)
        else:
            tried.accepted_us = min(tried.accepted_us or at_us, at_us)
            if 200 <= event.status < 300 and not self.fold.findings:
                self._settle(tried)
        if self._found or (tried.challenged_us and len(self._tries) > 1):
            self._judge(at_us, out)

    def fire(self, about: Any, due_us: int, out: list[Update]) -> None:
        """A challenge has waited for its answer; where none came, there is more to say at `about`."""
        challenged = [tried for tried in self._tries.values() if tried.challenged_us]
        if challenged:
            self._judge(due_us, out)
        if due_us < about and rules.AUTH_NOT_ATTEMPTED.code in self.fold.found:
            self.fold.wake_facet(about, self, about)

    def _wait(self, at_us: int) -> None:
        """A challenge was seen: nearly all are answered before its first deadline, and need no second."""
        settings = self.fold.context.settings
        repair_us, timeout_us = at_us + settings.repair_us, at_us + settings.timers.timeout_us
        self.fold.wake_facet(min(repair_us, timeout_us), self, max(repair_us, timeout_us))

    def _settle(self, accepted: Try) -> None:
        """Forget what led to credentials that were accepted, but for the last challenge, whose nonce has served now."""
        self._tries = {name: tried for name, tried in self._tries.items() if tried is accepted}
        self._challenges = self._challenges[-1:]

    def _comes_again(self, event: Message) -> bool:
        """Whether a request is another try of one that was challenged."""
        if event.method:
            for tried in self._tries.values():
                if tried.challenged_us and _retried(tried, event.method, event.from_tag, event.cseq):
                    return True
        return False

    def _try(self, event: Message) -> Try | None:
        """The try that a message belongs to; a new one, if it carries credentials, asks for some, or comes again."""
        name = (event.cseq_method, event.cseq, event.from_tag)
        tried = self._tries.get(name)
        if tried is None and (event.status in CHALLENGES or has_credentials(event) or self._comes_again(event)):
            tried = self._tries[name] = Try(event)
            if len(self._tries) > _MOST_TRIES:
                del self._tries[next(iter(self._tries))]
        return tried

    def _tell(self, tried: Try, event: Message, transaction: Transaction, out: list[Update]) -> None:
        """Tell once of a try that its credentials were refused: many of these are more than a wrong password."""
        realms = () if tried.told else tried.refused()
        if not realms:
            return
        tries, nonces = list(self._tries.values()), self._nonces()
        if any(_is_latest(realm, tried, tries, nonces) for realm in realms):
            tried.told = True
            client, server = ends(transaction.hop)
            account = self.fold.from_uri
            out.append(LoginFailed(self.fold.key, event.captured_us, client, server, account, event.status))

    # --- verdicts

    def _judge(self, at_us: int, out: list[Update]) -> None:
        tries = sorted(self._tries.values(), key=lambda tried: (tried.first_us, tried.cseq))
        refused = {realm for tried in tries for realm in tried.refused()}
        nonces = self._nonces() if refused else []
        for realm in sorted(refused):
            self._judge_realm(realm, tries, nonces, at_us, out)
        for tried in tries:
            if tried.challenged_us and not tried.nonces and tried.method not in _NEVER_RETRIED:
                later = [other for other in tries if _retried(tried, other.method, other.from_tag, other.cseq)]
                retried_us = (later[0].first_us if later else 0) or tried.accepted_us
                settings, now_us = self.fold.context.settings, self.fold.now_us
                verdict = rules.auth_not_attempted(tried, retried_us, settings, now_us)
                self._found = self._found or verdict is not None
                self.fold.judge(rules.AUTH_NOT_ATTEMPTED, tried.subject, verdict, tried.challenged_us, at_us, out)

    def _judge_realm(self, realm: str, tries: list[Try], nonces: list[Nonce], at_us: int, out: list[Update]) -> None:
        failed = [tried for tried in tries if realm in tried.challenged and _is_latest(realm, tried, tries, nonces)]
        accepted = [tried.accepted_us for tried in tries if realm in tried.nonces and tried.accepted_us]
        last_us = failed[-1].first_us if failed else 0
        verdict = rules.auth_failed(failed, realm, min((each for each in accepted if each > last_us), default=0))
        given_us = min((nonce.at_us for nonce in nonces), default=0)
        self._found = self._found or verdict is not None
        self.fold.judge(rules.AUTH_FAILED, realm, verdict, given_us, at_us, out)

    def _nonces(self) -> list[Nonce]:
        """Those that were given out, as far as they are known."""
        return [read_challenge(given_us, value)[0] for given_us, value in self._challenges]


def _is_latest(realm: str, tried: Try, tries: list[Try], nonces: list[Nonce]) -> bool:
    """Whether a try used the latest nonce of a realm, and that had not served before, as far as is known."""
    used = tried.nonces.get(realm, "")
    given = [nonce for nonce in nonces if nonce.realm == realm and nonce.at_us <= tried.first_us]
    earlier = (other for other in tries if realm not in other.challenged and other.first_us < tried.first_us)
    served = any(used in other.nonces.values() for other in earlier)
    return bool(given) and max(given).nonce == used and not served


def _retried(tried: Try, method: str, from_tag: str, cseq: int) -> bool:
    """Whether a request is another try of one."""
    return tried.method == method and tried.from_tag == from_tag and tried.cseq < cseq
