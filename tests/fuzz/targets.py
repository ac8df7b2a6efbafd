"""One function a parser: it takes any octets, and fails where the parser breaks what it promises.

Nothing may raise. Beside that each target holds its parser to a law that is worth more than not crashing: sizes
that stay, bounds that hold, readings that agree with each other.
"""

from collections import Counter
from collections.abc import Callable
from math import isfinite
from typing import Final

from collectors.decode import hep, link
from collectors.decode.compression import unpacker_for
from collectors.decode.datagram import Datagram
from collectors.decode.formats import name_of
from collectors.decode.frames import Decoder
from collectors.decode.framing import MAX_BODY, MAX_HEAD, SipFramer
from collectors.decode.hep_reader import HepReader
from collectors.decode.pcap import NotACaptureError, reader_for
from collectors.decode.rtcp import looks_like_rtcp, reports
from collectors.decode.websocket import WebSocketFramer
from collectors.processors.parse import events, kind
from collectors.processors.redact import redact
from collectors.sip.auth import parameters as login
from collectors.sip.contact import read_contacts
from collectors.sip.content import DEEPEST, MOST_OCTETS, MOST_PARTS, parts
from collectors.sip.correlation import read_charging_vector, read_session_id
from collectors.sip.diversion import read_diversions, read_history
from collectors.sip.faults import LONGEST_LINE, MOST_FAULTS, faults
from collectors.sip.grammar import MOST_VALUES, parameters, split, unquoted
from collectors.sip.intervals import read_delta, read_retry_after, read_session_expires
from collectors.sip.message import body, header, header_values, headers, looks_like_sip, parse, start_line
from collectors.sip.name_addr import display_is_proper, read_address, read_uri
from collectors.sip.party import read_privacy
from collectors.sip.passport import read_passports
from collectors.sip.phone import read_phone
from collectors.sip.reading import Reading
from collectors.sip.reason import read_reasons
from collectors.sip.refer import read_refer_to, read_replaces
from collectors.sip.says import MOST_STATEMENTS, says
from collectors.sip.sdp import parse as parse_sdp
from collectors.sip.sequence import read_cseq, read_rack, read_rseq
from collectors.sip.statistics import read_statistics
from collectors.sip.subscription import read_event, read_subscription_state
from collectors.sip.uri import addr_spec, host_of, user_of
from collectors.sip.via import read_vias
from collectors.sip.warning import read_warnings
from collectors.wire.codec import BatchError, decode
from monitor.core.correlator import Correlator

Target = Callable[[bytes], None]

READERS: Final[tuple[Callable[[str], object], ...]] = (
    read_delta,
    read_retry_after,
    read_session_expires,
    read_cseq,
    read_rseq,
    read_rack,
    read_replaces,
    read_event,
    read_subscription_state,
    read_session_id,
    read_charging_vector,
    read_refer_to,
)

SECOND_US: Final = 1_000_000
APART: Final = b"\0\0--\0\0"  # parts the messages of one input


def message(data: bytes) -> None:
    """`parse`, and every way to a header."""
    fault, method, status, call_id, from_uri, _, to_uri, _, cseq, cseq_method, _, vias, contact = parse(data)
    assert (method == "") != (status == 0) or fault
    # The quick reading is the thorough one.
    assert call_id == (header(data, "call-id") or "")
    for uri, name in ((from_uri, "from"), (to_uri, "to"), (contact, "contact")):
        assert uri == addr_spec(header(data, name) or "")[0]
    assert vias == sum(1 + value.count(",") for value in header_values(data, "via"))
    thorough = read_cseq(header(data, "cseq") or "")
    assert thorough is None or (thorough.number, thorough.method) == (cseq, cseq_method) or len(thorough.method) > 64
    assert -1 <= cseq < 2**32
    assert status == 0 or 100 <= status <= 999
    assert vias >= 0
    assert data.endswith(body(data))
    assert isinstance(looks_like_sip(data), bool)
    first: dict[str, str] = {}
    for name, value in headers(data):
        assert value == value.strip()
        if name and name.isascii():  # others can't be asked for
            first.setdefault(name, value)
    for name, value in list(first.items())[:50]:
        assert header(data, name) == value
        assert value in header_values(data, name)
    start_line(data)


