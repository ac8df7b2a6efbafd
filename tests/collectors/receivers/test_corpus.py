"""Real captures: as many packets and SIP messages as tshark counted independently."""

import csv
from pathlib import Path

import pytest

from collectors.receivers.base import ReceiverError
from collectors.receivers.pcap_file import read_events
from collectors.receivers.tshark import TsharkReceiver
from collectors.wire.events import ICMP

# Of what begins like SIP, tshark refuses more than we do; of fragments in several tunnels it joins the first, and
# of TCP segments there, too, it reads the first.
MORE_THAN_TSHARK = (
    "115-fuzz-2006-06-26-2594.pcap",
    "121-ipsec_reg.pcapng",
    "124-nonipsec_to_ipsec_call.pcapng",
    "125-volte.pcapng",
)
OTHER_FORMAT = "036-c07-sip-r2.cap"


def rows(corpus: Path) -> list[dict[str, str]]:
    with (corpus / "TRUTH.tsv").open() as file:
        return [row for row in csv.DictReader(file, delimiter="\t") if row["file"].startswith("captures/")]


def test_our_own_reader_finds_every_packet_and_every_message(corpus: Path) -> None:
    disagreements = []
    chosen = rows(corpus)
    assert len(chosen) > 100
    for row in chosen:
        name = row["file"].removeprefix("captures/")
        if name == OTHER_FORMAT:
            continue
        reading = read_events(corpus / row["file"])
        messages = errors = 0
        for batch in reading.batches():
            messages += len(batch)
            errors += sum(side.kind == ICMP for side in reading.side())
        expected = int(row["sip_msgs"])
        agrees = messages >= expected if name in MORE_THAN_TSHARK else messages == expected
        if not agrees or errors != int(row["in_icmp"]) or reading.file.packets != int(row["frames"]):
            disagreements.append(f"{name}: {messages} messages in {reading.file.packets} packets; truth {row}")
    assert not disagreements, "\n".join(disagreements)


def test_another_format_is_named(corpus: Path) -> None:
    with pytest.raises(ReceiverError, match="Network Monitor"):
        list(read_events(corpus / "captures" / OTHER_FORMAT))


@pytest.mark.parametrize(
    "name",
    [
        "046-sip-tcp-method-sip-tcp.pcap",
        "081-SIP-Call-Flow-Over-TCP.pcap",
        "096-ipip.pcap",
        "116-gre.pcapng",
        "053-gtp-iphone.pcap",
        "132-sip_tcp_websocket.pcap",
        "130-sip_ipv4_tcp_fragmented.pcap",
    ],
)
def test_tshark_finds_messages_in_streams_and_tunnels(corpus: Path, name: str) -> None:
    (row,) = (row for row in rows(corpus) if row["file"] == f"captures/{name}")
    decode_as = {"tcp.port==6060": "sip"} if row["tshark_opts"] else {}
    receiver = TsharkReceiver("edge", path=str(corpus / row["file"]), real_time=False, decode_as=decode_as)
    receiver.start()
    found = []
    while not receiver.finished:
        found += receiver.read(0.2)
    receiver.stop()
    assert len(found) == int(row["sip_msgs"])
    assert {datagram.transport for datagram in found} == set(row["transports"].split(","))
    assert receiver.counters()["unreadable"] == 0
