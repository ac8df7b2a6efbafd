"""Which frames are captured: expressions in the language of tcpdump (pcap-filter(7))."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import pcapy

from collectors.receivers.base import WRONG_USAGE, ReceiverError
from collectors.receivers.carriers import ETHER_TYPES, PORTS, PROTOCOLS

_UDP, _TCP, _SCTP = 17, 6, 132
_ICMPV6: Final = 58
_FRAGMENT_HEADER: Final = 44
# Errors that tell of a packet that did not arrive: unreachable, time exceeded, parameter problem; of IPv6
# too big besides.
_ERRORS: Final = (3, 11, 12)
_ERRORS_V6: Final = (1, 2, 3, 4)

_ALL: Final = 65_535
# libpcap compiles for the numbers of live interfaces, which differ from those in files for raw IP.
_LIVE_TYPES: Final = {101: 12, 14: 12, 228: 12, 229: 12}


def sip_filter(ports: tuple[tuple[int, int], ...], tunnels: tuple[str, ...] = ()) -> str:
    """SIP on these ranges of ports, ICMP errors about it, and all that these tunnels carry: no filter looks into them.

    Later fragments have no ports, and of IPv6 not even the first shows them: all fragments of the protocols
    that matter are taken, and what they belong to is seen when they are put together.
    """
    protocols = [number for name in tunnels for number in PROTOCOLS.get(name, ())]
    ranges = " or ".join(f"portrange {first}-{last}" for first, last in ports)
    terms = [
        f"(tcp or udp or sctp) and ({ranges})",
        *_errors(ports),
        *_fragments([_UDP, _TCP, _SCTP, *protocols]),
        *(f"ether proto {kind:#x}" for name in tunnels for kind in ETHER_TYPES.get(name, ())),
        *(f"{version} proto {number}" for number in protocols for version in ("ip", "ip6")),
        *(f"udp dst port {port}" for name in tunnels for port in PORTS.get(name, ())),
    ]
    return " or ".join(f"({term})" for term in terms)


def _errors(ports: tuple[tuple[int, int], ...]) -> tuple[str, str]:
    """ICMP errors that quote a packet from or to these ports, whose IP header has no options."""
    return (
        f"{_one_of('icmp[0]', _ERRORS)} and icmp[8] & 0xf = 5 and ({_within('icmp', 28, ports)})",
        f"ip6[6] = {_ICMPV6} and {_one_of('ip6[40]', _ERRORS_V6)} and ({_within('ip6', 88, ports)})",
    )


def _within(header: str, at: int, ports: tuple[tuple[int, int], ...]) -> str:
    """Whether one of the two ports at an offset is in a range."""
    fields = (f"{header}[{at}:2]", f"{header}[{at + 2}:2]")
    return " or ".join(f"({field} >= {first} and {field} <= {last})" for first, last in ports for field in fields)


def _fragments(protocols: list[int]) -> tuple[str, str]:
    return (
        f"ip[6:2] & 0x1fff != 0 and {_one_of('ip[9]', protocols)}",
        f"ip6[6] = {_FRAGMENT_HEADER} and {_one_of('ip6[40]', protocols)}",
    )


def _one_of(field: str, values: Iterable[int]) -> str:
    return f"({' or '.join(f'{field} = {value}' for value in values)})"


# The octets behind the UDP header: version 2; of RTCP the packet type (RFC 5761 §4); not DNS, whose random
# numbers may look so.
_RTCP: Final = (
    "((udp[8] & 0xc0 = 0x80 and udp[9] >= 200 and udp[9] <= 207) or "
    "(ip6[6] = 17 and ip6[48] & 0xc0 = 0x80 and ip6[49] >= 200 and ip6[49] <= 207)) and not port 53"
)
# One RTP packet in `RTP_SAMPLED`, by its sequence number: the kernel drops the others.
RTP_SAMPLED: Final = 32
_RTP: Final = (
    "((udp[8] & 0xc0 = 0x80 and (udp[9] < 192 or udp[9] > 223) and udp[11] & 0x1f = 0) or "
    "(ip6[6] = 17 and ip6[48] & 0xc0 = 0x80 and (ip6[49] < 192 or ip6[49] > 223) and ip6[51] & 0x1f = 0)) "
    "and not port 53"
)


def with_media(expression: str, media: str) -> str:
    """The same, with what "rtcp" or "presence" need to see beside it."""
    wanted = {"off": [], "rtcp": [_RTCP], "presence": [_RTCP, _RTP]}[media]
    return " or ".join(f"({each})" for each in (expression, *wanted)) if wanted else expression


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
