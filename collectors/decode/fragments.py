"""IP fragments put together again: SIP over UDP is often larger than one packet.

What waits for its missing pieces is bounded in packets, octets and, by the packets' own time stamps,
in age. What is given up is counted: without a piece a message is lost to the monitor.
"""

from typing import Final, NamedTuple

from collectors.decode.datagram import Skip
from collectors.decode.ip import FragmentKey, Packet, Piece, after_extensions

_MAX_PACKET: Final = 65_535
_MOST_TORN: Final = 1_000


class Limits(NamedTuple):
    """How much may wait."""

    packets: int = 4_096
    octets: int = 16 * 1024 * 1024
    pieces: int = 128  # of one packet
    age_us: int = 30_000_000  # as Linux does (net.ipv4.ipfrag_time)


class _Waiting:
    """The pieces of one packet that have come so far."""

    __slots__ = ("first", "held", "pieces", "since_us", "total")

    def __init__(self, since_us: int) -> None:
        self.since_us = since_us
        self.pieces: dict[int, bytes] = {}  # by offset
        self.held = 0  # octets
        self.total = -1  # octets of the whole; its last piece says it
        self.first: Packet | None = None  # its first piece, which says the protocol

    def accept(self, piece: Piece, packet: Packet) -> bool:
        """Take a piece; False when it contradicts what is here already."""
        payload = packet.payload
        known = self.pieces.get(piece.offset)
        if known is not None:
            return known == payload  # the same packet, seen twice by the capture
        if not piece.more:
            if self.total >= 0:
                return False
            self.total = piece.offset + len(payload)
        if piece.offset == 0:
            self.first = packet
        self.pieces[piece.offset] = payload
        self.held += len(payload)
        return True

    def joined(self) -> bytes | None:
        """The payload of the whole packet; None when pieces overlap (RFC 5722: then all are worthless)."""
        end = 0
        for offset in sorted(self.pieces):
            if offset != end:
                return None
            end += len(self.pieces[offset])
        return b"".join(self.pieces[offset] for offset in sorted(self.pieces)) if end == self.total else None


class Reassembly:
    """Fragments in, whole packets out; one for each observer."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._waiting: dict[FragmentKey, _Waiting] = {}  # oldest first
        self.held = 0  # octets that wait
        self.timed_out = 0  # packets whose missing pieces did not come in time
        self.evicted = 0  # packets given up because too much was waiting
        self.pieces = 0  # of the packet that came together last
        # First pieces of those that did not come together in time, with when that was; who takes them empties it.
        self.torn: list[tuple[int, Packet]] = []

    def add(self, packet: Packet, piece: Piece, now_us: int) -> Packet | Skip:
        """The packet that this piece completes, `Skip.FRAGMENT` while some are missing, or `Skip.BAD_FRAGMENT`."""
        if not _sound(packet, piece):
            return Skip.BAD_FRAGMENT
        self.expire(now_us)
        waiting = self._waiting.get(piece.key)
        if waiting is None:
            waiting = self._waiting[piece.key] = _Waiting(now_us)
        before = waiting.held
        accepted = waiting.accept(piece, packet) and len(waiting.pieces) <= self._limits.pieces
        self.held += waiting.held - before
        if not accepted:
            self._forget(piece.key)
            return Skip.BAD_FRAGMENT
        if waiting.total < 0 or waiting.held < waiting.total or waiting.first is None:
            self._evict()
            return Skip.FRAGMENT
        self._forget(piece.key)
        self.pieces = len(waiting.pieces)
        return _whole(waiting.first, waiting)

    def _forget(self, key: FragmentKey) -> None:
        self.held -= self._waiting.pop(key).held

    def expire(self, now_us: int, age_us: int | None = None) -> None:
        """Give up what has waited for too long, or for so long."""
        age_us = self._limits.age_us if age_us is None else age_us
        while self._waiting:
            key = next(iter(self._waiting))
            waiting = self._waiting[key]
            if now_us - waiting.since_us <= age_us:
                return
            self._forget(key)
            self.timed_out += 1
            if waiting.first is not None and len(self.torn) < _MOST_TORN:
                self.torn.append((now_us, waiting.first))

    def _evict(self) -> None:
        while self.held > self._limits.octets or len(self._waiting) > self._limits.packets:
            self._forget(next(iter(self._waiting)))
            self.evicted += 1


def _whole(first: Packet, waiting: _Waiting) -> Packet | Skip:
    """The packet of these pieces, without the IPv6 extension headers that were in them."""
    payload = waiting.joined()
    if payload is None:
        return Skip.BAD_FRAGMENT
    packet = Packet(first.source, first.destination, first.protocol, payload)
    if len(first.source) == 4:
        return packet
    whole = after_extensions(packet)
    # A fragment header in a fragment is nothing that a host sends.
    return Skip.BAD_FRAGMENT if isinstance(whole, Skip) or whole.piece else whole


def _sound(packet: Packet, piece: Piece) -> bool:
    """Whether a fragment is whole and one that an IP stack can have sent."""
    size = len(packet.payload)
    if packet.cut or size == 0 or piece.offset + size > _MAX_PACKET:
        return False
    return not (piece.more and size % 8)
