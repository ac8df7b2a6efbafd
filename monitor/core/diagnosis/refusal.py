"""What a final response ≥ 300 means, in classes that operators act on (RFC 3261 §21, §20.43, RFC 3326, 3312, 8224)."""

import re
from typing import Final, NamedTuple

from monitor.core.updates import Severity


class Refusal(NamedTuple):
    """A class of refusals: its name, what it means, what to do, how bad it is."""

    name: str
    meaning: str
    remedy: str
    severity: Severity

    @property
    def failure(self) -> bool:
        """Whether it is one: a person who is busy or declines is none."""
        return self.name != "busy"


_NUMBER: Final = Refusal(
    "number",
    "it does not know the number",
    "Compare the Request-URI with the dial plan: prefix, country code, leading zeros, and whether that user is "
    "registered there.",
    Severity.MINOR,
)
_FORBIDDEN: Final = Refusal(
    "forbidden",
    "it understood and will not do it",
    "Look at its access list, the caller's rights or credit, and whether the From or P-Asserted-Identity is allowed.",
    Severity.MAJOR,
)
_UNAVAILABLE: Final = Refusal(
    "unavailable",
    "the callee can't be reached just now",
    "Is the callee registered, with a contact that still answers? Do-not-disturb gives this, too.",
    Severity.MINOR,
)
NO_ANSWER: Final = Refusal(
    "unavailable",
    "it rang there, and nobody answered in time",
    "Set a voice mailbox, or a forwarding on no reply, for this number; or let it ring longer.",
    Severity.MINOR,
)
_TIMEOUT: Final = Refusal(
    "timeout",
    "it waited for an answer further on and got none",
    "Find the next hop that stayed silent: a peer that is down, a stale registration, a dead DNS target.",
    Severity.MAJOR,
)
_CAPACITY: Final = Refusal(
    "capacity",
    "it is overloaded, out of channels, or out of service",
    "Check the load and channel limits of that peer, and Retry-After, before calls are sent there again.",
    Severity.MAJOR,
)
_LOOP: Final = Refusal(
    "loop",
    "the request went in circles",
    "Two elements send the call to each other: compare their routes for this number.",
    Severity.MAJOR,
)
_TIMER: Final = Refusal(
    "timer",
    "the session interval is too small for it",
    "The caller must retry with the Min-SE that it was told; set a session interval of at least that.",
    Severity.MINOR,
)
_EXTENSION: Final = Refusal(
    "extension",
    "it lacks, or insists on, an extension",
    "Compare Require, Supported and Unsupported of both sides (100rel, timer, replaces …).",
    Severity.MAJOR,
)
_MEDIA: Final = Refusal(
    "media",
    "there is no common way to carry the media",
    "Compare the SDP of both sides: codecs, SRTP against RTP, address family, T.38.",
    Severity.MAJOR,
)
_SCREENING: Final = Refusal(
    "screening",
    "the callee's screening refused the call",
    "The caller's number is marked as unwanted: check its reputation and its STIR/SHAKEN attestation.",
    Severity.MINOR,
)
_SERVER: Final = Refusal(
    "server",
    "it failed on a request that seems valid",
    "Read that server's log at this time; its Reason or Warning header may say more.",
    Severity.MAJOR,
)
_IDENTITY: Final = Refusal(
    "identity",
    "it wants the caller's number signed, or does not accept the signature that it has (STIR/SHAKEN)",
    "Look at the Identity header where the call entered: is there one, is its certificate valid and reachable, are "
    "its numbers those of From and To, and is it fresh (60 s)? An element that alters From, To or Date breaks it.",
    Severity.MAJOR,
)
_PRECONDITION: Final = Refusal(
    "precondition",
    "what the call asked to be reserved for its media could not be (preconditions)",
    "Look at the bearers of both sides (IMS: the dedicated bearer, PCRF or PCF, and the coverage) at that time; or let "
    "the caller offer its call without preconditions.",
    Severity.MAJOR,
)
_AUTHENTICATION: Final = Refusal(
    "authentication",
    "it asks for credentials",
    "Check user name, password and realm on both sides.",
    Severity.MAJOR,
)
_REQUEST: Final = Refusal(
    "request",
    "it will not take the request as it is",
    "Compare the request with what that server expects; a Warning header may name the fault.",
    Severity.MAJOR,
)
_REDIRECTION: Final = Refusal(
    "redirection",
    "it points elsewhere, and nobody went there",
    "Does the client follow redirections, and is the Contact that it was given reachable?",
    Severity.MINOR,
)
BUSY: Final = Refusal(
    "busy",
    "the callee is busy, or does not take the call",
    "Nothing: that is how calls end.",
    Severity.INFO,
)
_DECLINED: Final = Refusal(
    "declined",
    "no other place will take the call either",
    "A 6xx ends the search for the callee everywhere: see who sent it, and whether it meant that.",
    Severity.MINOR,
)

