"""Messages that Wireshark exported without their packets (LINKTYPE_WIRESHARK_UPPER_PDU), out of TLS for example.

Tags say what they were: type and length in two octets each, as many octets as that; then comes the message.
https://gitlab.com/wireshark/wireshark/-/blob/master/wsutil/exported_pdu_tlvs.h
"""

from typing import Final, NamedTuple

_END: Final = 0
_SOURCES: Final = frozenset((20, 22))  # IPv4, IPv6
_DESTINATIONS: Final = frozenset((21, 23))
_PORT_TYPE: Final = 24
_SOURCE_PORT: Final = 25
_DESTINATION_PORT: Final = 26
_TRANSPORTS: Final = {1: "sctp", 2: "tcp", 3: "udp"}
_MAX_TAGS: Final = 64


class Exported(NamedTuple):
    """A message and where it went; its transport as Wireshark tells it, which is TCP where it was TLS, too."""

    source: bytes  # 4 or 16 octets
    source_port: int
    destination: bytes
    destination_port: int
    transport: str
    payload: bytes


def parse(frame: bytes) -> Exported | None:
    """The message in a frame; None where its tags are cut, or don't say between whom it went."""
    source = destination = b""
    ports = {_SOURCE_PORT: 0, _DESTINATION_PORT: 0, _PORT_TYPE: 0}
    at = 0
    for _ in range(_MAX_TAGS):
        if len(frame) < at + 4:
            return None
        tag, size = int.from_bytes(frame[at : at + 2], "big"), int.from_bytes(frame[at + 2 : at + 4], "big")
        value, at = frame[at + 4 : at + 4 + size], at + 4 + size
        if tag == _END:
            break
        if tag in _SOURCES:
            source = value
        elif tag in _DESTINATIONS:
            destination = value
        elif tag in ports:
            ports[tag] = int.from_bytes(value, "big") & 0xFFFF
    transport = _TRANSPORTS.get(ports[_PORT_TYPE], "")
    if not transport or len(source) not in (4, 16) or len(source) != len(destination):
        return None
    return Exported(source, ports[_SOURCE_PORT], destination, ports[_DESTINATION_PORT], transport, frame[at:])
