"""Packets and capture files, built octet by octet from the standards, independently of what reads them."""

import socket
import struct

SIP = (
    b"OPTIONS sip:bob@192.0.2.2 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKtable\r\n"
    b"From: <sip:alice@192.0.2.1>;tag=a1\r\nTo: <sip:bob@192.0.2.2>\r\n"
    b"Call-ID: table@192.0.2.1\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)


def udp(payload: bytes = SIP, source_port: int = 5062, destination_port: int = 5060) -> bytes:
    """A UDP datagram, without a checksum."""
    return struct.pack("!HHHH", source_port, destination_port, 8 + len(payload), 0) + payload


def ipv4(
    payload: bytes,
    source: str = "192.0.2.1",
    destination: str = "192.0.2.2",
    protocol: int = 17,
    *,
    identification: int = 7,
    offset: int = 0,
    more: bool = False,
    options: bytes = b"",
) -> bytes:
    """An IPv4 packet; `offset` is in octets, `options` a multiple of four octets."""
    header = 20 + len(options)
    return (
        struct.pack(
            "!BBHHHBBH4s4s",
            0x40 | header // 4,
            0,
            header + len(payload),
            identification,
            more << 13 | offset // 8,
            64,
            protocol,
            0,
            socket.inet_aton(source),
            socket.inet_aton(destination),
        )
        + options
        + payload
    )


def ipv6(payload: bytes, source: str = "2001:db8::1", destination: str = "2001:db8::2", header: int = 17) -> bytes:
    """An IPv6 packet; `header` is the type of the first header in `payload`."""
    ends = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, destination)
    return struct.pack("!IHBB", 6 << 28, len(payload), header, 64) + ends + payload


def extension(following: int, *, length: int = 0, content: bytes = b"") -> bytes:
    """An IPv6 extension header of 8 · (length + 1) octets, `following` being the next header's type."""
    return bytes((following, length)) + content.ljust(6 + 8 * length, b"\0")


def fragment_header(following: int, *, identification: int = 7, offset: int = 0, more: bool = False) -> bytes:
    """An IPv6 fragment header; `offset` is in octets."""
    return struct.pack("!BBHI", following, 0, offset | more, identification)


def pieces_v4(payload: bytes, size: int, identification: int = 7, protocol: int = 17) -> list[bytes]:
    """IPv4 fragments of `size` octets each."""
    return [
        ipv4(
            payload[at : at + size],
            protocol=protocol,
            identification=identification,
            offset=at,
            more=at + size < len(payload),
        )
        for at in range(0, len(payload), size)
    ]


def pieces_v6(payload: bytes, size: int, identification: int = 7, following: int = 17) -> list[bytes]:
    """IPv6 fragments of `size` octets each."""
    return [
        ipv6(
            fragment_header(following, identification=identification, offset=at, more=at + size < len(payload))
            + payload[at : at + size],
            header=44,
        )
        for at in range(0, len(payload), size)
    ]


def ethernet(packet: bytes, *, kind: int | None = None, tags: tuple[tuple[int, int], ...] = ()) -> bytes:
    """An Ethernet frame; `tags` are (EtherType, VLAN number), outermost first."""
    if kind is None:
        kind = 0x0800 if packet[0] >> 4 == 4 else 0x86DD
    header = b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01"
    return header + b"".join(struct.pack("!HH", *tag) for tag in tags) + struct.pack("!H", kind) + packet


def cooked(packet: bytes, kind: int = 0x0800) -> bytes:
    """A frame of the interface `any`, first version."""
    return struct.pack("!HHH8sH", 0, 1, 6, b"\x02\0\0\0\0\x01", kind) + packet


def cooked_v2(packet: bytes, kind: int = 0x0800) -> bytes:
    """A frame of the interface `any`, second version."""
    return struct.pack("!HHIHBB8s", kind, 0, 2, 1, 0, 6, b"\x02\0\0\0\0\x01") + packet


def pcap(
    frames: list[tuple[int, bytes]],
    link_type: int = 1,
    *,
    order: str = "<",
    magic: int = 0xA1B2C3D4,
    nanoseconds: bool = False,
    cut: int = 0,
) -> bytes:
    """A classic capture file of (µs since the epoch, frame); `cut` octets are left out at each frame's end."""
    magic = 0xA1B23C4D if nanoseconds else magic
    file = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, link_type)
    if magic in (0x1C0001AB, 0x1C0001AC):
        file += b"\0\0\0\0"
    for time_us, frame in frames:
        seconds, fraction = divmod(time_us, 1_000_000)
        fraction *= 1000 if nanoseconds or magic == 0x1C0001AC else 1
        kept = frame[: len(frame) - cut]
        file += struct.pack(order + "IIII", seconds, fraction, len(kept), len(frame))
        file += (b"\0" * 8 if magic == 0xA1B2CD34 else b"") + kept
    return file


def block(kind: int, content: bytes, order: str = "<") -> bytes:
    """A block of a pcapng file."""
    content += b"\0" * (-len(content) % 4)
    size = struct.pack(order + "I", len(content) + 12)
    return struct.pack(order + "I", kind) + size + content + size


def section(order: str = "<") -> bytes:
    """The block that begins a section."""
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def option(code: int, value: bytes, order: str = "<") -> bytes:
    """An option of a block."""
    return struct.pack(order + "HH", code, len(value)) + value + b"\0" * (-len(value) % 4)


def interface(link_type: int = 1, order: str = "<", options: bytes = b"") -> bytes:
    """The block that declares an interface."""
    return block(1, struct.pack(order + "HHI", link_type, 0, 262144) + options, order)


def enhanced(frame: bytes, ticks: int, number: int = 0, order: str = "<", options: bytes = b"") -> bytes:
    """The block of a packet; `ticks` in units of its interface's resolution."""
    head = struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame))
    return block(6, head + frame + b"\0" * (-len(frame) % 4) + options, order)