_BY_STATUS: Final = {
    **dict.fromkeys((404, 410, 484, 485, 604), _NUMBER),
    **dict.fromkeys((401, 407), _AUTHENTICATION),
    **dict.fromkeys((408, 504), _TIMEOUT),
    **dict.fromkeys((482, 483), _LOOP),
    **dict.fromkeys((420, 421), _EXTENSION),
    **dict.fromkeys((415, 488, 606), _MEDIA),
    **dict.fromkeys((433, 607, 608), _SCREENING),
    **dict.fromkeys((428, 436, 437, 438), _IDENTITY),
    403: _FORBIDDEN,
    422: _TIMER,
    **dict.fromkeys((430, 480), _UNAVAILABLE),
    503: _CAPACITY,
    580: _PRECONDITION,
}
# ITU-T Q.850 causes in a Reason header say more than the status that carries them.
_BY_Q850: Final = {
    **dict.fromkeys((1, 3, 28), _NUMBER),
    17: BUSY,
    **dict.fromkeys((18, 19, 20), _UNAVAILABLE),
    **dict.fromkeys((34, 42, 44, 47), _CAPACITY),
    **dict.fromkeys((65, 79, 88), _MEDIA),
}
# So does a SIP status there, of a server error that a gateway made of it.
_BY_SIP: Final = {**_BY_STATUS, **dict.fromkeys((486, 600, 603), BUSY)}
_VAGUE: Final = frozenset({400, 480, 500, 502, 503, 504, 580})
# What a Warning says of a refusal that may be about the session description (RFC 3261 §20.43).
_WARNED: Final = frozenset({*range(300, 308), 330, 331, 370})
_ABOUT_MEDIA: Final = frozenset({400, 403, 406, 415, 488, 500, 606})

_CAUSE: Final = re.compile(r"Q\.850\s*;[^,]*?cause\s*=\s*(\d{1,3})", re.IGNORECASE)
_SIP: Final = re.compile(r"\bSIP\s*;[^,]*?cause\s*=\s*(\d{3})", re.IGNORECASE)
_WARNING: Final = re.compile(r"Warning: (\d{3})\b")


def refusal(status: int, explanation: str) -> Refusal:
    """The class of a final response ≥ 300, from its status and its explanation (`transaction.explain`)."""
    return _by_headers(status, explanation) or _by_status(status)


def _by_headers(status: int, explanation: str) -> Refusal | None:
    cause = _CAUSE.search(explanation)
    if cause and int(cause[1]) in _BY_Q850:
        return _BY_Q850[int(cause[1])]
    reason = _SIP.search(explanation)
    if reason and status in _VAGUE and int(reason[1]) in _BY_SIP:
        return _BY_SIP[int(reason[1])]
    warning = _WARNING.search(explanation)
    return _MEDIA if warning and int(warning[1]) in _WARNED and status in _ABOUT_MEDIA else None


def _by_status(status: int) -> Refusal:
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status < 400:
        return _REDIRECTION
    if status < 500:
        return _REQUEST
    return _SERVER if status < 600 else _DECLINED
