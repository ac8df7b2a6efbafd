"""What a network says of a packet that it did not deliver: the `text` of a `SideEvent` of kind "icmp"."""

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
