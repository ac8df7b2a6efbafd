"""The messages in TLS connections of a capture file, by tshark and a key log, beside what our own reader finds."""

from pathlib import Path
from typing import Final

from collectors.decode.datagram import Datagram
from collectors.receivers.base import WRONG_USAGE, ReceiverError
from collectors.receivers.tshark import TsharkReceiver

_WAIT_S: Final = 0.1


class KeyedMessages:
    """SIP over TLS and over WebSocket in TLS, in order of time."""

    def __init__(self, path: str, key_log: str, collector: str) -> None:
        """Start to read; a capture that holds the secrets itself is its own key log.

        Raises `ReceiverError` when tshark or one of the files is not there.
        """
        for file in (path, key_log):
            if not Path(file).is_file():
                raise ReceiverError(f"{file}: with a key log, only a file can be read", WRONG_USAGE)
        self._next: list[Datagram] = []  # found, and later than what was asked for
        own = key_log == path
        self._receiver = TsharkReceiver(
            collector, path=path, real_time=False, key_log="" if own else key_log, only_tls=True
        )
        self._receiver.start()

    def until(self, time_us: int | None) -> list[Datagram]:
        """Those captured until then that were not given yet, waited for; None is the end. Raises `ReceiverError`."""
        found, self._next = self._next, []
        while not self._receiver.finished and (time_us is None or not found or found[-1].captured_us <= time_us):
            found += self._receiver.read(_WAIT_S)
        if time_us is not None:
            self._next = [each for each in found if each.captured_us > time_us]
            found = [each for each in found if each.captured_us <= time_us]
        return found

    def close(self) -> None:
        """End tshark."""
        self._receiver.stop()
