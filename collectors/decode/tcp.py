"""TCP (RFC 9293): segments, and the octets of one direction of a connection in their order.

A stream is put together from whatever the capture saw: out of order, twice, overlapping, with holes, from
the middle on. What follows a hole is held, and given after a bounded wait: soon where the receiver has
acknowledged what is missing (then only the capture lost it), else in the time of a retransmission.
"""

import struct
from typing import Final, NamedTuple, TypeAlias

from collectors.decode.datagram import Skip

FIN: Final = 1
SYN: Final = 2
RST: Final = 4
ACK: Final = 16

_HEADER: Final = struct.Struct("!HHIIBB")
_LEAST_HEADER: Final = 20
_SEQUENCES: Final = 1 << 32
# A sequence number further than this from what is expected belongs to another connection of the same ports,
# or to a time of which the capture has seen nothing.
_FAR: Final = 1 << 20


class Segment(NamedTuple):
    """A segment without its options."""

    source_port: int
    destination_port: int
    sequence: int
    acknowledgment: int
    flags: int
    payload: bytes
    cut: int  # octets at its end that the capture left out


class Limits(NamedTuple):
    """How much of one direction may wait for a hole to be filled, and for how long."""

    segments: int = 256
    octets: int = 256 * 1024
    wait_us: int = 2_000_000  # a retransmission comes after a second at least (RFC 6298), or after a round trip
    acknowledged_us: int = 50_000  # what the receiver has is not sent again: by this much a capture may be disordered


# (wire time, octets missing before it, octets)
Piece: TypeAlias = tuple[int, int, bytes]


def parse(packet: bytes, cut: int) -> Segment | Skip:
    """The segment in the payload of an IP packet, of which the capture left out `cut` octets."""
    if len(packet) < _LEAST_HEADER:
        return Skip.BAD_TCP
    source_port, destination_port, sequence, acknowledgment, offset, flags = _HEADER.unpack_from(packet)
    header = (offset >> 4) * 4
    if not _LEAST_HEADER <= header <= len(packet):
        return Skip.BAD_TCP
    return Segment(source_port, destination_port, sequence, acknowledgment, flags, packet[header:], cut)


