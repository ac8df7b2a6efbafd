"""Reason: why a request was sent, or a call ended (RFC 3326, RFC 6432), with the cause names of ITU-T Q.850."""

from collections.abc import Iterable
from typing import Final

import msgspec

from collectors.sip.grammar import head_and_parameters, listed, whole_number

Q850: Final = {
    1: "unallocated (unassigned) number",
    2: "no route to specified transit network",
    3: "no route to destination",
    4: "send special information tone",
    5: "misdialled trunk prefix",
    6: "channel unacceptable",
    7: "call awarded, delivered in an established channel",
    8: "preemption",
    9: "preemption, circuit reserved for reuse",
    14: "query on release: number ported",
    16: "normal call clearing",
    17: "user busy",
    18: "no user responding",
    19: "no answer from user",
    20: "subscriber absent",
    21: "call rejected",
    22: "number changed",
    23: "redirection to new destination",
    24: "call rejected due to feature at the destination",
    25: "exchange routing error",
    26: "non-selected user clearing",
    27: "destination out of order",
    28: "invalid number format (address incomplete)",
    29: "facility rejected",
    30: "response to status enquiry",
    31: "normal, unspecified",
    34: "no circuit or channel available",
    38: "network out of order",
    39: "permanent frame mode connection out of service",
    40: "permanent frame mode connection operational",
    41: "temporary failure",
    42: "switching equipment congestion",
    43: "access information discarded",
    44: "requested circuit or channel not available",
    46: "precedence call blocked",
    47: "resource unavailable, unspecified",
    49: "quality of service not available",
    50: "requested facility not subscribed",
    53: "outgoing calls barred within closed user group",
    55: "incoming calls barred within closed user group",
    57: "bearer capability not authorized",
    58: "bearer capability not presently available",
    62: "inconsistency in access information and subscriber class",
    63: "service or option not available, unspecified",
    65: "bearer capability not implemented",
    66: "channel type not implemented",
    69: "requested facility not implemented",
    70: "only restricted digital information available",
    79: "service or option not implemented, unspecified",
    81: "invalid call reference value",
    82: "identified channel does not exist",
    83: "a suspended call exists, but this call identity does not",
    84: "call identity in use",
    85: "no call suspended",
    86: "call with the requested identity has been cleared",
    87: "user not member of closed user group",
    88: "incompatible destination",
    90: "non-existent closed user group",
    91: "invalid transit network selection",
    95: "invalid message, unspecified",
    96: "mandatory information element is missing",
    97: "message type non-existent or not implemented",
    98: "message not compatible with call state",
    99: "information element non-existent or not implemented",
    100: "invalid information element contents",
    101: "message not compatible with call state",
    102: "recovery on timer expiry",
    103: "parameter non-existent or not implemented, passed on",
    110: "message with unrecognized parameter, discarded",
    111: "protocol error, unspecified",
    127: "interworking, unspecified",
}

# How a call ends that nobody complains about: cleared normally.
NORMAL_CLEARING: Final = frozenset({16, 31})


class Reason(msgspec.Struct, frozen=True):
    """One value: at most one a protocol should be there (§2), several often are."""

    protocol: str  # as it is spelled: "Q.850", "SIP", "X.int", "FreeSWITCH", "STIR"
    cause: int | None
    text: str

    @property
    def isdn(self) -> bool:
        """Whether the cause is one of Q.850."""
        return self.protocol.upper().replace(".", "") == "Q850"

    @property
    def sip(self) -> bool:
        """Whether the cause is a SIP status."""
        return self.protocol.upper() == "SIP"

    @property
    def name(self) -> str:
        """What the cause means: Q.850's own words, else the text that came with it."""
        return (Q850.get(self.cause or 0, "") if self.isdn else "") or self.text


def read_reasons(values: Iterable[str]) -> tuple[Reason, ...]:
    """'Q.850 ;cause=16 ;text="Terminated", SIP;cause=200' → both, in order."""
    found = []
    for value in listed(values):
        protocol, parameters = head_and_parameters(value)
        cause = whole_number(parameters.get("cause", ""), 1_000_000)
        found.append(Reason(protocol, cause, parameters.get("text", "")))
    return tuple(found)
