"""What decoding gives: a `Datagram`, or the reason for which a frame gave none. Pure."""

from enum import StrEnum

import msgspec


class Datagram(msgspec.Struct, frozen=True, gc=False):
    """One payload of a transport as one observer saw it: of UDP a datagram, of a stream one message."""

    captured_us: int  # wire time, µs since the epoch; of fragments that of the one that completed them
    source: str  # IP address as text, IPv6 without brackets
    source_port: int
    destination: str
    destination_port: int
    transport: str  # "udp", "tcp", "tls", "ws", "wss", "sctp"
    observer: str  # "collector/interface"
    payload: bytes
    cut: int = 0  # octets at its end that the capture (its snap length) left out


class Skip(StrEnum):
    """Why a frame gave no datagram. The values are the names of the counters `skipped_<value>`."""

    UNKNOWN_LINK = "unknown_link"  # a link type that is none of ours
    NOT_IP = "not_ip"  # ARP, LLDP, spanning tree, …
    BAD_IP = "bad_ip"  # headers that contradict themselves, or are cut
    BAD_UDP = "bad_udp"
    BAD_TCP = "bad_tcp"
    BAD_SCTP = "bad_sctp"
    TCP = "tcp"  # of a connection that carries no SIP in clear
    SCTP = "sctp"  # carries no SIP
    SEGMENT = "segment"  # completes no message: part of one, or none of its octets are for the application
    RETRANSMISSION = "retransmission"  # of TCP or SCTP: nothing that was not seen before
    ICMP_ERROR = "icmp_error"  # which quotes no SIP message; others are side events
    HEP = "hep"  # a frame of HEP that holds neither SIP nor what is kept beside it
    OTHER_PROTOCOL = "other_protocol"
    TOO_DEEP = "too_deep"  # more tunnels, one in the other, than anybody builds
    FRAGMENT = "fragment"  # held until its datagram is whole: nothing is lost by that
    BAD_FRAGMENT = "bad_fragment"  # overlaps another one (RFC 5722), or reaches beyond 65,535 octets
