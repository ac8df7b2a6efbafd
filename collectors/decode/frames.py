"""Frames of a capture → datagrams: link layer, tunnels, IP with its fragments, UDP, TCP, SCTP.

This is the hottest loop of the edge. Nearly all of SIP is whole UDP datagrams in plain IP, so that case
has a path of its own (`collectors.decode.ip.whole_udp`); every other frame takes the general one. Both give
the same (a test holds them to that).
"""

import struct
from collections import Counter
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Final, TypeAlias

from collectors.decode import exported, fragmented, hep, icmp, ip, link, tunnel, udp
from collectors.decode.datagram import Datagram, Skip
from collectors.decode.fragments import Limits, Reassembly
from collectors.decode.hep_reader import HepReader
from collectors.decode.reader import CaptureReader, Frame
from collectors.decode.sctp import Associations
from collectors.decode.streams import HEP, Streams
from collectors.wire.events import Loss, SideEvent

# Names of the tunnels that a packet came through, from the outside in.
_Within: TypeAlias = tuple[bytes, ...]

_PORTS: Final = struct.Struct("!HH")
_MAX_FLOWS: Final = 65_536
_LATE_US: Final = 2_000_000  # fragments of a packet come at once; at the end of a capture some may yet be to come
_MAX_TUNNELS: Final = 8  # one in the other
_side_time: Final = attrgetter("captured_us")
_ethernet: Final = link.ethernet

_UNKNOWN_LINK: Final = -2


def _unknown_link(_frame: bytes) -> int:
    return _UNKNOWN_LINK


class _Flow:
    """Between whom a datagram goes. Fields as of `Datagram`."""

    __slots__ = ("destination", "destination_port", "source", "source_port")

    def __init__(self, source: str, source_port: int, destination: str, destination_port: int) -> None:
        self.source = source
        self.source_port = source_port
        self.destination = destination
        self.destination_port = destination_port


