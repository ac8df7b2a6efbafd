"""What fuzzing begins with: well-formed input of each kind, made by ourselves."""

import gzip
from functools import cache
from itertools import islice

import zstandard

from collectors.scenario.cast import Cast
from collectors.scenario.encapsulation import WRAPPINGS, wrapped
from collectors.scenario.library import CALLS, REGISTRATIONS, play
from collectors.scenario.packets import packets
from collectors.scenario.streams import Weather
from collectors.wire.codec import encode
from collectors.wire.events import SCHEMA, Batch
from tests.collectors.decode.test_rtcp import SENT, VOIP, block
from tests.collectors.decode.test_rtcp import packet as rtcp
from tests.collectors.sip.test_passport import CLAIMS, HEADER, encoded
from tests.collectors.sip.torture import SDP, message
from tests.collectors.sip.torture_cases import CASES
from tests.fuzz.targets import APART
from tests.support.hep import VECTOR, chunk, hep3, told
from tests.support.packets import enhanced, ethernet, interface, ipv4, ipv6, pcap, section, udp

HEADERS = (
    '"A, \\"B\\"" <sip:a:pw@h.example.com:5060;lr?x=%61&y=z>;tag=1;q=0.5;expires=60;+sip.instance="<urn:1>";reg-id=1',
    "<sip:+12025550100;npdi;rn=+15715550100@[2001:db8::1]:5061;user=phone>;index=1.1;rc=1, <tel:+1-2;rn=3;cic=+4>",
    'Q.850;cause=16;text="a", SIP;cause=200, 307 isi.edu "x", 120 (a comment);duration=60',
    "98732@sip.example.com;from-tag=r33th4x0r;to-tag=ff87ff;early-only",
    "1800;refresher=uac, terminated;reason=noresource;retry-after=10, presence.winfo;id=1",
    "ab30317f1a784dc48ff824d0d3715d86;remote=47755a9de7794ba387653f2099600ef2",
    'icid-value="1";orig-ioi=a, PS=1;OS=2;;JI=6,1, Dur=26,Pkt=1302,VQMetrics="MLQK=4.5;CCR=0"',
    'Digest realm="a", nonce="b", qop="auth,auth-int", stale=false',
)
VIAS = (
    "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport=1;received=[2001:db8::1], SIP / 2.0 / TLS [::1] ; maddr=1",
    "SIP/2.0/WSS abc.invalid;branch=z9hG4bK-;keep",
)
PASSPORTS = (
    f"{encoded(HEADER)}.{encoded(CLAIMS)}.c2ln;info=<https://i.example.org/a.pem>;alg=ES256;ppt=shaken",
    "..c2ln;info=<https://i.example.org/a.pem>;ppt=div",
)
MULTIPART = message(
    "INVITE sip:u@h SIP/2.0",
    "Content-Type: multipart/mixed;boundary=a",
    body=f"--a\r\nContent-Type: application/sdp\r\n\r\n{SDP}\r\n--a\r\n"
    "Content-Type: multipart/related;boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n--a--\r\n",
)


def messages() -> list[bytes]:
    """Torture messages, and those of made-up calls and registrations."""
    played = [event for name in (*CALLS, *REGISTRATIONS)[:8] for event in play(name).events()]
    return [*(case.raw for case in CASES), *dict.fromkeys(event.raw for event in islice(played, 60)), MULTIPART]


def in_tunnels() -> list[bytes]:
    """A datagram in every wrapping, and ICMP errors that quote one, as a decoder's input is written down."""
    inner = ipv4(udp())
    errors = (ipv4(b"\3\3" + bytes(6) + inner, protocol=1), ipv6(b"\1\4" + bytes(6) + ipv6(udp()), header=58))
    wrappings = [(*name, "vxlan") for name in ((), ("vlan",))] + [(name,) for name in WRAPPINGS]
    frames = [ethernet(octets, kind=kind) for names in wrappings for kind, octets, _ in wrapped(inner, names, 1, 1500)]
    return [b"\1" + len(each).to_bytes(2, "big") + each for each in (*frames, *map(ethernet, errors))]


def in_streams() -> list[bytes]:
    """A call over each transport that has segments or chunks, some lost, some twice, some too late."""
    weather = Weather(segment=200, small=0.2, reordered=0.2, repeated=0.1, missed=0.1)
    calls = [play("good", "", Cast(transport=transport)).play() for transport in ("tcp", "ws", "sctp")]
    captures = [[octets for _, octets in islice(packets(call, weather=weather), 30)] for call in calls]
    return [b"\1" + b"".join(len(each).to_bytes(2, "big") + each for each in frames) for frames in captures]


@cache
def seeds(target: str) -> list[bytes]:
    """The seeds of a target."""
    raw = messages()
    frame = ethernet(ipv4(udp()))
    frame6 = ethernet(ipv6(udp()), kind=0x86DD)
    framed = b"\1" + b"".join(len(each).to_bytes(2, "big") + each for each in (frame, frame6))
    classic = pcap([(1_000_000, frame), (2_000_000, frame6)])
    modern = section() + interface() + enhanced(frame, 1_000_000) + enhanced(frame6, 2_000_000)
    handshake = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
    ping = b"\x89\x02hi"
    text_frame = b"\x81\x7e" + len(raw[0]).to_bytes(2, "big") + raw[0]
    events = play("good").events()
    by_target = {
        "header-readings": [value.encode() for value in HEADERS],
        "address": [value.encode() for value in HEADERS[:2]],
        "via": [value.encode() for value in VIAS],
        "passport": [value.encode() for value in PASSPORTS],
        "sdp": [SDP.encode(), b"v=0\r\nm=audio 1 RTP/SAVP 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendonly\r\n"],
        "framing": [raw[0] + raw[1], b"\r\n\r\n" + raw[2]],
        "websocket": [handshake + text_frame + ping, text_frame],
        "frames": [framed, *in_tunnels(), *in_streams()],
        "hep-frames": [
            VECTOR,
            told(raw[0], 1_800_000_000_000_000, protocol=6) + told(b"line", 0, chunk(0x11, b"call"), kind=100),
            told(
                b'{"type":200,"report_blocks":[{"source_ssrc":1}]}',
                0,
                chunk(0x11, b"call"),
                chunk(0x20, b"\1\2"),
                kind=5,
            ),
            hep3(chunk(5, bytes(16)), chunk(6, bytes(16)), chunk(0x10, gzip.compress(raw[0]))),
            b"\2\x10\2\x11\x13\xc4\x13\xc4" + bytes(8) + b"\x2e\x6f\xa7\x5d\x94\xad\0\0\1\0\0\0" + raw[0],
        ],
        "rtcp-reports": [
            rtcp(200, SENT + block(), 1) + rtcp(202, bytes(4), 1),
            rtcp(201, bytes(4) + block() + block(8), 2),
            rtcp(207, bytes(4) + VOIP),
        ],
        "capture-file": [classic, modern, gzip.compress(classic), zstandard.compress(modern)],
        "batch": [encode(Batch(SCHEMA, "lab", "boot", 0, 0, events[:3]))],
        "correlator": [
            APART.join(raw[:12]),
            *(APART.join(event.raw for event in play(name).events()[:40]) for name in (*CALLS, *REGISTRATIONS)),
        ],
    }
    return by_target.get(target, raw)
