"""Real TLS between two ends in this process: what each puts on the wire, and the secrets of the connection."""

import ssl
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.support.packets import ethernet, ipv4
from tests.support.streams import tcp

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
CLIENT, SERVER = "192.0.2.1", "192.0.2.2"
_MAKE = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=sip.example.com "
    "-days 2 -keyout key -out certificate"
)

# (whether the client sends it, octets)
Said = tuple[bool, bytes]


def make_certificate(folder: Path) -> None:
    """Leave "certificate" and "key" of sip.example.com in a folder."""
    subprocess.run(_MAKE.split(), cwd=folder, check=True, capture_output=True)


class _End:
    """One end, with what it received and what it puts on the wire."""

    def __init__(self, context: ssl.SSLContext, *, server: bool) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        name = None if server else "sip.example.com"
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=server, server_hostname=name)


def conversation(folder: Path, version: ssl.TLSVersion, said: Sequence[Said], secrets: Path) -> list[Said]:
    """What is on the wire of a connection on which these things are said, in order.

    `folder` has a certificate; the connection's secrets are added to `secrets`, a file as of SSLKEYLOGFILE.
    """
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(folder / "certificate", folder / "key")
    serving.keylog_filename = str(secrets)
    asking = ssl.create_default_context(cafile=str(folder / "certificate"))
    asking.minimum_version = asking.maximum_version = version
    client, server = _End(asking, server=False), _End(serving, server=True)
    wire: list[Said] = []

    def carry(source: _End, destination: _End) -> None:
        octets = source.outgoing.read()
        if octets:
            wire.append((source is client, octets))
            destination.incoming.write(octets)

    for _ in range(4):
        for end, other in ((client, server), (server, client)):
            with suppress(ssl.SSLWantReadError):
                end.tls.do_handshake()
            carry(end, other)
    for by_client, octets in said:
        end, other = (client, server) if by_client else (server, client)
        end.tls.write(octets)
        carry(end, other)
        other.tls.read(65_536)
    return wire


def handshake(asking: ssl.SSLContext, serving: ssl.SSLContext) -> list[Said]:
    """What is on the wire of a handshake, however it ends."""
    client, server = _End(asking, server=False), _End(serving, server=True)
    wire: list[Said] = []
    for _ in range(4):
        for end, other in ((client, server), (server, client)):
            with suppress(ssl.SSLError):
                end.tls.do_handshake()
            octets = end.outgoing.read()
            if octets:
                wire.append((end is client, octets))
                other.incoming.write(octets)
    return wire


def frames(wire: Sequence[Said], port: int) -> list[bytes]:
    """What is on the wire as Ethernet frames of a TCP connection to a port, in segments of 1,400 octets."""
    numbers = {True: 1, False: 1}
    found = [_frame(b"", numbers, port, by_client=True, flags=0x02)]
    found.append(_frame(b"", numbers, port, by_client=False, flags=0x12))
    for by_client, octets in wire:
        for at in range(0, len(octets), 1400):
            part = octets[at : at + 1400]
            found.append(_frame(part, numbers, port, by_client=by_client))
            numbers[by_client] += len(part)
    return found


def _frame(octets: bytes, numbers: dict[bool, int], port: int, *, by_client: bool, flags: int = 0x18) -> bytes:
    ports = (40_000, port) if by_client else (port, 40_000)
    ends = (CLIENT, SERVER) if by_client else (SERVER, CLIENT)
    sequence = numbers[by_client] - (flags & 0x02) // 2
    segment = tcp(octets, sequence, acknowledgment=numbers[not by_client], flags=flags, ports=ports)
    return ethernet(ipv4(segment, *ends, 6))
