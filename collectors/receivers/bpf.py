"""Which frames are captured: expressions in the language of tcpdump (pcap-filter(7))."""

from functools import lru_cache
from typing import Final

import pcapy

from collectors.receivers.base import WRONG_USAGE, ReceiverError

# Later fragments have no ports, and of IPv6 not even the first shows them: all fragments of UDP, TCP and SCTP
# are taken, and what they belong to is seen when they are put together.
_FRAGMENTS: Final = (
    "(ip[6:2] & 0x1fff != 0 and (ip[9] = 17 or ip[9] = 6 or ip[9] = 132)) or "
    "(ip6[6] = 44 and (ip6[40] = 17 or ip6[40] = 6 or ip6[40] = 132))"
)
_ALL: Final = 65_535
# libpcap compiles for the numbers of live interfaces, which differ from those in files for raw IP.
_LIVE_TYPES: Final = {101: 12, 14: 12, 228: 12, 229: 12}


def sip_filter(ports: tuple[tuple[int, int], ...]) -> str:
    """SIP on these ranges of ports, fragments of anything included."""
    ranges = " or ".join(f"portrange {first}-{last}" for first, last in ports)
    return f"((tcp or udp or sctp) and ({ranges})) or {_FRAGMENTS}"


def check(expression: str) -> None:
    """Raise `ReceiverError` when an expression is none."""
    _compiled(expression, 1)


class FrameFilter:
    """An expression applied to the frames of a file, whatever their link types."""

    def __init__(self, expression: str) -> None:
        """Raises `ReceiverError` when `expression` is none."""
        check(expression)
        self._expression = expression

    def __call__(self, link_type: int, frame: bytes) -> bool:
        """Whether the frame is one of those that are wanted."""
        return bool(_compiled(self._expression, _LIVE_TYPES.get(link_type, link_type)).filter(frame))


@lru_cache(64)
def _compiled(expression: str, link_type: int) -> pcapy.BPFProgram:
    try:
        return pcapy.compile(link_type, _ALL, expression, 1, 0xFFFFFFFF)
    except pcapy.PcapError as error:
        problem = f"the filter {expression!r} can't be used on link type {link_type}: {error}"
        raise ReceiverError(problem, WRONG_USAGE) from error
