"""RTCP, read: sender and receiver reports (RFC 3550 §6.4) and the VoIP metrics of extended reports (RFC 3611 §4.7).

A compound packet in, one `Report` a report block out. Total: what can't be read ends the reading; what was read
before that counts.
"""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

SENDER_REPORT: Final = 200
RECEIVER_REPORT: Final = 201
EXTENDED_REPORT: Final = 207
_FIRST_TYPE: Final = 200
_LAST_TYPE: Final = 207
_VOIP_METRICS: Final = 7  # block type of an extended report
_VOIP_WORDS: Final = 8  # its length
_MOST_REPORTS: Final = 32  # of one packet: a conference, not junk
_DELAYS: Final = 65_536  # DLSR counts these in a second

_HEADER: Final = struct.Struct("!BBH")
_SSRC: Final = struct.Struct("!I")
_SENDER: Final = struct.Struct("!IIIII")  # NTP seconds and fraction, RTP time stamp, packets, octets
_BLOCK: Final = struct.Struct("!IB3sIIII")
# SSRC; loss, discard, burst and gap density; burst and gap duration, round trip, end system delay; signal, noise,
# RERL, Gmin, R, external R, MOS-LQ, MOS-CQ; configuration, reserved, nominal, greatest and absolute jitter buffer.
_VOIP: Final = struct.Struct("!IBBBBHHHHbbBBBBBBBxHHH")


class Report(NamedTuple):
    """What one receiver says of one stream that it gets, or what a sender says of itself (no `source`)."""

    kind: str  # "sender report", "receiver report", "VoIP metrics"
    ssrc: int  # who reports
    source: int | None  # the stream that is reported on
    values: dict[str, float]  # see `docs/media.md`


def looks_like_rtcp(payload: bytes) -> bool:
    """Whether a datagram is RTCP, as far as its first packet shows (RFC 3550 §A.2, RFC 5761 §4)."""
    if len(payload) < 8 or payload[0] >> 6 != 2 or not _FIRST_TYPE <= payload[1] <= _LAST_TYPE:
        return False
    return (int.from_bytes(payload[2:4], "big") + 1) * 4 <= len(payload)


def reports(payload: bytes) -> list[Report]:
    """The reports of a compound packet."""
    found: list[Report] = []
    for kind, count, body in _packets(payload):
        if kind == SENDER_REPORT and len(body) >= 24:
            found += _sender(body, count)
        elif kind == RECEIVER_REPORT and len(body) >= 4:
            (ssrc,) = _SSRC.unpack_from(body)
            found += _blocks("receiver report", ssrc, body[4:], count, {})
        elif kind == EXTENDED_REPORT and len(body) >= 4:
            found += _extended(body)
    return found[:_MOST_REPORTS]


def _packets(payload: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(packet type, count, what follows the header) of each packet of a compound one."""
    at = 0
    while at + 4 <= len(payload):
        first, kind, words = _HEADER.unpack_from(payload, at)
        end = at + (words + 1) * 4
        if first >> 6 != 2 or not _FIRST_TYPE <= kind <= _LAST_TYPE or end > len(payload):
            return
        yield kind, first & 0x1F, payload[at + 4 : end]
        at = end


def _sender(body: bytes, count: int) -> list[Report]:
    (ssrc,) = _SSRC.unpack_from(body)
    seconds, fraction, _, packets, octets = _SENDER.unpack_from(body, 4)
    common = {
        "packets": float(packets),
        "octets": float(octets),
        # The middle of the NTP time, by which a receiver names this report (RFC 3550 §6.4.1, LSR).
        "sent": float((seconds & 0xFFFF) << 16 | fraction >> 16),
    }
    found = _blocks("sender report", ssrc, body[24:], count, common)
    return found or [Report("sender report", ssrc, None, common)]


def _blocks(kind: str, ssrc: int, octets: bytes, count: int, common: dict[str, float]) -> list[Report]:
    found = []
    for at in range(0, min(count * _BLOCK.size, len(octets) - _BLOCK.size + 1), _BLOCK.size):
        source, fraction, lost, highest, jitter, last, delay = _BLOCK.unpack_from(octets, at)
        values = common | {
            "lost_pct": fraction * 100 / 256,
            "lost": float(int.from_bytes(lost, "big", signed=True)),
            "highest": float(highest),
            "jitter": float(jitter),
        }
        if last:
            values |= {"of": float(last), "held_ms": delay * 1000 / _DELAYS}
        found.append(Report(kind, ssrc, source, values))
    return found


def _extended(body: bytes) -> Iterator[Report]:
    (ssrc,) = _SSRC.unpack_from(body)
    at = 4
    while at + 4 <= len(body):
        kind, _, words = _HEADER.unpack_from(body, at)
        if kind == _VOIP_METRICS and words == _VOIP_WORDS and at + 36 <= len(body):
            yield _voip(ssrc, body[at + 4 : at + 36])
        at += (words + 1) * 4


def _voip(ssrc: int, block: bytes) -> Report:
    (
        source, loss, discard, burst_density, _, burst_ms, _, round_trip, end_delay, _, _, _, _, factor, _, listening,
        conversational, _, nominal, _, _,
    ) = _VOIP.unpack(block)  # fmt: skip
    values = {
        "lost_pct": loss * 100 / 256,
        "discarded_pct": discard * 100 / 256,
        "burst_pct": burst_density * 100 / 256,
        "burst_ms": float(burst_ms),
        "end_delay_ms": float(end_delay),
        "buffer_ms": float(nominal),
    }
    if round_trip:
        values["round_trip_ms"] = float(round_trip)
    if factor <= 100:
        values["r_factor"] = float(factor)
    for name, tenths in (("mos_lq", listening), ("mos_cq", conversational)):
        if 10 <= tenths <= 50:
            values[name] = tenths / 10
    return Report("VoIP metrics", ssrc, source, values)
