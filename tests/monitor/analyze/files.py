"""Capture files for tests: situations of the scenario library, and messages put together by hand."""

from collections.abc import Iterable
from pathlib import Path

from collectors.scenario.capture import capture
from collectors.scenario.pcap import pcap

_A, _B = b"\xc0\x00\x02\x01", b"\xc0\x00\x02\x02"


def situation(folder: Path, name: str, **options: object) -> Path:
    """The capture of a situation of the library; `options` as of `collectors.scenario.capture.capture`."""
    path = folder / f"{name}.pcap"
    path.write_bytes(b"".join(capture(name, **options)))  # type: ignore[arg-type]  # handed through
    return path


def joined(folder: Path, *names: str) -> Path:
    """Several situations, one after the other, in one file."""
    path = folder / "joined.pcap"
    pieces = [b"".join(capture(name, seed=f"{name} {index}")) for index, name in enumerate(names)]
    path.write_bytes(pieces[0] + b"".join(piece[24:] for piece in pieces[1:]))
    return path


def written(folder: Path, messages: Iterable[tuple[float, bytes]]) -> Path:
    """(seconds, octets of a UDP payload) from 192.0.2.1:5060 to 192.0.2.2:5060; responses the other way."""
    path = folder / "written.pcap"
    packets = (
        (round(at_s * 1_000_000), frame(octets, *((_B, _A) if octets.startswith(b"SIP/2.0") else (_A, _B))))
        for at_s, octets in messages
    )
    path.write_bytes(b"".join(pcap(packets)))
    return path


def frame(payload: bytes, source: bytes = _A, destination: bytes = _B) -> bytes:
    """An Ethernet frame with an IPv4 packet with a UDP datagram, between two ports 5060."""
    datagram = b"\x13\xc4\x13\xc4" + (8 + len(payload)).to_bytes(2, "big") + b"\0\0" + payload
    header = b"\x45\0" + (20 + len(datagram)).to_bytes(2, "big") + b"\0\0\0\0\x40\x11\0\0" + source + destination
    return b"\0" * 12 + b"\x08\0" + header + datagram
