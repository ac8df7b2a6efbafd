"""What agents tell in HEP: their frames → datagrams of SIP, and side events of RTCP and log lines.

SIP over a stream comes as the agent saw it: usually a message a frame, sometimes a segment that holds several or
a part of one. Parts wait, within bounds, for the frames of the same agent that complete them.
"""

import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, TypeAlias

import msgspec

from collectors.decode import hep
from collectors.decode.datagram import Datagram
from collectors.decode.framing import SipFramer
from collectors.sip.message import looks_like_sip
from collectors.wire.events import LOG, RTCP, Loss, SideEvent

# An agent's clock that is off by more is not believed.
CLOCK_US: Final = 5_000_000
MOST_AGENTS: Final = 1_024
OTHERS: Final = "others"

_MOST_PARTS: Final = 1_024  # streams of which a part waits
_MOST_HELD: Final = 16 * 1024 * 1024  # octets of these
_PATIENCE_US: Final = 5_000_000  # so long a part waits for the rest
_MOST: Final = 2**63  # of a number
_WORD: Final = 2**32
_DELAYS: Final = 65_536  # DLSR counts these in a second
# Of a report block in JSON → what we call it; "" for what is computed with.
_BLOCK: Final = {
    "source_ssrc": "source_ssrc",
    "packets_lost": "lost",
    "highest_seq_no": "highest",
    "ia_jitter": "jitter",
    "fraction_lost": "",
    "lsr": "",
    "dlsr": "",
}
_MOST_BLOCKS: Final = 31  # of an RTCP packet (RFC 3550 §6.4.1)

_STREAMS: Final = frozenset(("tcp", "tls"))
_NO_NAME: Final = re.compile(r"[^\w.:-]")
_MOST_NAME: Final = 64
_CALL_IDS: Final = ("call-id", "call_id", "callid", "correlation_id")
_REPORTS: Final[dict[float, str]] = {200: "sender report", 201: "receiver report"}

# What is counted, beside "hep_type_<number>".
COUNTERS: Final = (
    *("hep_frames", "hep_refused_key", "hep_clock", "hep_incomplete", "hep_lonely_rtcp", "hep_lonely_log"),
    *(f"hep_{refusal}" for refusal in hep.Refusal),
)

# Observer, source and destination.
_Flow: TypeAlias = tuple[str, str, int, str, int]


class _Part(NamedTuple):
    """A message of which an end is missing."""

    framer: SipFramer
    like: Datagram  # of the latest frame, for its addresses and time
    received_us: int  # when that came


class HepReader:
    """Frames of any agents, in order; what came of them is counted."""

    def __init__(self, collector: str, admit: Callable[[hep.Frame], bool] = lambda _frame: True) -> None:
        """Observers will be "<collector>/hep:<name or number of the agent>"; `admit` says who may tell anything."""
        self._admit = admit
        self.counters: Counter[str] = Counter()
        self._side: list[SideEvent] = []  # in order
        self.agents: dict[str, None] = {}  # that were heard, the first so many
        self._collector = collector
        self._parts: OrderedDict[_Flow, _Part] = OrderedDict()  # the least recently fed first
        self._held = 0  # octets in them
        self._doubted: dict[str, Loss] = {}  # by observer

    def read(self, octets: bytes, received_us: int) -> list[Datagram]:
        """The datagrams in a frame that arrived at `received_us`; `take_side` gives what it tells beside."""
        frame = hep.decode(octets)
        self.counters["hep_frames"] += 1
        if isinstance(frame, hep.Refusal):
            self.counters[f"hep_{frame}"] += 1
            return []
        if not self._admit(frame):
            self.counters["hep_refused_key"] += 1
            return []
        datagram = self._datagram(frame, received_us)
        found = self.advance(received_us)
        if frame.type == hep.SIP:
            streamed = frame.transport in _STREAMS and not frame.cut
            found += self._framed(datagram, received_us) if streamed else [datagram]
        elif frame.type == hep.RTCP:
            self._tell(_reports(frame, datagram), "rtcp")
        elif frame.type == hep.LOG:
            self._tell(_log_line(frame, datagram), "log")
        else:
            self.counters[f"hep_type_{frame.type}"] += 1
        return found

    def advance(self, now_us: int) -> list[Datagram]:
        """The parts of messages that have waited too long, or for which there is no room."""
        found: list[Datagram] = []
        while self._parts:
            flow, part = next(iter(self._parts.items()))
            crowded = len(self._parts) > _MOST_PARTS or self._held > _MOST_HELD
            if not crowded and part.received_us + _PATIENCE_US > now_us:
                break
            self._forget(flow)
            found += self._given_up(part)
        return found

    def flush(self) -> list[Datagram]:
        """All the parts that wait: no frame will come any more."""
        found = [datagram for part in self._parts.values() for datagram in self._given_up(part)]
        self._parts.clear()
        self._held = 0
        return found

    def take_side(self) -> list[SideEvent]:
        """What was told beside SIP, since this was last asked."""
        taken, self._side = self._side, []
        return taken

    def losses(self) -> list[Loss]:
        """When the times of which agent were not to be believed, since this was last asked."""
        doubted, self._doubted = self._doubted, {}
        return list(doubted.values())

    def _datagram(self, frame: hep.Frame, received_us: int) -> Datagram:
        observer = f"{self._collector}/hep:{self._agent(frame)}"
        captured_us = frame.captured_us or received_us
        if abs(captured_us - received_us) > CLOCK_US:
            captured_us = received_us
            self._doubt(observer, received_us)
        return Datagram(
            captured_us,
            frame.source,
            frame.source_port,
            frame.destination,
            frame.destination_port,
            frame.transport,
            observer,
            frame.payload,
            frame.cut,
        )

    def _agent(self, frame: hep.Frame) -> str:
        """What an agent is called; all that come after so many others share a name."""
        name = _NO_NAME.sub("_", frame.agent_name)[:_MOST_NAME] or str(frame.agent)
        if name not in self.agents:
            if len(self.agents) >= MOST_AGENTS:
                return OTHERS
            self.agents[name] = None
        return name

    def _doubt(self, observer: str, received_us: int) -> None:
        self.counters["hep_clock"] += 1
        known = self._doubted.get(observer) or Loss(observer, received_us, received_us, "clock", 0)
        self._doubted[observer] = Loss(observer, known.from_us, received_us, "clock", known.count + 1)

    def _tell(self, side: list[SideEvent], kind: str) -> None:
        if side and side[0].call_id:
            self._side += side
        else:
            self.counters[f"hep_lonely_{kind}"] += 1

    # --- SIP over streams

    def _framed(self, datagram: Datagram, received_us: int) -> Iterator[Datagram]:
        """The messages that a segment completes; as it is, where it is none and continues none."""
        source, destination = (datagram.source, datagram.source_port), (datagram.destination, datagram.destination_port)
        flow = (datagram.observer, *source, *destination)
        part = self._forget(flow)
        starts = looks_like_sip(datagram.payload.lstrip(b"\r\n"))
        if part and starts:
            yield from self._given_up(part)
            part = None
        if not part and not starts:
            yield datagram
            return
        framer = part.framer if part else SipFramer()
        for message, missing in framer.feed(datagram.payload):
            yield datagram.carrying(message, missing)
        if framer.held:
            self._hold(flow, _Part(framer, datagram, received_us))

    def _hold(self, flow: _Flow, part: _Part) -> None:
        self._parts[flow] = part
        self._held += part.framer.held

    def _forget(self, flow: _Flow) -> _Part | None:
        part = self._parts.pop(flow, None)
        if part:
            self._held -= part.framer.held
        return part

    def _given_up(self, part: _Part) -> Iterator[Datagram]:
        for message, _ in part.framer.end():
            self.counters["hep_incomplete"] += 1
            yield part.like.carrying(message, part.like.cut)


