"""What goes wrong below SIP: the `text` of `SideEvent`s of the kinds "icmp" and "tcp"."""

from enum import StrEnum
from typing import Final


class Trouble(StrEnum):
    """Why a packet did not arrive, whatever the version of IP."""

    PORT = "port unreachable"  # the host is there; nothing listens
    HOST = "host unreachable"
    NETWORK = "network unreachable"
    PROTOCOL = "protocol unreachable"
    PROHIBITED = "prohibited"  # by a filter on the way, or at the host
    TOO_BIG = "fragmentation needed"
    EXPIRED = "time exceeded"  # too many hops, or fragments that did not come together
    OTHER = "not delivered"


# Those after which it is certain that nobody will answer.
FATAL: Final = frozenset((Trouble.PORT, Trouble.HOST, Trouble.NETWORK, Trouble.PROTOCOL, Trouble.PROHIBITED))


class Connection(StrEnum):
    """What became of a connection."""

    RESET = "connection reset"  # after a request, and before any response
    REFUSED = "connection refused"  # RST in answer to SYN
    UNANSWERED = "connection unanswered"  # SYN sent three times
    ALERT = "TLS alert"  # in the clear, so before TLS was established; `values` has its "alert" (RFC 8446 §6.2)
