"""The TCP connections that one observer sees, and the SIP messages in them, whatever their ports.

A connection is recognised by what it carries: a start line, the handshake of SIP over WebSocket, or a frame that
begins a SIP message. One that shows none of these early is remembered by its addresses alone, and costs no more.
"""

import re
from collections import OrderedDict
from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple, Protocol, TypeAlias

from collectors.decode import hep, ip, tcp
from collectors.decode.datagram import Datagram, Skip
from collectors.decode.framing import Framed, SipFramer, find_message
from collectors.decode.openings import ALERT, Openings, endpoint
from collectors.decode.websocket import WebSocketFramer, is_sip_frame, is_upgrade
from collectors.sip.message import looks_like_sip, parse
from collectors.wire.events import TCP, Loss, SideEvent
from collectors.wire.trouble import Connection as Trouble


class Limits(NamedTuple):
    """How much is kept of all connections together."""

    connections: int = 8_192
    others: int = 65_536  # that carry no SIP
    octets: int = 64 * 1024 * 1024
    idle_us: int = 900_000_000
    gaps: int = 1_000  # losses that were not asked for yet
    stream: tcp.Limits = tcp.Limits()


# The "transport" of frames of HEP: they are no datagrams yet.
HEP: Final = "hep"

# Source address and port, destination address and port.
_Ends: TypeAlias = tuple[str, int, str, int]

# So many octets of a connection are searched for SIP, new ones together with so many before them.
_SEARCHED: Final = 16_384
_OVERLAP: Final = 4_096
_LOOK_US: Final = 50_000
_HEAD: Final = 2_048  # octets of a message by which it is known again
_OPENS_OR_RESETS: Final = tcp.SYN | tcp.RST
_AT_ONCE: Final = 2  # idle connections forgotten for each new one
# What was missed was missed shortly before the next that was not: TCP sends again what does not arrive.
_LONGEST_HOLE_US: Final = 32_000_000
# What can't become SIP, though SIP may be quoted in it: TLS, SSH, HTTP that is no handshake.
_OTHER: Final = re.compile(rb"[\x14-\x17]\x03|SSH-|HTTP/1|(?:[A-Z]{3,10} [^\r\n]{1,8192} HTTP/1)")


class _Framer(Protocol):
    """What makes messages of the octets of one direction."""

    @property
    def garbage(self) -> int: ...

    @property
    def held(self) -> int: ...

    def feed(self, octets: bytes) -> list[Framed]: ...

    def skip(self, missing: int) -> list[Framed]: ...

    def end(self) -> list[Framed]: ...


class _Direction:
    """What one end sends."""

    __slots__ = ("ends", "framer", "heard_us", "last", "octets", "stream")

    def __init__(self, ends: _Ends, limits: tcp.Limits) -> None:
        self.ends = ends
        self.stream = tcp.Stream(limits)
        self.octets = bytearray()  # of a connection that is not recognised yet
        self.framer: _Framer | None = None
        self.heard_us = 0  # wire time of the octets that were read last
        self.last = b""  # the last message, as far as its head may reach; empty when the other end spoke since

    @property
    def held(self) -> int:
        return self.stream.held + len(self.octets) + (self.framer.held if self.framer else 0)


class _Connection:
    """Both directions, that of the first segment first."""

    __slots__ = ("directions", "first", "held", "searched", "seen_us", "transport")

    def __init__(self, first: bytes, ends: _Ends, limits: tcp.Limits) -> None:
        source, source_port, destination, destination_port = ends
        back = (destination, destination_port, source, source_port)
        self.directions = (_Direction(ends, limits), _Direction(back, limits))
        self.first = first  # source of the first direction
        self.transport = ""  # "tcp", "ws", "hep" once it is recognised
        self.searched = 0  # octets until then
        self.seen_us = 0
        self.held = 0  # octets of memory

    def both(self, source: bytes) -> tuple[_Direction, _Direction]:
        """The direction from there, and the one to there."""
        one, two = self.directions
        return (one, two) if source == self.first else (two, one)