class Decoder:
    """What the frames of one capture carry. Total: a frame without a datagram is counted in `skipped`."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.frames = 0
        self.first_us = 0  # wire time of the earliest frame that was read, and of the latest; 0 while there is none
        self.last_us = 0
        self.cut = 0  # datagrams of which the capture left out the end
        self.skipped: Counter[Skip] = Counter()
        self.observers: list[str] = []  # of the interfaces, in order
        self.side: list[SideEvent] = []  # in order; `take_side` empties it
        self._limits = limits
        self._links: list[link.LinkLayer] = []
        self._reassemblies: list[Reassembly] = []
        self._streams: list[Streams] = []
        self._associations: list[Associations] = []
        # Addresses and ports as 12 octets, or 36 → the same as values; emptied when it is full.
        # Flows in which there may be a tunnel, or HEP, have no place here: they take the general path.
        self._flows: dict[bytes, _Flow] = {}
        self._agents: dict[str, HepReader] = {}  # by collector

    def add_interface(self, link_type: int, observer: str) -> None:
        """Declare the next interface of the capture: `link_type` as in capture files."""
        self._links.append(link.LAYERS.get(link_type, _unknown_link))
        self.observers.append(observer)
        self._reassemblies.append(Reassembly(self._limits))
        self._streams.append(Streams(observer))
        self._associations.append(Associations(observer))

    @property
    def interfaces(self) -> int:
        """How many have been declared."""
        return len(self._links)

    def counters(self) -> dict[str, int]:
        """ "received" (frames), "cut" (datagrams), "skipped_<reason>" (frames), "fragments_…" (packets), "stream_…"."""
        streams, associations = self._streams, self._associations
        return {
            "received": self.frames,
            "cut": self.cut + sum(each.cut for each in streams) + sum(each.cut for each in associations),
            "fragments_timed_out": sum(each.timed_out for each in self._reassemblies),
            "fragments_evicted": sum(each.evicted for each in self._reassemblies),
            "stream_holes": self.holes,
            "stream_garbage": sum(each.garbage for each in streams),
            "streams_evicted": sum(each.evicted for each in streams) + sum(each.evicted for each in associations),
            **{name: count for reader in self._agents.values() for name, count in reader.counters.items()},
            **{f"skipped_{reason}": count for reason, count in self.skipped.items()},
        }

    def datagrams(self, frames: list[Frame]) -> list[Datagram]:
        """The datagrams in these frames, in order."""
        found: list[Datagram] = []
        for captured_us, interface, frame in frames:
            self._take(captured_us, interface, frame, 0, len(frame), found)
        return found

    def read(
        self, reader: CaptureReader, declare: Callable[[], None], wanted: Callable[[int, bytes], bool] | None = None
    ) -> list[Datagram]:
        """The datagrams in the frames that `reader` comes to, in order.

        `declare` adds the interfaces that the reader has met by then; `wanted` chooses by link type and octets.
        """
        found: list[Datagram] = []
        while reader.next():
            captured_us, interface, octets = reader.captured_us, reader.interface, reader.octets
            if captured_us > self.last_us:
                self.last_us = captured_us
            if captured_us < self.first_us or not self.first_us:
                self.first_us = captured_us
            if interface >= len(self._links):
                declare()
            if wanted is None or wanted(reader.interfaces[interface][0], octets[reader.begin : reader.end]):
                self._take(captured_us, interface, octets, reader.begin, reader.end, found)
        declare()
        return found

    def _take(
        self, captured_us: int, interface: int, octets: bytes, begin: int, end: int, found: list[Datagram]
    ) -> None:
        """Add what is in the frame `octets[begin:end]`; it is copied only where it is not plain IP in Ethernet."""
        self.frames += 1
        layer = self._links[interface]
        if layer is _ethernet and link.is_plain(octets, begin, end):
            at = begin + 14
        else:
            octets = octets[begin:end]
            begin, end = 0, len(octets)
            at = layer(octets)
        datagram = self._plain(captured_us, interface, octets, at, end)
        if datagram is not None:
            found.append(datagram)
            return
        reason = self._general(captured_us, interface, octets[begin:end], at - begin, found)
        if reason is not None:
            self.skipped[reason] += 1

    @property
    def holes(self) -> int:
        """Places in streams of SIP where the capture misses something."""
        return sum(each.holes for each in self._streams)

    def advance(self, now_us: int) -> list[Datagram]:
        """What waited for missing octets of a stream, and by this time on the wire does so no more."""
        found: list[Datagram] = []
        for reassembly in self._reassemblies:
            reassembly.expire(now_us)
        for streams in self._streams:
            streams.advance(now_us, found)
        self._unwrap(found, 0)
        for agents in self._agents.values():
            found += agents.advance(now_us)
        return found

    def flush(self, now_us: int = 0) -> list[Datagram]:
        """All that waits: no frame will come any more, and by then it was this time on the wire."""
        found: list[Datagram] = []
        for reassembly in self._reassemblies:
            reassembly.expire(now_us, _LATE_US)
        for streams in self._streams:
            streams.flush(found)
        self._unwrap(found, 0)
        for agents in self._agents.values():
            found += agents.flush()
        return found

    def losses(self) -> list[Loss]:
        """When messages in streams may have been missed, since this was last asked."""
        return [loss for streams in self._streams for loss in streams.losses()]

    def held_us(self) -> int | None:
        """No datagram to come was captured before this, but for those of frames to come; None where nothing waits."""
        held = [held_us for streams in self._streams if (held_us := streams.held_us()) is not None]
        return min(held, default=None)

    def take_side(self) -> list[SideEvent]:
        """What was seen beside the datagrams since this was last asked."""
        taken, self.side = self.side, []
        others = list(self._torn())
        for streams in self._streams:
            others += streams.side
            streams.side = []
        return sorted((*taken, *others), key=_side_time) if others else taken

    def _torn(self) -> Iterator[SideEvent]:
        """Of messages in fragments that did not all come."""
        for reassembly, observer in zip(self._reassemblies, self.observers, strict=True):
            torn, reassembly.torn = reassembly.torn, []
            for at_us, first in torn:
                side = fragmented.torn(at_us, first, observer)
                if side is not None:
                    yield side

    def _flow(self, octets: bytes, begin: bytes) -> _Flow | None:
        size = (len(octets) - 4) // 2  # of an address
        source_port, destination_port = _PORTS.unpack_from(octets, 2 * size)
        if destination_port in tunnel.PORTS or destination_port == hep.PORT or begin == hep.MAGIC:
            return None
        if len(self._flows) >= _MAX_FLOWS:
            self._flows.clear()
        source, destination = ip.address(octets[:size]), ip.address(octets[size : 2 * size])
        flow = self._flows[octets] = _Flow(source, source_port, destination, destination_port)
        return flow

    def _general(
        self, captured_us: int, interface: int, frame: bytes, at: int, found: list[Datagram], within: _Within = ()
    ) -> Skip | None:
        """Any frame: every link layer. What it completes is added to `found`; else the reason is returned."""
        if at < 0:
            return self._without_ip(captured_us, interface, frame, at, found)
        packet = ip.parse(frame, at)
        if isinstance(packet, Skip):
            return packet
        return self._packet(captured_us, interface, packet, found, within)

    def _without_ip(
        self, captured_us: int, interface: int, frame: bytes, at: int, found: list[Datagram]
    ) -> Skip | None:
        message = exported.parse(frame) if at == link.EXPORTED else None
        if message is None:
            return Skip.UNKNOWN_LINK if at == _UNKNOWN_LINK else Skip.NOT_IP
        source, source_port, destination, destination_port, transport, payload = message
        ends = (ip.address(source), source_port, ip.address(destination), destination_port)
        found.append(Datagram(captured_us, *ends, transport, self.observers[interface], payload))
        return None

    def _packet(
        self, captured_us: int, interface: int, packet: ip.Packet, found: list[Datagram], within: _Within = ()
    ) -> Skip | None:
        """Any IP packet, of a frame or of a tunnel: fragments are joined, then its protocol decides."""
        if packet.piece:
            # The same addresses in two tunnels are those of two networks.
            piece = packet.piece._replace(key=(*packet.piece.key, *within)) if within else packet.piece
            whole = self._reassemblies[interface].add(packet, piece, captured_us)
            if isinstance(whole, Skip):
                return whole
            before = len(found)
            reason = self._whole(captured_us, interface, whole, found, within)
            self.side += fragmented.joined(found[before:], whole, self._reassemblies[interface].pieces)
            return reason
        return self._whole(captured_us, interface, packet, found, within)

    def _whole(
        self, captured_us: int, interface: int, packet: ip.Packet, found: list[Datagram], within: _Within
    ) -> Skip | None:
        if packet.protocol == ip.UDP:
            return self._udp(captured_us, interface, packet, found, within)
        if packet.protocol == ip.TCP:
            before = len(found)
            reason = self._streams[interface].add(captured_us, packet, found, b"".join(within))
            self._unwrap(found, before)
            return reason
        if packet.protocol == ip.SCTP:
            return self._associations[interface].add(captured_us, packet, found, b"".join(within))
        if packet.protocol in (ip.ICMP, ip.ICMPV6):
            return self._icmp(captured_us, interface, packet)
        inner = tunnel.in_ip(packet.protocol, packet.payload)
        if inner:
            return self._inner(captured_us, interface, packet, packet.payload, inner, found, within)
        return Skip.OTHER_PROTOCOL

    def _icmp(self, captured_us: int, interface: int, packet: ip.Packet) -> Skip | None:
        if not icmp.is_error(packet):
            return Skip.OTHER_PROTOCOL
        error = icmp.quoted(packet, captured_us, self.observers[interface])
        if error is None:
            return Skip.ICMP_ERROR
        self.side.append(error)
        return None

    def _inner(
        self,
        captured_us: int,
        interface: int,
        outer: ip.Packet,
        payload: bytes,
        inner: tunnel.Inner,
        found: list[Datagram],
        within: _Within,
    ) -> Skip | None:
        """The packet that `outer` carries in its `payload`."""
        if len(within) == _MAX_TUNNELS:
            return Skip.TOO_DEEP
        datagram = self._plain(captured_us, interface, payload, inner.at, len(payload))
        if datagram is not None:
            found.append(datagram)
            return None
        name = b"".join(sorted((outer.source, outer.destination))) + inner.name  # the same both ways
        return self._general(captured_us, interface, payload, inner.at, found, (*within, name))

    def _plain(self, captured_us: int, interface: int, octets: bytes, at: int, behind: int) -> Datagram | None:
        """The usual case, one datagram of UDP in the IP packet at `octets[at:behind]`, which passes by quickly so."""
        ends, begin, end = ip.whole_udp(octets, at, behind)
        if not end:
            return None
        name = octets[ends : begin - 4]
        flow = self._flows.get(name)
        if flow is None:
            flow = self._flow(name, octets[begin : begin + 4])
            if flow is None:
                return None
        return Datagram(
            captured_us,
            flow.source,
            flow.source_port,
            flow.destination,
            flow.destination_port,
            "udp",
            self.observers[interface],
            octets[begin:end],
        )

    def _udp(
        self, captured_us: int, interface: int, packet: ip.Packet, found: list[Datagram], within: _Within = ()
    ) -> Skip | None:
        parsed = udp.parse(packet.payload, packet.cut)
        if isinstance(parsed, Skip):
            return parsed
        source_port, destination_port, payload, cut = parsed
        inner = tunnel.in_udp(destination_port, payload)
        if inner:
            return self._inner(captured_us, interface, packet, payload, inner, found, within)
        if payload.startswith(hep.MAGIC) or (destination_port == hep.PORT and hep.is_hep(payload)):
            before = len(found) + len(self.side)
            self._read_hep(captured_us, self.observers[interface], payload, found)
            return Skip.HEP if len(found) + len(self.side) == before else None
        self.cut += cut > 0
        found.append(
            Datagram(
                captured_us,
                ip.address(packet.source),
                source_port,
                ip.address(packet.destination),
                destination_port,
                "udp",
                self.observers[interface],
                payload,
                cut,
            )
        )
        return None

    def _read_hep(self, captured_us: int, observer: str, frame: bytes, found: list[Datagram]) -> None:
        """What an agent told the collector to which this went, as if we were that."""
        collector = observer.partition("/")[0]
        reader = self._agents.get(collector) or self._agents.setdefault(collector, HepReader(collector))
        found += reader.read(frame, captured_us)
        self.side += reader.take_side()

    def _unwrap(self, found: list[Datagram], since: int) -> None:
        """Put what frames of HEP hold in the place of those that streams gave."""
        if not any(datagram.transport == HEP for datagram in found[since:]):
            return
        given = found[since:]
        del found[since:]
        for datagram in given:
            if datagram.transport == HEP:
                self._read_hep(datagram.captured_us, datagram.observer, datagram.payload, found)
            else:
                found.append(datagram)
