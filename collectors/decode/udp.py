"""UDP datagrams (RFC 768). Checksums are not looked at: on the sending host they are not filled in yet."""

import struct
from typing import Final

from collectors.decode.datagram import Skip

_HEADER: Final = struct.Struct("!HHH")


def parse(packet: bytes, cut: int) -> tuple[int, int, bytes, int] | Skip:
    """(source port, destination port, payload, octets of it that the capture left out).

    `packet` is the payload of IP, of which the capture left out `cut` octets.
    """
    if len(packet) < 8:
        return Skip.BAD_UDP
    source_port, destination_port, length = _HEADER.unpack_from(packet)
    # 0 is a jumbogram (RFC 2675) or segmentation offload: the datagram fills the packet.
    length = length or len(packet) + cut
    if not 8 <= length <= len(packet) + cut:
        return Skip.BAD_UDP
    return source_port, destination_port, packet[8:length], max(0, length - len(packet))