class Streams:
    """TCP segments in, SIP messages out; one for each observer. Total, and bounded by its limits."""

    def __init__(self, observer: str, limits: Limits | None = None) -> None:
        self._observer = observer
        self._limits = limits or Limits()
        self._connections: OrderedDict[bytes, _Connection] = OrderedDict()  # the one heard of last is last
        self._others: dict[bytes, None] = {}  # oldest first
        self._waiting: dict[bytes, _Connection] = {}  # for a hole to be filled
        self._due_us = 0  # no hole is given up before this
        self._held = 0  # octets of memory
        self._openings = Openings(observer)
        self.cut = 0  # messages of which an end is missing
        self.holes = 0  # in streams of SIP
        self._gaps: list[tuple[int, int]] = []  # when these were
        self.garbage = 0  # octets of these that could not be read
        self.side: list[SideEvent] = []  # of connections that failed; who takes them empties it
        self.evicted = 0  # connections given up because there were too many, or too much of them waited

    def add(self, captured_us: int, packet: ip.Packet, found: list[Datagram], network: bytes = b"") -> Skip | None:
        """Take a TCP packet; the messages that it completes are added to `found`, else the reason is returned.

        `network` names the one in which its addresses mean something, where that is not the observer's own.
        """
        segment = tcp.parse(packet.payload, packet.cut)
        if isinstance(segment, Skip):
            return segment
        source = packet.source + segment.source_port.to_bytes(2, "big")
        destination = packet.destination + segment.destination_port.to_bytes(2, "big")
        key = network + (source + destination if source < destination else destination + source)
        if segment.flags & _OPENS_OR_RESETS or segment.payload.startswith(ALERT):
            self._look_at_opening(key, packet, segment, captured_us)
        if key in self._others:
            return Skip.TCP
        before = len(found)
        self.advance(captured_us, found)
        connection = self._connection(key, source, packet, segment, captured_us)
        connection.seen_us = captured_us
        sender, receiver = connection.both(source)
        repeated = sender.stream.repeated
        if segment.flags & tcp.RST:
            self._note_reset(connection, sender, receiver, captured_us)
            self._reset(connection, captured_us, found)
        else:
            self._read(connection, sender, sender.stream.add(segment, captured_us), found)
            if sender.stream.ended:
                self._end(connection, sender, captured_us, found)
        if segment.flags & tcp.ACK:
            receiver.stream.acknowledge(segment.acknowledgment, captured_us)
        if not connection.transport and connection.searched > _SEARCHED:
            self._forget(key)
            self._remember(key)
            return Skip.TCP
        self._account(key, connection)
        while self._held > self._limits.octets:
            self._evict()
        if len(found) > before:
            return None
        return Skip.RETRANSMISSION if sender.stream.repeated > repeated else Skip.SEGMENT

    def _look_at_opening(self, key: bytes, packet: ip.Packet, segment: tcp.Segment, captured_us: int) -> None:
        if segment.flags & tcp.SYN:
            self._others.pop(key, None)
        failure = self._openings.see(key, packet, segment, captured_us)
        if failure is not None:
            self.side.append(failure)

    def advance(self, now_us: int, found: list[Datagram]) -> None:
        """Give up the holes whose time is over by `now_us`."""
        if not self._waiting or now_us < self._due_us:
            return
        for key, connection in list(self._waiting.items()):
            for direction in connection.directions:
                while 0 < direction.stream.deadline_us <= now_us:
                    self._go_on(connection, direction, found)
            self._account(key, connection)
        # Many that wait are not looked at for each segment.
        self._due_us = max(now_us + _LOOK_US, min((stream.deadline_us for stream in self._that_wait()), default=0))

    def flush(self, found: list[Datagram]) -> None:
        """Give up all holes: nothing more will come."""
        for key, connection in list(self._waiting.items()):
            for direction in connection.directions:
                while direction.stream.deadline_us:
                    self._go_on(connection, direction, found)
            self._account(key, connection)

    def held_us(self) -> int | None:
        """Wire time of the earliest segment that waits for others; None where none does."""
        return min((stream.held_us for stream in self._that_wait()), default=None)

    def _that_wait(self) -> Iterator[tcp.Stream]:
        for connection in self._waiting.values():
            for direction in connection.directions:
                if direction.stream.deadline_us:
                    yield direction.stream

    def _connection(
        self, key: bytes, source: bytes, packet: ip.Packet, segment: tcp.Segment, now_us: int
    ) -> _Connection:
        """The one that this segment belongs to, which it may open."""
        known = self._connections.get(key)
        if known is not None:
            anew = segment.flags & tcp.SYN and known.both(source)[0].stream.opens_anew(segment.sequence)
            if not anew:
                self._connections.move_to_end(key)
                return known
            self._forget(key)
        self._make_room(now_us)
        ends = (
            ip.address(packet.source),
            segment.source_port,
            ip.address(packet.destination),
            segment.destination_port,
        )
        made = self._connections[key] = _Connection(source, ends, self._limits.stream)
        return made

    def _go_on(self, connection: _Connection, direction: _Direction, found: list[Datagram]) -> None:
        """Go on behind the first hole of a direction."""
        pieces: list[tcp.Piece] = []
        direction.stream.give_up(pieces)
        self._read(connection, direction, pieces, found)
        if direction.stream.ended:
            self._end(connection, direction, pieces[-1][0], found)

    def _note_reset(self, connection: _Connection, sender: _Direction, receiver: _Direction, captured_us: int) -> None:
        """An end resets the connection after a request of the other, and has not answered."""
        request, receiver.last = receiver.last, b""
        unseen = sender.stream.deadline_us  # what may be a response
        if unseen or not looks_like_sip(request) or captured_us - receiver.heard_us > _LONGEST_HOLE_US:
            return
        _, method, _, call_id, _, from_tag, _, _, cseq, _, branch, _, _ = parse(request)
        if method and method != "ACK":
            source, source_port, destination, destination_port = receiver.ends
            self.side.append(
                SideEvent(
                    captured_us,
                    captured_us,
                    *sender.ends,
                    connection.transport,
                    self._observer,
                    TCP,
                    call_id,
                    method,
                    cseq,
                    from_tag,
                    branch,
                    str(Trouble.RESET),
                    hop=f"{endpoint(source, source_port)}>{endpoint(destination, destination_port)}",
                )
            )

    def _reset(self, connection: _Connection, captured_us: int, found: list[Datagram]) -> None:
        """No end sends any more, so that nothing need wait."""
        for direction in connection.directions:
            while direction.stream.deadline_us:
                self._go_on(connection, direction, found)
            self._end(connection, direction, captured_us, found)

    def _end(self, connection: _Connection, direction: _Direction, captured_us: int, found: list[Datagram]) -> None:
        if direction.framer:
            self._give(connection, direction, captured_us, direction.framer.end(), found)

    def _read(
        self, connection: _Connection, direction: _Direction, pieces: list[tcp.Piece], found: list[Datagram]
    ) -> None:
        """Read pieces of a stream as what it has been recognised for."""
        for captured_us, missing, octets in pieces:
            if not connection.transport:
                octets = _recognised(connection, direction, octets)
                if not octets:
                    continue
                self._note_server(connection, direction, octets)
            framer = direction.framer
            garbage = framer.garbage if framer else 0
            framed: list[Framed] = []
            if framer is None:
                framer = direction.framer = _FRAMERS[connection.transport]()
                framed = framer.feed(bytes(direction.octets))
                direction.octets.clear()
            if missing:
                self._note_hole(direction.heard_us, captured_us)
            direction.heard_us = captured_us
            framed += framer.skip(missing) if missing else framer.feed(octets)
            self.garbage += framer.garbage - garbage
            self._give(connection, direction, captured_us, framed, found)

    def _note_server(self, connection: _Connection, direction: _Direction, octets: bytes) -> None:
        """The first that is read of a connection goes to a server, but where that speaks first."""
        if connection.transport != HEP and not octets.startswith(b"SIP/2.0"):
            self._openings.serves(*direction.ends[2:])

    def _note_hole(self, heard_us: int, noticed_us: int) -> None:
        """Octets are missing that were sent between these times."""
        self.holes += 1
        from_us = max(heard_us, noticed_us - _LONGEST_HOLE_US)
        if len(self._gaps) == self._limits.gaps:
            last_us, noticed_before_us = self._gaps.pop()
            from_us, noticed_us = min(from_us, last_us), max(noticed_us, noticed_before_us)
        self._gaps.append((from_us, noticed_us))

    def losses(self) -> list[Loss]:
        """When messages may have been missed, since this was last asked."""
        gaps, self._gaps = self._gaps, []
        return [Loss(self._observer, from_us, to_us, "stream", 0) for from_us, to_us in gaps]

    def _give(
        self,
        connection: _Connection,
        direction: _Direction,
        captured_us: int,
        framed: list[Framed],
        found: list[Datagram],
    ) -> None:
        for message, cut in framed:
            self.cut += cut > 0
            for each in connection.directions:
                each.last = message[:_HEAD] if each is direction else b""
            found.append(Datagram(captured_us, *direction.ends, connection.transport, self._observer, message, cut))

    def _account(self, key: bytes, connection: _Connection) -> None:
        """Note what a connection holds, and whether it waits."""
        one, two = connection.directions
        held = one.held + two.held
        if held != connection.held:
            self._held += held - connection.held
            connection.held = held
        first_us, second_us = one.stream.deadline_us, two.stream.deadline_us
        deadline_us = min(first_us, second_us) or max(first_us, second_us)
        if deadline_us:
            self._due_us = min(self._due_us, deadline_us) if self._waiting else deadline_us
            self._waiting[key] = connection
        elif key in self._waiting:
            del self._waiting[key]

    def _make_room(self, now_us: int) -> None:
        """For one connection: forget those that are idle, else that heard of longest ago where there are too many."""
        for key, oldest in list(islice(self._connections.items(), _AT_ONCE)):
            if now_us - oldest.seen_us > self._limits.idle_us:
                self._forget(key)
        if len(self._connections) >= self._limits.connections:
            self._evict()

    def _evict(self) -> None:
        self._forget(next(iter(self._connections)))
        self.evicted += 1

    def _forget(self, key: bytes) -> None:
        self._held -= self._connections.pop(key).held
        self._waiting.pop(key, None)

    def _remember(self, key: bytes) -> None:
        """That a connection carries no SIP."""
        if len(self._others) >= self._limits.others:
            del self._others[next(iter(self._others))]
        self._others[key] = None


_FRAMERS: Final[dict[str, type[_Framer]]] = {"tcp": SipFramer, "ws": WebSocketFramer, HEP: hep.HepFramer}


def _recognised(connection: _Connection, direction: _Direction, octets: bytes) -> bytes:
    """Find out what a connection carries: its octets from where a message or a handshake begins; else none."""
    if not octets:  # some are missing
        direction.octets.clear()
        return b""
    known = len(direction.octets)
    direction.octets += octets
    connection.searched += len(octets)
    all_octets = bytes(direction.octets)
    handshake = is_upgrade(all_octets)
    begun = b""
    if handshake or is_sip_frame(octets):
        connection.transport = "ws"
        begun = all_octets if handshake else octets
    elif handshake is False and _OTHER.match(all_octets):
        connection.searched = _SEARCHED + 1
    elif (at := 0 if looks_like_sip(all_octets) else find_message(all_octets, max(0, known - _OVERLAP))) >= 0:
        connection.transport = "tcp"
        begun = all_octets[at:]
    elif (at := all_octets.find(hep.MAGIC, max(0, known - len(hep.MAGIC)))) >= 0:
        connection.transport = HEP
        begun = all_octets[at:]
    if begun:
        direction.octets.clear()
    return begun
