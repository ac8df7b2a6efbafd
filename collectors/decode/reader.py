"""What reads a capture format: it comes from frame to frame, and each lies where it was read, without a copy."""

from abc import ABC, abstractmethod
from typing import TypeAlias

# (captured_us, index of the capture's interface, octets)
Frame: TypeAlias = tuple[int, int, bytes]


class CaptureReader(ABC):
    """Octets of a file in, frames out, whatever the octets: damage ends the reading, with its reason.

        reader.put(octets)
        while reader.next():
            reader.octets[reader.begin : reader.end]  # captured at reader.captured_us on reader.interface

    No protocol, and no tuples: compiled, what a frame is costs nothing to tell.
    """

    def __init__(self) -> None:
        self.interfaces: list[tuple[int, str]] = []  # (link type, name or ""), in the order of the frames' index; grows
        self.stray = 0  # packets that could not be read, though the rest could
        self.captured_us = 0  # of the frame that `next` came to, as are the next four
        self.interface = 0
        self.octets = b""
        self.begin = 0
        self.end = 0
        self._place = 0  # in `octets`, of what comes next
        self._fault = ""

    @property
    def dropped(self) -> int:
        """Packets that the capture itself says it has lost."""
        return 0

    def put(self, octets: bytes) -> None:
        """The next octets of the file; what the last ones left unread comes before them. Behind damage none is."""
        rest = self.octets[self._place :]
        self.octets = b""  # so that what comes now may lie where the last lay, which the processor's cache still holds
        self.octets = b"" if self._fault else rest + octets
        self._place = 0

    @abstractmethod
    def next(self) -> bool:
        """Come to the next frame; False where it is not complete."""

    def feed(self, octets: bytes) -> list[Frame]:
        """The frames that the next octets of the file complete, as copies, for who wants them by themselves."""
        self.put(octets)
        found: list[Frame] = []
        while self.next():
            found.append((self.captured_us, self.interface, self.octets[self.begin : self.end]))
        return found

    @abstractmethod
    def fault(self) -> str:
        """At the end of the file: what is wrong with it ("cut within a packet", …), or ""."""