class Stream:
    """One direction: segments in, pieces of the stream out, each octet once.

    The time of a piece is that of the segment that brought it, or of the later one that it had to wait for.
    """

    __slots__ = (
        "_acknowledged",
        "_fin",
        "_held",
        "_limits",
        "_next",
        "_sequence",
        "deadline_us",
        "held",
        "held_us",
        "holes",
        "lost",
        "repeated",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._sequence = -1  # expected next; -1 while nothing has been seen
        self._next = 0  # the same as a position that does not wrap around
        self._held: dict[int, tuple[int, bytes, int]] = {}  # position → wire time, octets, octets cut off
        self._acknowledged = 0  # position as far as which the other end has the stream
        self._fin = -1  # position of the stream's end, -1 while it is not known
        self.held = 0  # octets that wait
        self.held_us = 0  # wire time of the first segment that waits
        self.deadline_us = 0  # when the first hole is given up; 0 where nothing waits
        self.repeated = 0  # segments that brought nothing new
        self.holes = 0
        self.lost = 0  # octets in them, as far as that is known

    @property
    def ended(self) -> bool:
        """All of it has been given, as far as its FIN."""
        return self._next == self._fin

    def opens_anew(self, sequence: int) -> bool:
        """Whether a SYN with this number opens another connection than the one known."""
        return self._sequence >= 0 and not -_FAR < _distance(self._sequence, sequence + 1) <= 0

    def add(self, segment: Segment, captured_us: int) -> list[Piece]:
        """Take a segment; what is in order by now."""
        sequence = segment.sequence + 1 if segment.flags & SYN else segment.sequence
        found: list[Piece] = []
        distance = _distance(self._sequence, sequence) if self._sequence >= 0 else _FAR
        if not -_FAR < distance < _FAR:
            self._join(found, sequence, captured_us)
            distance = 0
        payload, cut = segment.payload, segment.cut
        position = self._next + distance
        end = position + len(payload) + cut
        if segment.flags & FIN:
            self._fin = end
        if distance > 0:
            # A FIN counts as an octet: what has none and is one ahead follows it, seen or not (RFC 9293 §3.4).
            if end - self._next == 1 or position > self._fin >= 0:
                return found
            self._hold(position, captured_us, payload, cut)
            while self.held > self._limits.octets or len(self._held) > self._limits.segments:
                self.give_up(found)
        elif end > self._next:
            self._take(found, position, captured_us, payload, cut)
            if self._held:
                self._drain(found, captured_us)
        else:
            self.repeated += end > position
        return found

    def acknowledge(self, acknowledgment: int, now_us: int) -> None:
        """The other end has all before this sequence number: what of it was not seen was missed by the capture alone.

        One octet more is a FIN that was missed.
        """
        distance = _distance(self._sequence, acknowledgment)
        if self._sequence < 0 or not 1 < distance < _FAR:
            return
        self._acknowledged = self._next + distance
        if self._held:
            self.deadline_us = min(self.deadline_us, now_us + self._limits.acknowledged_us)
        else:
            self._hold(self._acknowledged, now_us, b"", 0)

    def give_up(self, found: list[Piece]) -> None:
        """Go on behind the first hole, if there is one: add what follows it to `found`."""
        if self._held:
            first = min(self._held)
            noticed_us = self._held[first][0]
            self._lose(found, noticed_us, first - self._next)
            self._drain(found, noticed_us)

    def _join(self, found: list[Piece], sequence: int, captured_us: int) -> None:
        """Begin with this number: at the first segment of the capture, or after a jump of the numbers."""
        while self._held:
            self.give_up(found)
        if self._sequence >= 0:
            self.holes += 1
            found.append((captured_us, _FAR, b""))  # so much at least, or another connection
        self._sequence = sequence % _SEQUENCES
        self._acknowledged = self._next
        self._fin = -1

    def _take(self, found: list[Piece], position: int, captured_us: int, payload: bytes, cut: int) -> None:
        """Give what of these octets is new; they begin at or before what is expected, and end behind it."""
        new = payload[self._next - position :]
        if new:
            found.append((captured_us, 0, new))
            self._move(len(new))
        if cut:
            self._lose(found, captured_us, position + len(payload) + cut - self._next)

    def _move(self, octets: int) -> None:
        self._next += octets
        self._sequence = (self._sequence + octets) % _SEQUENCES

    def _lose(self, found: list[Piece], noticed_us: int, octets: int) -> None:
        found.append((noticed_us, octets, b""))
        self.holes += 1
        self.lost += octets
        self._move(octets)

    def _hold(self, position: int, captured_us: int, payload: bytes, cut: int) -> None:
        """Keep what follows a hole. A segment without octets tells of the hole, too."""
        known = self._held.get(position)
        if known is None or len(known[1]) < len(payload):
            self.held += len(payload) - (len(known[1]) if known else 0)
            self._held[position] = (captured_us, payload, cut)
            self._await(captured_us)
        else:
            self.repeated += len(payload) > 0

    def _await(self, now_us: int) -> None:
        """Set the time when the first hole is given up."""
        self.held_us = min(captured_us for captured_us, _, _ in self._held.values())
        if self._acknowledged > self._next:
            self.deadline_us = now_us + self._limits.acknowledged_us
        else:
            self.deadline_us = self.held_us + self._limits.wait_us

    def _drain(self, found: list[Piece], since_us: int) -> None:
        """Give what was held and is in order now."""
        for position in sorted(self._held):
            if position > self._next:
                break
            captured_us, payload, cut = self._held.pop(position)
            self.held -= len(payload)
            if position + len(payload) + cut > self._next:
                self._take(found, position, max(since_us, captured_us), payload, cut)
        if self._held:
            self._await(since_us)
        else:
            self.deadline_us = 0


def _distance(expected: int, sequence: int) -> int:
    """How far a sequence number is ahead of the expected one; negative when it is behind (RFC 9293 §3.4)."""
    distance = (sequence - expected) % _SEQUENCES
    return distance - _SEQUENCES if distance >= _SEQUENCES >> 1 else distance
