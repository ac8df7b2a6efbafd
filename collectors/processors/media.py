"""Media of calls, watched at the edge: where session descriptions say that it goes, does it?

The messages that pass tell addresses and ports; what goes there is RTCP, whose reports become side events of the
call, and RTP, of which only the presence is kept: a count a flow, told from time to time. That none was seen where
some was promised is told, too, with whether media that goes to that host can be seen from here at all.

Everything is bounded: calls, flows, and what a call may tell.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from collectors.decode.datagram import Datagram
from collectors.decode.rtcp import looks_like_rtcp, reports
from collectors.processors.parse import events
from collectors.sip.description import NOWHERE
from collectors.sip.message import body
from collectors.sip.sdp import looks_like_sdp, parse
from collectors.sip.timers import SECOND
from collectors.wire.events import RTCP, RTP, SideEvent, SipEvent

_MOST_CALLS: Final = 20_000
_MOST_FLOWS: Final = 65_536
_MOST_HOSTS: Final = 65_536
_MOST_CLAIMANTS: Final = 8  # calls that announce one place
_MOST_PLACES: Final = 32  # addresses and ports that one call may announce
_MOST_WAITING: Final = 4_096  # messages with a description that are not read while no media is seen
_FIRST_US: Final = 2 * SECOND  # when a flow is told first; each time it takes twice as long
_LONGEST_US: Final = 60 * SECOND
_SILENCE_US: Final = 10 * SECOND  # after the answer: where nothing has come by then, that is told
_STOPPED_US: Final = 60 * SECOND  # no side sends for so long, neither RTP nor RTCP, in a call that goes on
_AFTER_US: Final = 2 * SECOND  # what may still come after the BYE
_FORGET_US: Final = 300 * SECOND  # of calls that were announced and never answered

_RTP_HEADER: Final = 12  # octets
_TELLING: Final = frozenset({"INVITE", "ACK", "PRACK", "UPDATE", "BYE"})
_CHECK_US: Final = SECOND  # how often calls are looked through

_Place: TypeAlias = tuple[str, int]


class _Call:
    """What is known of the media of one call. Times in µs, 0: never."""

    __slots__ = (
        "answered_us",
        "call_id",
        "ended_us",
        "flows",
        "last_us",
        "observer",
        "places",
        "reported_us",
        "reports",
        "told_silence",
        "told_stop",
    )

    def __init__(self, call_id: str, observer: str) -> None:
        self.call_id = call_id
        self.observer = observer
        self.places: dict[_Place, bool] = {}  # where it wants RTP → whether that is encrypted
        self.reports: dict[_Place, bool] = {}  # the same, of RTCP
        self.flows: list[_Flow] = []
        self.answered_us = 0
        self.ended_us = 0
        self.last_us = 0
        self.reported_us = 0  # last RTCP
        self.told_silence = False
        self.told_stop = False

    def encrypts(self, place: _Place) -> bool:
        """Whether what goes there, or comes from there, is encrypted."""
        return self.places.get(place, False) or self.reports.get(place, False)


class _Flow:
    """RTP from one address and port to another, as one observer sees it."""

    __slots__ = (
        "calls",
        "ends",
        "first_us",
        "interval_us",
        "last_us",
        "observer",
        "packets",
        "told_packets",
        "told_us",
    )

    def __init__(self, datagram: Datagram, calls: list[_Call]) -> None:
        self.calls = calls
        self.ends = (datagram.source, datagram.source_port, datagram.destination, datagram.destination_port)
        self.observer = datagram.observer
        self.packets = 0
        self.first_us = self.last_us = self.told_us = datagram.captured_us
        self.told_packets = 0
        self.interval_us = _FIRST_US


class MediaWatch:
    """Learns from messages, counts what is no message, and tells side events."""

    def __init__(self, counters: Counter[str], *, presence: bool, sampled: int = 1) -> None:
        """`presence`: count RTP, too: one packet in `sampled` (a power of two), by the sequence number.

        The kernel leaves out the others, but for those in tunnels, which no filter looks into: these are left out here.
        """
        self._counters = counters
        self._presence = presence
        self._sampled = sampled
        self._left_out = sampled - 1  # the bits of a sequence number that are to be 0
        self._calls: OrderedDict[str, _Call] = OrderedDict()
        # Two legs of a conversation may announce the same place: media then goes past the B2BUA between them.
        self._places: dict[_Place, list[_Call]] = {}
        self._flows: dict[tuple[str, str, int, str, int], _Flow] = {}
        self._hosts: OrderedDict[tuple[str, str], None] = (
            OrderedDict()
        )  # (observer, address) to which RTP was seen to go
        self._waiting: list[SipEvent | Datagram] = []
        self._seen_media = False
        self._side: list[SideEvent] = []
        self._now_us = 0
        self._checked_us = 0

    def take(self, messages: Iterable[SipEvent | Datagram], others: Iterable[Datagram]) -> None:
        """The messages of one reading, and what in it is none. A message may be unread: it is read where need be."""
        for message in messages:
            raw = message.payload if isinstance(message, Datagram) else message.raw
            if not raw.endswith(b"\r\n\r\n") or raw.startswith(b"BYE "):
                self._waiting.append(message)
        media = [datagram for datagram in others if datagram.payload[:1] >= b"\x80" and datagram.payload[0] < 0xC0]
        self._seen_media = self._seen_media or bool(media)
        if self._seen_media:
            for event in self._read(self._waiting):
                self._learn(event)
            self._waiting.clear()
        else:
            del self._waiting[:-_MOST_WAITING]
        for datagram in media:
            self._hear(datagram)

    def side(self, now_us: int, *, last: bool = False) -> list[SideEvent]:
        """What there is to tell by this time on the wire; `last`: nothing will come any more."""
        self._now_us = max(self._now_us, now_us)
        if last or self._now_us >= self._checked_us + _CHECK_US:
            self._checked_us = self._now_us
            for call in list(self._calls.values()):
                self._look_at(call, last=last)
        taken, self._side = self._side, []
        return taken

    # --- messages

    @staticmethod
    def _read(messages: Iterable[SipEvent | Datagram]) -> Iterator[SipEvent]:
        for message in messages:
            found = events([message], Counter()) if isinstance(message, Datagram) else (message,)
            yield from (event for event in found if event.cseq_method in _TELLING)

    def _learn(self, event: SipEvent) -> None:
        self._now_us = max(self._now_us, event.captured_us)
        call = self._calls.get(event.call_id)
        if event.method == "BYE":
            if call is not None:
                call.ended_us = call.ended_us or event.captured_us
            return
        content = body(event.raw)
        if event.status >= 300 or not event.call_id or not looks_like_sdp(content):
            return
        call = call or self._begin(event)
        call.last_us = event.captured_us
        if event.status >= 200 and event.cseq_method == "INVITE":
            call.answered_us = call.answered_us or event.captured_us
        for medium in parse(content).media:
            if medium.rtp and medium.port > 0 and medium.address not in NOWHERE and len(call.places) < _MOST_PLACES:
                rtcp = medium.rtcp_address or medium.address, medium.rtcp_port or medium.port + 1
                call.places[medium.address, medium.port] = medium.secure
                call.reports[rtcp] = medium.secure
                for place in ((medium.address, medium.port), rtcp):
                    self._claim(place, call)

    def _claim(self, place: _Place, call: _Call) -> None:
        claimants = self._places.setdefault(place, [])
        if call not in claimants:
            claimants.append(call)
            del claimants[:-_MOST_CLAIMANTS]

    def _begin(self, event: SipEvent) -> _Call:
        call = self._calls[event.call_id] = _Call(event.call_id, event.observer)
        if len(self._calls) > _MOST_CALLS:
            self._counters["media_calls_evicted"] += 1
            self._forget(next(iter(self._calls.values())))
        return call

    def _forget(self, call: _Call) -> None:
        del self._calls[call.call_id]
        for place in {*call.places, *call.reports}:
            claimants = self._places[place]
            if call in claimants:
                claimants.remove(call)
            if not claimants:
                del self._places[place]
        for flow in call.flows:
            flow.calls.remove(call)
            if not flow.calls:
                del self._flows[flow.observer, *flow.ends]

    # --- media

    def _hear(self, datagram: Datagram) -> None:
        self._now_us = max(self._now_us, datagram.captured_us)
        source, destination = (datagram.source, datagram.source_port), (datagram.destination, datagram.destination_port)
        rtcp = looks_like_rtcp(datagram.payload)
        if self._left_out and not rtcp and len(datagram.payload) > 3 and datagram.payload[3] & self._left_out:
            return
        flow = None if rtcp else self._flows.get((datagram.observer, *source, *destination))
        if flow is not None:
            flow.packets += self._sampled
            flow.last_us = max(flow.last_us, datagram.captured_us)
            return
        calls = dict.fromkeys((*self._places.get(destination, ()), *self._places.get(source, ())))
        if not calls:
            self._counters["media_unclaimed"] += 1
        elif rtcp:
            for call in calls:
                call.reported_us = datagram.captured_us
            if any(call.encrypts(destination) or call.encrypts(source) for call in calls):
                self._counters["media_encrypted"] += 1
            else:
                self._report(calls, datagram)
        elif self._presence and len(datagram.payload) >= _RTP_HEADER:
            self._begin_flow(calls, datagram)

    def _report(self, calls: Iterable[_Call], datagram: Datagram) -> None:
        for report in reports(datagram.payload):
            values = report.values | {"ssrc": float(report.ssrc)}
            if report.source is not None:
                values["source_ssrc"] = float(report.source)
            ends = (datagram.source, datagram.source_port, datagram.destination, datagram.destination_port)
            for call in calls:
                self._add(call, RTCP, datagram.captured_us, ends, datagram.observer, values, report.kind)

    def _begin_flow(self, calls: Iterable[_Call], datagram: Datagram) -> None:
        if len(self._flows) >= _MOST_FLOWS:
            self._counters["media_flows_refused"] += 1
            return
        flow = _Flow(datagram, list(calls))
        flow.packets = self._sampled
        self._flows[flow.observer, *flow.ends] = flow
        for call in flow.calls:
            call.flows.append(flow)
        self._hosts[datagram.observer, datagram.destination] = None
        if len(self._hosts) > _MOST_HOSTS:
            self._hosts.popitem(last=False)

    # --- what is told

    def _look_at(self, call: _Call, *, last: bool) -> None:
        over = 0 < call.ended_us <= self._now_us - _AFTER_US
        for flow in call.flows:
            if flow.packets > flow.told_packets and (last or over or self._now_us >= flow.told_us + flow.interval_us):
                flow.told_us, flow.told_packets = self._now_us, flow.packets
                flow.interval_us = min(2 * flow.interval_us, _LONGEST_US)
                values = {"packets": float(flow.packets), "lasted_ms": (flow.last_us - flow.first_us) / 1000}
                for each in flow.calls:
                    self._add(each, RTP, flow.last_us, flow.ends, flow.observer, values)
        if self._presence and call.answered_us and not call.told_silence:
            self._look_for_silence(call)
        if call.answered_us and not call.ended_us and call.flows:
            self._look_for_stop(call)
        if over or (not call.answered_us and self._now_us >= call.last_us + _FORGET_US):
            self._forget(call)

    def _look_for_silence(self, call: _Call) -> None:
        watched_us = (call.ended_us or self._now_us) - call.answered_us
        if watched_us < _SILENCE_US:
            return
        call.told_silence = True
        heard = {flow.ends[2:] for flow in call.flows}
        for place in call.places:
            seen_host = (call.observer, place[0]) in self._hosts
            # Where neither this call nor another shows any media on this way, nothing can be said.
            if place not in heard and (seen_host or call.flows):
                values = {"packets": 0.0, "watched_ms": watched_us / 1000, "host_seen": float(seen_host)}
                self._add(call, RTP, call.answered_us + watched_us, ("", 0, *place), call.observer, values)

    def _look_for_stop(self, call: _Call) -> None:
        """Media went both ways, and none does any more, though nobody hung up: told once each time."""
        last_us = max(call.reported_us, *(flow.last_us for flow in call.flows))
        stopped = self._now_us - last_us >= _STOPPED_US and len({flow.ends[2:] for flow in call.flows}) > 1
        if stopped and not call.told_stop:
            values = {"packets": 0.0, "stopped_ms": (self._now_us - last_us) / 1000}
            text = "no media in either direction any more"
            self._add(call, RTP, self._now_us, call.flows[0].ends, call.observer, values, text)
        call.told_stop = stopped

    def _add(
        self,
        call: _Call,
        kind: str,
        at_us: int,
        ends: tuple[str, int, str, int],
        observer: str,
        values: dict[str, float],
        text: str = "",
    ) -> None:
        event = SideEvent(at_us, at_us, *ends, "udp", observer, kind, call.call_id, "INVITE", text=text, values=values)
        self._side.append(event)