def header_readings(data: bytes) -> None:
    """Every reading of a header value."""
    text = data.decode("utf-8", "replace")
    values = text.split("\n")
    for separator in ",;":
        assert len(split(text, separator)) <= MOST_VALUES
        assert all(part == part.strip() and part for part in split(text, separator, comments=True))
    parameters(text)
    unquoted(text)
    login(text)
    for reason in read_reasons(values):
        assert reason.cause is None or reason.cause < 1_000_000
        assert isinstance(reason.name, str)
    for contact in read_contacts(values):
        assert 0 <= contact.q <= 1
        assert contact.expires is None or 0 <= contact.expires < 2**32
        assert isinstance(contact.star, bool)
    for warning in read_warnings(values):
        assert 0 <= warning.code <= 999
    for station in read_history(values):
        assert len(station.index) <= 63
        assert isinstance(station.private, bool)
        assert isinstance(station.reasons, tuple)
    for diversion in read_diversions(values):
        assert 1 <= diversion.counter < 1_000
    for read in READERS:
        read(text)
    read_privacy(values)
    found = read_statistics("x-rtp-stat", text)
    assert all(value == value for value in found.values.values())  # no NaN
    assert isinstance(found.lost, float | None)


def address(data: bytes) -> None:
    """URIs and addresses: whatever stands there, and both readers agree on what it is."""
    text = data.decode("utf-8", "replace")
    uri = read_uri(text)
    assert uri.text == text.strip()
    assert uri.port is None or 0 <= uri.port < 65_536
    assert isinstance(uri.aor, str)
    read_phone(uri)
    found = read_address(text)
    assert isinstance(found.tag, str)
    display_is_proper(found.display)
    quick, _ = addr_spec(text)
    host_of(quick)
    user_of(quick)


def via(data: bytes) -> None:
    """Via lists."""
    found = read_vias(data.decode("utf-8", "replace").split("\n"))
    assert len(found) <= MOST_VALUES
    for each in found:
        assert each.rport is None or 0 <= each.rport < 65_536
        assert each.port is None or 0 <= each.port < 65_536
        assert each.fault or each.host
        assert isinstance(each.unique, bool)


def passport(data: bytes) -> None:
    """Identity."""
    for each in read_passports(data.decode("utf-8", "replace").split("\n")):
        assert each.form in ("full", "compact", "rfc4474", "broken")
        assert len(each.destinations) <= 128
        each.age_s(SECOND_US)


def content(data: bytes) -> None:
    """Bodies and their parts."""
    found = parts(Reading(data))
    assert len(found) <= MOST_PARTS
    assert all(part.depth <= DEEPEST for part in found)
    assert all(len(part.content) <= max(MOST_OCTETS, len(data)) for part in found)


def sentences(data: bytes) -> None:
    """Faults, and what is said of a message."""
    found = faults(data)
    assert len(found) <= MOST_FAULTS
    assert all(len(fault.line) <= LONGEST_LINE + 1 for fault in found)
    told = says(data, SECOND_US)
    assert len(told) <= MOST_STATEMENTS
    assert all(each.text.isprintable() for each in told)
    assert bool(found) or not parse(data)[0]


def sdp(data: bytes) -> None:
    """Session descriptions."""
    session = parse_sdp(data)
    assert session.faulty >= len(session.faults)


def redaction(data: bytes) -> None:
    """Redaction keeps lengths, and has nothing left to do the second time."""
    once = redact(data)
    assert len(once) == len(data)
    assert redact(once) == once


def framing(data: bytes) -> None:
    """SIP in a stream: what comes in pieces is framed as what comes whole, if its messages say how long they are."""
    whole, pieces = SipFramer(), SipFramer()
    at_once = [*whole.feed(data), *whole.end()]
    step = 1 + len(data) // 16
    cut = [data[at : at + step] for at in range(0, len(data), step)]
    in_pieces = [found for piece in cut for found in pieces.feed(piece)] + pieces.end()
    lengths = [header(octets, "content-length") or "" for octets, _ in (*at_once, *in_pieces)]
    measured = all(length.isascii() and length.isdigit() for length in lengths)
    assert at_once == in_pieces or not measured
    assert all(len(octets) <= MAX_HEAD + MAX_BODY for octets, _ in at_once)
    gapped = SipFramer()
    for number, piece in enumerate(cut):
        gapped.feed(piece) if number % 3 else gapped.skip(len(piece))
        assert gapped.held <= MAX_HEAD + MAX_BODY + len(data)


def websocket(data: bytes) -> None:
    """SIP over WebSocket: a handshake, frames, holes."""
    framer = WebSocketFramer()
    step = 1 + len(data) // 8
    for number, at in enumerate(range(0, len(data), step)):
        piece = data[at : at + step]
        framer.skip(len(piece)) if number % 5 == 4 else framer.feed(piece)
        assert framer.held <= 4 * (MAX_HEAD + MAX_BODY)
    framer.end()


