"""SIP over SCTP (RFC 4168): DATA and I-DATA chunks (RFC 9260, RFC 8260), their fragments joined. Total.

An association is known by its packets' addresses, ports and verification tag. The order of its streams does
not matter here: each message is a whole one, wherever it comes.
"""

import struct
from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Final, NamedTuple

from collectors.decode import ip
from collectors.decode.datagram import Datagram, Skip
from collectors.sip.message import looks_like_sip

_PORTS: Final = struct.Struct("!HH")
_CHUNK: Final = struct.Struct("!BBH")
_COMMON: Final = 12  # octets of the packet's header
_NAMED: Final = 8  # octets of it: ports and verification tag
_DATA: Final = 0
_I_DATA: Final = 64
_HEADS: Final = {_DATA: 16, _I_DATA: 20}  # octets of a chunk before its data
_END: Final = 1
_BEGIN: Final = 2
_UNORDERED: Final = 4
_WHOLE: Final = _BEGIN | _END
_NUMBERS: Final = 1 << 32


class Limits(NamedTuple):
    """How much is kept of all associations together."""

    directions: int = 2_048  # two of an association
    octets: int = 16 * 1024 * 1024  # of fragments
    recent: int = 128  # sequence numbers of a direction, by which a retransmission is known
    fragments: int = 256  # of a direction
    message: int = 131_072  # octets of a direction's fragments


class _Data(NamedTuple):
    """A chunk of user data."""

    number: int  # for its transmission (TSN)
    group: bytes  # of I-DATA what the fragments of a message share; of DATA they have successive TSNs
    place: int  # among these
    bits: int  # B and E
    octets: bytes
    cut: int  # octets that the capture left out


class _Direction:
    """What one end of an association sends."""

    __slots__ = ("fragments", "held", "recent")

    def __init__(self) -> None:
        self.recent: dict[int, None] = {}  # TSNs, oldest first
        self.fragments: dict[tuple[bytes, int], _Data] = {}  # by group and place, oldest first
        self.held = 0  # octets of these

    def seen(self, number: int, limit: int) -> bool:
        """Whether a TSN was seen before."""
        if number in self.recent:
            return True
        self.recent[number] = None
        if len(self.recent) > limit:
            del self.recent[next(iter(self.recent))]
        return False

    def join(self, data: _Data, limits: Limits) -> bytes | None:
        """Keep a fragment; the message that it completes."""
        self.fragments[data.group, data.place] = data
        self.held += len(data.octets)
        run = self._run(data)
        if run[0].bits & _BEGIN and run[-1].bits & _END:
            for each in run:
                self._drop(each)
            return b"".join(each.octets for each in run)
        while self.held > limits.message or len(self.fragments) > limits.fragments:
            self._drop(next(iter(self.fragments.values())))
        return None

    def _run(self, data: _Data) -> list[_Data]:
        """The fragments around this one, as far as they follow each other within a message."""
        run = deque((data,))
        while not run[0].bits & _BEGIN and (before := self._at(run[0], -1)):
            run.appendleft(before)
        while not run[-1].bits & _END and (after := self._at(run[-1], 1)):
            run.append(after)
        return list(run)

    def _at(self, data: _Data, step: int) -> _Data | None:
        return self.fragments.get((data.group, (data.place + step) % _NUMBERS))

    def _drop(self, data: _Data) -> None:
        del self.fragments[data.group, data.place]
        self.held -= len(data.octets)


class Associations:
    """SCTP packets in, SIP messages out; one for each observer. Bounded by its limits."""

    def __init__(self, observer: str, limits: Limits | None = None) -> None:
        self._observer = observer
        self._limits = limits or Limits()
        self._directions: OrderedDict[bytes, _Direction] = OrderedDict()  # the one heard of last is last
        self._held = 0  # octets of fragments
        self.cut = 0  # messages of which the capture left out an end
        self.evicted = 0  # directions given up because there were too many, or too much of them waited

    def add(self, captured_us: int, packet: ip.Packet, found: list[Datagram], network: bytes = b"") -> Skip | None:
        """Take an SCTP packet; the messages that it completes are added to `found`, else the reason is returned.

        `network` names the one in which its addresses mean something, where that is not the observer's own.
        """
        payload = packet.payload
        if len(payload) < _COMMON:
            return Skip.BAD_SCTP
        key = network + packet.source + packet.destination + payload[:_NAMED]
        reason: Skip | None = Skip.SCTP
        for data in _chunks(payload, packet.cut):
            message = self._take(key, data)
            if isinstance(message, Skip):
                reason = reason and message
                continue
            reason = None
            self.cut += data.cut > 0
            found.append(self._datagram(captured_us, packet, message, data.cut))
        return reason

    def _datagram(self, captured_us: int, packet: ip.Packet, message: bytes, cut: int) -> Datagram:
        source_port, destination_port = _PORTS.unpack_from(packet.payload)
        return Datagram(
            captured_us,
            ip.address(packet.source),
            source_port,
            ip.address(packet.destination),
            destination_port,
            "sctp",
            self._observer,
            message,
            cut,
        )

    def _take(self, key: bytes, data: _Data) -> bytes | Skip:
        """The SIP message that a chunk is or completes, or why there is none."""
        if data.bits & _BEGIN and not looks_like_sip(data.octets):
            return Skip.SCTP
        direction = self._directions.get(key)
        if direction is None:
            direction = self._directions[key] = _Direction()
        self._directions.move_to_end(key)
        if direction.seen(data.number, self._limits.recent):
            return Skip.RETRANSMISSION
        message: bytes | None = data.octets
        if data.bits & _WHOLE != _WHOLE:
            held = direction.held
            message = direction.join(data, self._limits)
            self._held += direction.held - held
        self._evict()
        return Skip.SEGMENT if message is None else message

    def _evict(self) -> None:
        while len(self._directions) > self._limits.directions or self._held > self._limits.octets:
            self._held -= self._directions.popitem(last=False)[1].held
            self.evicted += 1


def _chunks(packet: bytes, cut: int) -> Iterator[_Data]:
    """The chunks with user data in a packet, of which the capture left out `cut` octets."""
    at = _COMMON
    while at + _CHUNK.size <= len(packet):
        kind, flags, length = _CHUNK.unpack_from(packet, at)
        head = _HEADS.get(kind)
        if head and length > head and at + head <= len(packet):
            octets = packet[at + head : at + length]
            missing = length - head - len(octets)
            if missing > cut:
                return
            number = int.from_bytes(packet[at + 4 : at + 8], "big")
            group, place = (b"", number) if kind == _DATA else _group(packet, at, flags)
            yield _Data(number, group, place, flags & _WHOLE, octets, missing)
        at += max(length, _CHUNK.size) + 3 & ~3


def _group(packet: bytes, at: int, flags: int) -> tuple[bytes, int]:
    """Of an I-DATA chunk (RFC 8260 §2.1): whether it is unordered, stream and message; number of the fragment."""
    place = 0 if flags & _BEGIN else int.from_bytes(packet[at + 16 : at + 20], "big")
    return bytes((flags & _UNORDERED,)) + packet[at + 8 : at + 16], place
