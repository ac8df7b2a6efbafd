"""HEP frames put together by hand, octet by octet, as agents send them."""

import struct

VECTOR = bytes.fromhex(  # of the specification
    "484550330071 00000001000702 00000002000711 00000003000ad4ca0001 00000004000a527400d3 0000000700082eea"
    "00000008000813c4 00000009000a4e4982cb 0000000a000a0001d4c0 0000000b000701 0000000c000a000000e4"
    "0000000f0014494e56495445207369703a626f62"
)


def chunk(kind: int, body: bytes, vendor: int = 0, length: int | None = None) -> bytes:
    """A chunk; `length` is what it says of itself, where that is not true."""
    return struct.pack("!HHH", vendor, kind, 6 + len(body) if length is None else length) + body


def hep3(*chunks: bytes, length: int | None = None) -> bytes:
    """A frame of version 3."""
    body = b"".join(chunks)
    return b"HEP3" + (6 + len(body) if length is None else length).to_bytes(2, "big") + body


def ends(source: bytes = b"\xc0\0\x02\x01", destination: bytes = b"\xc0\0\x02\x02", protocol: int = 17) -> list[bytes]:
    """The chunks that say between whom something went: port 5060 of two IPv4 addresses."""
    return [
        chunk(0x01, b"\x02"),
        chunk(0x02, bytes((protocol,))),
        chunk(0x03, source),
        chunk(0x04, destination),
        chunk(0x07, b"\x13\xc4"),
        chunk(0x08, b"\x13\xc4"),
    ]


def told(
    payload: bytes,
    at_us: int,
    *extra: bytes,
    kind: int = 1,
    agent: int = 2001,
    protocol: int = 17,
) -> bytes:
    """A frame as Kamailio sends it, with a payload seen at that time; `extra` chunks come before it."""
    seconds, microseconds = divmod(at_us, 1_000_000)
    return hep3(
        *ends(protocol=protocol),
        chunk(0x09, seconds.to_bytes(4, "big")),
        chunk(0x0A, microseconds.to_bytes(4, "big")),
        chunk(0x0B, bytes((kind,))),
        chunk(0x0C, agent.to_bytes(4, "big")),
        *extra,
        chunk(0x0F, payload),
    )