def frames(data: bytes) -> None:
    """Frames of any link type: the first octet chooses it, two before each frame tell its length."""
    decoder = Decoder()
    types = sorted(link.LAYERS)
    decoder.add_interface(types[data[0] % len(types)] if data else 1, "fuzz/eth0")
    rest, count = data[1:], 0
    while len(rest) > 2 and count < 64:
        size = int.from_bytes(rest[:2], "big")
        found = decoder.datagrams([(count * SECOND_US, 0, rest[2 : 2 + size])])
        assert all(0 <= each.source_port < 65_536 for each in found)
        events(found, Counter())
        rest, count = rest[2 + size :], count + 1
    assert decoder.counters()["received"] == count


def hep_frames(data: bytes) -> None:
    """HEP as a stream of frames, and as one: what is read can be written, and says the same when it is read again."""
    splitter, reader = hep.Splitter(), HepReader("fuzz")
    step = 1 + len(data) // 8
    found = [frame for at in range(0, len(data), step) for frame in splitter.feed(data[at : at + step])]
    assert sum(map(len, found)) + splitter.garbage <= len(data)
    for number, octets in enumerate([*found, data]):
        events(reader.read(octets, number * SECOND_US), Counter())
        frame = hep.decode(octets)
        if isinstance(frame, hep.Frame):
            assert len(frame.payload) <= max(len(octets), hep.MAX_UNPACKED)
            written = hep.encode(frame)
            again = frame if written is None else hep.decode(written)
            assert isinstance(again, hep.Frame)
            assert (again.payload, again.source, again.captured_us) == (frame.payload, frame.source, frame.captured_us)
    assert all(side.call_id for side in reader.take_side())
    events(reader.flush(), Counter())


def rtcp_reports(data: bytes) -> None:
    """RTCP: a bounded number of reports, of finite figures."""
    looks_like_rtcp(data)
    found = reports(data)
    assert len(found) <= 64
    assert all(isfinite(value) for report in found for value in report.values.values())


def capture_file(data: bytes) -> None:
    """Capture files, compressed or not: frames come out, or a fault, or a refusal."""
    unpacker = unpacker_for(data[:512])
    pieces = [data] if unpacker is None else [piece for _, piece in zip(range(4), unpacker.feed(data), strict=False)]
    content_ = b"".join(pieces)
    assert name_of(content_[:512])
    try:
        reader = reader_for(content_[:512])
    except NotACaptureError:
        return
    decoder = Decoder()
    for at in range(0, len(content_), 4_096):
        found = reader.feed(content_[at : at + 4_096])
        for link_type, name in reader.interfaces[decoder.interfaces :]:
            decoder.add_interface(link_type, f"fuzz/{name}")
        decoder.datagrams(found)
    assert isinstance(reader.fault(), str)


def batch(data: bytes) -> None:
    """What comes from the stream store."""
    try:
        found = decode(data)
    except BatchError:
        return
    assert found.schema >= 0


def correlator(data: bytes) -> None:
    """Messages through the core: no more findings than its bounds allow, whatever comes and in whatever order.

    A response goes back where requests come from. The time between two messages is made of their lengths; once
    in a while it is minutes.
    """
    core = Correlator()
    at_us = 1_800_000_000 * SECOND_US
    for raw in data.split(APART)[:40]:
        at_us += len(raw) % 7 * 300_000 + (120 * SECOND_US if len(raw) % 61 == 0 else 0)
        there, back = ("10.0.0.1", 5060), ("10.0.0.2", 5060)
        ends = (*back, *there) if raw.startswith(b"SIP/") else (*there, *back)
        datagram = Datagram(at_us, *ends, "tcp" if len(raw) % 5 == 0 else "udp", "fuzz/eth0", raw)
        for event in events([datagram], Counter()):
            core.feed(event)
        kind(raw)
        core.advance(at_us - SECOND_US)
    core.advance(at_us + 300 * SECOND_US)
    for key in core.open_keys():
        record = core.record(key)
        assert len(record.findings) <= 64
        assert all(finding.cause and finding.code for finding in record.findings)


TARGETS: Final[dict[str, Target]] = {
    target.__name__.replace("_", "-"): target
    for target in (
        message,
        header_readings,
        address,
        via,
        passport,
        content,
        sentences,
        sdp,
        redaction,
        framing,
        websocket,
        frames,
        hep_frames,
        rtcp_reports,
        capture_file,
        batch,
        correlator,
    )
}
