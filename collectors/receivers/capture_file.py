"""A capture file, pcap or pcapng, compressed or not, from a path or standard input: octets → datagrams."""

from bisect import bisect_left
from collections.abc import Callable
from contextlib import closing
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from collectors.decode.datagram import Datagram
from collectors.decode.frames import Decoder
from collectors.decode.pcap import NotACaptureError, reader_for
from collectors.decode.pcapng import PcapngReader
from collectors.decode.reader import CaptureReader
from collectors.receivers.base import WRONG_USAGE, ReceiverError
from collectors.receivers.octets import Octets
from collectors.wire.events import Loss, SideEvent

if TYPE_CHECKING:
    from collectors.receivers.keyed import KeyedMessages

_HEAD: Final = 512  # octets by which a format is recognised
_datagram_time: Final = attrgetter("captured_us")


class CaptureFile:
    """A capture file being read: its datagrams chunk by chunk, and how far that has come."""

    def __init__(
        self,
        path: str | Path,
        collector: str = "file",
        wanted: Callable[[int, bytes], bool] | None = None,
        key_log: str = "",
    ) -> None:
        """Open `path` ("-" is standard input); observers will be "<collector>/<interface>".

        `wanted` chooses frames by link type and octets; `key_log` is a file of TLS secrets (SSLKEYLOGFILE), with which
        tshark reads what is in TLS. Raises `ReceiverError` when the file can't be opened, or tshark is missing.
        """
        self.name = str(path)
        self.decoder = Decoder()
        self._collector = collector
        self._wanted = wanted
        self._head = b""
        self._later: list[Datagram] = []  # than what waits in a stream, in order of time
        self._holes = 0
        self._reader: CaptureReader | None = None
        self._keyed = self._decrypt(key_log) if key_log else None
        self._octets = Octets(self.name)

    @property
    def size(self) -> int:
        """Octets of the file; 0 when that can't be known (a pipe)."""
        return self._octets.size

    @property
    def bytes_read(self) -> int:
        """How many of these have been read."""
        return self._octets.bytes_read

    @property
    def finished(self) -> bool:
        """All of it has been read."""
        return self._octets.finished

    @property
    def packets(self) -> int:
        """Packets read, of any kind."""
        return self.decoder.frames

    @property
    def first_us(self) -> int:
        """Wire time of the earliest packet; 0 while there is none."""
        return self.decoder.first_us

    @property
    def last_us(self) -> int:
        """Wire time of the latest packet, as above."""
        return self.decoder.last_us

    @property
    def stray(self) -> int:
        """Packets that the file holds, though not in a way that makes sense."""
        return self._reader.stray if self._reader else 0

    @property
    def dropped(self) -> int:
        """Packets that the file says were lost while it was captured."""
        return self._reader.dropped if self._reader else 0

    @property
    def fault(self) -> str:
        """What is wrong with the file, once it has been read: "cut within a packet", …, or ""."""
        return self._octets.fault or (self._reader.fault() if self._reader else "")

    def _decrypt(self, key_log: str) -> "KeyedMessages":
        # pyshark takes longer to load than all the rest.
        from collectors.receivers.keyed import KeyedMessages

        return KeyedMessages(self.name, key_log, self._collector)

    def close(self) -> None:
        """Close the file; twice is once."""
        self._octets.close()
        if self._keyed:
            self._keyed.close()

    def wait(self, timeout_s: float) -> bool:
        """Whether `read` will not block, after `timeout_s` at most. A regular file never does."""
        return self._octets.wait(timeout_s)

    def read(self) -> list[Datagram]:
        """The datagrams of the next piece, in file order. Raises `ReceiverError` when it is no capture."""
        data = self._octets.read()
        if self._reader is None:
            # A pipe may give its first octets one by one.
            data = self._head = self._head + data
            if len(data) < _HEAD and not self.finished:
                return []
            if not data and self._octets.fault.startswith("cut"):
                return []  # before anything could be unpacked
            self._reader = self._recognise(data)
        found = self._datagrams(self._reader, data)
        while self._octets.within_chunk:
            found += self._datagrams(self._reader, self._octets.read())
        if self.finished:
            found += self.decoder.flush(self.last_us)
        if self._keyed:
            found = self._with_keyed(found, self._keyed)
        return self._in_order(found)

    def _datagrams(self, reader: CaptureReader, data: bytes) -> list[Datagram]:
        """Those of the next octets of the file."""
        reader.put(data)
        return self.decoder.read(reader, partial(self._declare_interfaces, reader), self._wanted)

    def _with_keyed(self, found: list[Datagram], keyed: "KeyedMessages") -> list[Datagram]:
        """These, and what was in TLS meanwhile, in order of time."""
        observers = {f"{self._collector}/{number}": name for number, name in enumerate(self.decoder.observers)}
        for datagram in keyed.until(None if self.finished else self.last_us):
            seen_by = observers.get(datagram.observer, datagram.observer)
            found.append(datagram.seen_by(seen_by))
        return sorted(found, key=_datagram_time)

    def _in_order(self, found: list[Datagram]) -> list[Datagram]:
        """These, but what had to wait for missing octets of a stream in its place; what is later than it waits, too."""
        held_us, holes = self.decoder.held_us(), self.decoder.holes
        if held_us is None and not self._later and holes == self._holes:
            return found
        self._holes = holes
        found = sorted((*self._later, *found), key=_datagram_time)
        ready = len(found) if held_us is None else bisect_left(found, held_us, key=_datagram_time)
        self._later = found[ready:]
        return found[:ready]

    def side(self) -> list[SideEvent]:
        """What the last chunk told beside the datagrams, in file order."""
        return self.decoder.take_side()

    def losses(self) -> list[Loss]:
        """When messages in streams may have been missed, as far as the last chunk told."""
        return self.decoder.losses()

    def _recognise(self, head: bytes) -> CaptureReader:
        try:
            return reader_for(head)
        except NotACaptureError as error:
            what = (not head and self._octets.fault) or error
            raise ReceiverError(f"{self.name} is no capture: {what}", WRONG_USAGE) from error

    def _declare_interfaces(self, reader: CaptureReader) -> None:
        for index in range(self.decoder.interfaces, len(reader.interfaces)):
            link_type, name = reader.interfaces[index]
            names = [other for _, other in reader.interfaces[:index]]
            if not name or name in names:
                name = f"{name}#{index}" if name else str(index)
            self.decoder.add_interface(link_type, f"{self._collector}/{name}")


def holds_secrets(path: str) -> bool:
    """Whether a file is a capture that begins with secrets of TLS connections (pcapng, by Wireshark or `editcap`)."""
    reader = PcapngReader()
    try:
        with closing(Octets(path)) as octets:
            reader.feed(octets.read())
    except ReceiverError:
        return False
    return reader.secrets