def _log_line(frame: hep.Frame, datagram: Datagram) -> list[SideEvent]:
    text = frame.payload.decode("utf-8", "replace").strip("\0\r\n ")
    return [_side(datagram, LOG, frame.correlation, "", text, frame.values)]


def _reports(frame: hep.Frame, datagram: Datagram) -> list[SideEvent]:
    """RTCP as JSON: an event for each report block, or one of what else it tells; none where it can't be read."""
    try:
        packet = msgspec.json.decode(frame.payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return []
    if not isinstance(packet, dict):
        return []
    call_id = frame.correlation or next((text for name in _CALL_IDS if (text := _text(packet.get(name)))), "")
    text = _REPORTS.get(_numbers(packet, "type").get("type", 0), "")
    sender = packet.get("sender_information")
    common = frame.values | _numbers(packet, "ssrc") | _numbers(sender, "packets", "octets")
    blocks = packet.get("report_blocks")
    blocks = blocks[:_MOST_BLOCKS] if isinstance(blocks, list) and blocks else [None]
    return [_side(datagram, RTCP, call_id, "INVITE", text, common | _block(block), frame.payload) for block in blocks]


def _block(block: object) -> dict[str, float]:
    """What one report says of one stream, in the names of `collectors.decode.rtcp`."""
    values = _numbers(block, *_BLOCK)
    found = {ours: values[theirs] for theirs, ours in _BLOCK.items() if ours and theirs in values}
    if "fraction_lost" in values:
        found["lost_pct"] = values["fraction_lost"] * 100 / 256
    if values.get("lsr") and "dlsr" in values:
        # Agents write both as numbers with a sign, which they haven't.
        found |= {"of": values["lsr"] % _WORD, "held_ms": values["dlsr"] % _WORD * 1000 / _DELAYS}
    return found


def _numbers(of: object, *names: str) -> dict[str, float]:
    """The members of a JSON object that are numbers."""
    if not isinstance(of, dict):
        return {}
    found = {name: of.get(name) for name in names}
    return {
        name: float(value)
        for name, value in found.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _MOST
    }


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _side(
    datagram: Datagram, kind: str, call_id: str, method: str, text: str, values: dict[str, float], raw: bytes = b""
) -> SideEvent:
    return SideEvent(
        datagram.captured_us,
        datagram.captured_us,
        datagram.source,
        datagram.source_port,
        datagram.destination,
        datagram.destination_port,
        datagram.transport,
        datagram.observer,
        kind,
        call_id,
        method,
        text=text,
        values=values,
        raw=raw,
    )
