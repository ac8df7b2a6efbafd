"""Tells the second stage how a server turns requests away, where that says something of the server or its client.

Challenges by Basic or without qop, once a record; and how long an overloaded server wants to be left alone.
"""

from collections.abc import Mapping
from typing import Final

from collectors.sip.auth import parameters
from collectors.sip.intervals import read_retry_after
from monitor.core.call import Call
from monitor.core.diagnosis.text import ends
from monitor.core.facet import Facet
from monitor.core.message import Message
from monitor.core.registration import Registration
from monitor.core.standalone import Standalone
from monitor.core.transaction import Transaction
from monitor.core.updates import RetryAfterGiven, Update, WeaklyChallenged

_HEADERS: Final = {401: "www-authenticate", 407: "proxy-authenticate"}
_UNAVAILABLE: Final = 503
_LONGEST_REALM: Final = 120


class TurnedAway(Facet[Call | Registration | Standalone]):
    """Challenges and 503s of a record."""

    __slots__ = ("_told_weak",)

    def __init__(self, fold: Call | Registration | Standalone) -> None:
        super().__init__(fold)
        self._told_weak = False

    @staticmethod
    def may_begin(method: str, status: int, cseq_method: str) -> bool:
        """A challenge, or 503."""
        return status in _HEADERS or status == _UNAVAILABLE

    @staticmethod
    def begins(event: Message) -> bool:
        """It is a challenge, or an overloaded server."""
        return event.status in _HEADERS or event.status == _UNAVAILABLE

    @staticmethod
    def hears(method: str, status: int, cseq_method: str, *, found: bool) -> bool:
        """A challenge, or 503."""
        return status in _HEADERS or status == _UNAVAILABLE

    def news(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """Look at a response of these."""
        if transaction is None or event.method:
            return
        client, server = ends(transaction.hop)
        if event.status == _UNAVAILABLE:
            rest = read_retry_after(event.first("retry-after"))
            if rest is not None and rest.seconds:
                out.append(
                    RetryAfterGiven(self.fold.key, event.captured_us, client, server, event.cseq_method, rest.seconds)
                )
        elif event.status in _HEADERS and not self._told_weak:
            values = event.all(_HEADERS[event.status])
            if any(map(_is_strong, values)):
                return
            challenges = [parameters(value) for value in values]
            weak = [each for each in challenges if _is_weak(each)]
            if weak and len(weak) == len(challenges):
                self._told_weak = True
                realm = weak[0].get("realm", "")[:_LONGEST_REALM]
                out.append(WeaklyChallenged(self.fold.key, event.captured_us, client, server, weak[0][""], realm))


def _is_strong(value: str) -> bool:
    """Whether a digest has a qop, by how nearly every server writes it: that spares the reading."""
    return value[:7].lower() == "digest " and (', qop="auth' in value or ',qop="auth' in value)


def _is_weak(challenge: Mapping[str, str]) -> bool:
    """Basic, or a digest without qop that is not of IMS AKA, whose password serves once (RFC 3310)."""
    if challenge[""] == "basic":
        return True
    return (
        challenge[""] == "digest" and not challenge.get("qop") and "aka" not in challenge.get("algorithm", "").lower()
    )
