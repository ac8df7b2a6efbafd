"""Connections that fail: none comes about, or it is reset before the request that it carried was answered."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from collectors.wire.trouble import Connection
from monitor.core.connections import Reset
from monitor.core.diagnosis.rule import Rule, standing
from monitor.core.diagnosis.text import ends, times
from monitor.core.limits import Limits
from monitor.core.transaction import Transaction
from monitor.core.updates import Finding, Severity

_USUAL: Final = Limits()

CONNECTION_FAILED: Final[Rule] = Rule(
    code="connection-failed",
    severity=Severity.MAJOR,
    when="Connections over TCP or TLS to a SIP server do not come about: it refuses them (RST), leaves them unanswered "
    "(the third SYN), or one side ends the TLS handshake with an alert in the clear. *Suspected* at the first, "
    f"*confirmed* at the {_USUAL.connection_failures}rd within {_USUAL.connection_failures_us // 60_000_000} min, of "
    "clients that carry calls or registrations, or that the operator trusts; of others it takes as many of one client, "
    "and is *minor*: scanners knock everywhere. Of a call or registration: its connection was reset after an INVITE or "
    "REGISTER and before any response; *cleared* where another try came through.",
    source="RFC 3261 §18.1.1, §18.4, §26.3.1; RFC 8446 §6.2",
    remedy="Is the service up, does it listen on that address and port, for that transport, and does a firewall let "
    "the client through? Connections that were idle for long are dropped by firewalls, NATs and servers: send "
    "keep-alives (RFC 5626), more often than their timeout.",
)
_TLS_REMEDY: Final = (
    "See both ends' certificates and settings: `openssl s_client -connect {server} -showcerts` from the client. Valid, "
    "for the SIP domain, with its whole chain; its authority known to the other side; a TLS version in common."
)
_CERTIFICATES: Final = frozenset({41, 42, 43, 44, 45, 46, 48, 113, 114, 116})
_ALERTS: Final = {
    40: "handshake failure: no cipher, or no certificate, that suits both",
    41: "no certificate",
    42: "bad certificate",
    43: "unsupported certificate",
    44: "certificate revoked",
    45: "certificate expired",
    46: "certificate unknown",
    47: "illegal parameter",
    48: "unknown CA: the authority that signed the certificate is not trusted",
    49: "access denied",
    50: "decode error",
    51: "decrypt error",
    70: "protocol version: no TLS version in common",
    71: "insufficient security",
    80: "internal error",
    86: "inappropriate fallback",
    109: "missing extension",
    110: "unsupported extension",
    112: "unrecognized name: no certificate for the name that was asked for (SNI)",
    113: "bad certificate status response",
    116: "certificate required: the client has to show one",
    120: "no application protocol",
}


class Failure(NamedTuple):
    """How a connection failed, for a finding."""

    variant: str
    how: str  # part of a sentence whose subject is the server
    remedy: str


def failed(server: str, trouble: str, alert: int, by: str) -> Failure:
    """What became of a connection to a server; `by`: the address of who sent the TLS alert."""
    if trouble == Connection.ALERT:
        why = _ALERTS.get(alert, f"alert {alert}")
        variant = "certificate" if alert in _CERTIFICATES else "tls-alert"
        return Failure(variant, f"no TLS comes about: {by} says {why}", _TLS_REMEDY.format(server=server))
    if trouble == Connection.REFUSED:
        return Failure("refused", "it refuses the connection (RST)", CONNECTION_FAILED.remedy)
    return Failure("unanswered", "it does not answer the SYN", CONNECTION_FAILED.remedy)


def cut_short(resets: Sequence[Reset], transaction: Transaction, repaired_us: int) -> Finding | None:
    """`connection-failed` of a request whose connection was reset; `repaired_us`: when it came through after all."""
    first = min(resets)
    answered_us = transaction.response_us
    state = standing(confirmed_us=first.at_us, cleared_us=min(filter(None, (answered_us, repaired_us)), default=0))
    if state is None:
        return None
    client, server = ends(transaction.hop)
    return CONNECTION_FAILED.finding(
        subject=f"{transaction.method} {transaction.cseq} {transaction.branch}",
        state=state,
        at_us=first.at_us,
        hop=transaction.hop,
        messages=set(transaction.numbers),
        cause=f"{server} reset the connection after the {transaction.method} of {client}, {times(len(resets))}, and "
        "before any response came: it had forgotten the connection, or the service behind it is gone.",
        variant="reset",
    )
