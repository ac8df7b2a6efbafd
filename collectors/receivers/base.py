"""What the agent asks of a receiver, whatever it reads: an interface, a file, tshark, made-up calls."""

from typing import Final, Protocol

from collectors.decode.datagram import Datagram
from collectors.wire.events import Loss, SideEvent

# The exit code where trying again changes nothing: the arguments name what can't be.
WRONG_USAGE: Final = 2


class ReceiverError(Exception):
    """A receiver can't start or go on: the text says what to do about it. `code` is the exit code."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


class Receiver(Protocol):
    """A source of datagrams, read by one thread.

    `start`, then `read` again and again until `finished`, then `stop`. A receiver names an observer in
    each datagram: "collector/interface".
    """

    kind: str  # "libpcap", "tshark", "file", "hep", "scenario"
    live: bool  # it waits for nobody: what is not read in time is lost. A file can wait

    @property
    def interfaces(self) -> list[str]:
        """What it reads, for people: interface names, or a file's name."""

    @property
    def finished(self) -> bool:
        """Nothing more will come."""

    def start(self) -> None:
        """Open what is read. Raises `ReceiverError`."""

    def read(self, timeout_s: float) -> list[Datagram]:
        """What has come, in order of arrival: at once when there is something, else after `timeout_s` at most.

        Raises `ReceiverError` when it can't go on.
        """

    def side(self) -> list[SideEvent]:
        """What the last `read` found beside datagrams, in order; asked once after each."""

    def stop(self) -> None:
        """Close everything. May be called twice, and without `start`."""

    def low_water_us(self, now_us: int) -> int:
        """Nothing captured before this will be read any more (µs since the epoch); `now_us` is the clock."""

    def counters(self) -> dict[str, int]:
        """Since the start: "received" (frames or messages), "kernel_drops", "skipped_<reason>", …"""

    def losses(self, now_us: int) -> list[Loss]:
        """What was lost since the last time that this was asked."""
