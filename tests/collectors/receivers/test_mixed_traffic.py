"""Much else than SIP in a capture: passed over for less than a message of SIP takes, in tunnels not for much more."""

import time
from pathlib import Path

import pytest

from collectors.receivers.pcap_file import read_events
from collectors.scenario.encapsulation import wrapped
from tests.support.packets import ethernet, ipv4, ipv6, pcap, udp

PACKETS = 5_000
RTP = udp(b"\x80\x00" + bytes(170), 4000, 4002)


def cost(path: Path, frame: bytes) -> float:
    """Seconds of CPU that a capture of so many such frames takes, the best of three."""
    one = pcap([(1_000_000, frame)])
    path.write_bytes(one[:24] + one[24:] * PACKETS)
    spent = []
    for _ in range(3):
        begin = time.process_time()
        reading = read_events(path)
        for _ in reading.batches():
            pass
        spent.append(time.process_time() - begin)
        assert reading.file.packets == PACKETS
    return min(spent)


@pytest.mark.parametrize(
    ("frame", "most"),
    [
        (ethernet(ipv4(RTP)), 1.0),
        (ethernet(ipv6(RTP)), 2.0),
        (ethernet(bytes(60), kind=0x0806), 1.0),
        *((ethernet(octets, kind=kind), 4.0) for kind, octets, _ in wrapped(ipv4(RTP), ("vxlan",), 1, 1500)),
    ],
    ids=["media", "media over IPv6", "ARP", "media in a tunnel"],
)
def test_what_is_no_sip_costs_little(frame: bytes, most: float, tmp_path: Path) -> None:
    assert cost(tmp_path / "else", frame) < most * cost(tmp_path / "sip", ethernet(ipv4(udp())))
