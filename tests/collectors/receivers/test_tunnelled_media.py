"""Media in tunnels: let through with the tunnel, sampled behind the filter, and told of its call like any other."""

import struct

import pytest

from collectors.decode.frames import Decoder
from collectors.processors.pipeline import Pipeline
from collectors.receivers.bpf import RTP_SAMPLED, FrameFilter, sip_filter, with_media
from collectors.scenario.encapsulation import WRAPPINGS, wrapped
from tests.collectors.receivers.test_filters import NAMES
from tests.support.messages import request, response
from tests.support.packets import ethernet, ipv4, udp
from tests.support.sdp import PCMU, audio, sdp

ALICE, BOB = "10.0.0.1", "10.0.0.3"


def call() -> list[bytes]:
    invite = request("INVITE", 0, body=sdp(audio(PCMU), address=ALICE))
    answer = response(200, 1, body=sdp(audio(PCMU), address=BOB))
    return [ipv4(udp(invite.raw, 5060), ALICE, BOB), ipv4(udp(answer.raw, 5060), BOB, ALICE)]


def rtp(count: int) -> list[bytes]:
    header = struct.Struct("!BBHII")
    return [
        ipv4(udp(header.pack(0x80, 0, number, number, 7) + bytes(160), 4000, 4000), source, destination)
        for number in range(count)
        for source, destination in ((ALICE, BOB), (BOB, ALICE))
    ]


@pytest.mark.parametrize("name", WRAPPINGS)
def test_rtp_in_a_tunnel_is_told_of_its_call_with_how_many_packets_there_were(name: str) -> None:
    wanted = FrameFilter(with_media(sip_filter(((5060, 5061),), (NAMES.get(name, "gre"),)), "presence"))
    decoder, pipeline = Decoder(), Pipeline(media="presence", sampled=RTP_SAMPLED)
    decoder.add_interface(1, "edge/eth0")
    packets = [*call(), *rtp(640)]
    frames = [
        (number * 10_000, 0, frame)
        for number, packet in enumerate(packets)
        for carried in wrapped(packet, (name,), number, 1500)
        if wanted(1, frame := ethernet(carried.octets, kind=carried.kind))
    ]
    assert len(frames) == len(packets)
    assert len(pipeline.run(decoder.datagrams(frames))) == 2
    side = pipeline.beside(decoder.take_side(), last=True)
    assert [(each.kind, each.destination, each.values["packets"]) for each in side] == [
        ("rtp", BOB, 640),
        ("rtp", ALICE, 640),
    ]
