"""Capture files: replayed by the agent, or read whole for a report or an import (`read_events`)."""

from collections.abc import Callable, Iterator
from heapq import merge
from operator import attrgetter
from pathlib import Path
from typing import Final

import msgspec

from collectors.decode.datagram import Datagram
from collectors.processors.pipeline import Pipeline
from collectors.receivers.capture_file import CaptureFile
from collectors.receivers.pace import DISORDER_US, Pacer
from collectors.wire.events import Loss, SideEvent, SipEvent

_captured: Final = attrgetter("captured_us")


class FileReceiver:
    """Replays a capture file: at the pace of its times, as if it happened now, or as fast as it can be read."""

    kind = "file"
    live = False

    def __init__(
        self, path: str | Path, collector: str, *, real_time: bool = True, bpf: str = "", key_log: str = ""
    ) -> None:
        """`real_time` moves all times so that the first message is captured at the start; else they stay.

        `key_log` is a file of TLS secrets (SSLKEYLOGFILE), with which tshark reads what is in TLS.
        """
        self.interfaces = [str(path)]
        self._path = path
        self._collector = collector
        self._bpf = bpf
        self._key_log = key_log
        self._file: CaptureFile | None = None
        self._pacer: Pacer[Datagram | SideEvent] | None = Pacer() if real_time else None
        self._side: list[SideEvent] = []
        self._latest_us = 0  # given
        self._told_drops = False

    @property
    def finished(self) -> bool:
        """All has been given."""
        return self._file is not None and self._file.finished and (self._pacer is None or self._pacer.empty)

    def start(self) -> None:
        """Open the file. Raises `ReceiverError`."""
        self._file = CaptureFile(self._path, self._collector, _filter(self._bpf), self._key_log)

    def stop(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()

    def read(self, timeout_s: float) -> list[Datagram]:
        """The next part of the file, or what of it is due by now. Raises `ReceiverError`."""
        if self._file is None:
            return []
        given: list[Datagram] = []
        side: list[SideEvent] = []
        if (self._pacer is None or self._pacer.empty) and not self._file.finished and self._file.wait(timeout_s):
            given, side = self._file.read(), self._file.side()
        if self._pacer:
            self._pacer.put(list(merge(given, side, key=_captured)))
            due = self._pacer.take(timeout_s)
            given = [each for each in due if isinstance(each, Datagram)]
            side = [each for each in due if isinstance(each, SideEvent)]
        self._side += side
        if given:
            self._latest_us = max(self._latest_us, max(each.captured_us for each in given))
        return given

    def side(self) -> list[SideEvent]:
        """What was seen beside those datagrams, and is due."""
        taken, self._side = self._side, []
        return taken

    def low_water_us(self, now_us: int) -> int:
        """A second before all that was due, or before the latest given: packets are in order but for that."""
        return max(0, (self._pacer.clear_us if self._pacer else self._latest_us) - DISORDER_US)

    def counters(self) -> dict[str, int]:
        """ "received" (packets), "skipped_<reason>", "stray", "file_drops", …"""
        if self._file is None:
            return {}
        file = self._file
        return {**file.decoder.counters(), "stray": file.stray, "file_drops": file.dropped}

    def losses(self, now_us: int) -> list[Loss]:
        """What the capture itself lost: a file says it at its end, and not when it was; and holes in streams."""
        file = self._file
        if file is None:
            return []
        found = file.losses()
        if self.finished and file.dropped and not self._told_drops:
            self._told_drops = True
            found.append(Loss(f"{self._collector}/*", file.first_us, file.last_us, "capture", file.dropped))
        shift_us = self._pacer.shift_us if self._pacer else 0
        return [
            msgspec.structs.replace(loss, from_us=loss.from_us + shift_us, to_us=loss.to_us + shift_us)
            for loss in found
        ]


def _filter(bpf: str) -> Callable[[int, bytes], bool] | None:
    if not bpf:
        return None
    # libpcap, which a file is read without.
    from collectors.receivers.bpf import FrameFilter

    return FrameFilter(bpf)


class Reading:
    """The SIP messages of a capture file; iterate once. See `read_events`."""

    def __init__(self, file: CaptureFile, pipeline: Pipeline) -> None:
        self.file = file
        self.counters = pipeline.counters  # "parsed", "malformed", "not_sip_…"
        self._pipeline = pipeline

    @property
    def messages(self) -> int:
        """SIP messages read so far, malformed ones among them."""
        return self.counters["parsed"]

    @property
    def malformed(self) -> int:
        """Messages with a `fault`."""
        return self.counters["malformed"]

    def batches(self) -> Iterator[list[SipEvent]]:
        """The events chunk by chunk: a list for each chunk of the file, some empty (for progress)."""
        try:
            while not self.file.finished:
                yield self._pipeline.run(self.file.read())
        finally:
            self.file.close()

    def unread(self) -> Iterator[list[Datagram]]:
        """As `batches`, but the messages are given as they are, unread and with their secrets."""
        try:
            while not self.file.finished:
                yield self._pipeline.unread(self.file.read())
        finally:
            self.file.close()

    def side(self) -> list[SideEvent]:
        """What the last chunk told beside its messages, in file order."""
        return self._pipeline.beside(self.file.side(), last=self.file.finished)

    def losses(self) -> list[Loss]:
        """When messages may have been missed, as far as the last chunk told: holes in streams."""
        return self.file.losses()

    def __iter__(self) -> Iterator[SipEvent]:
        for batch in self.batches():
            yield from batch


def read_events(
    path: str | Path, collector: str = "file", *, redacted: bool = True, key_log: str = "", media: str = "off"
) -> Reading:
    """The SIP messages in a capture file, in file order, without secrets; `received_us` is the wire time.

    `media` ("off", "rtcp", "presence"): what is kept of media, as side events.

    How far it has come is in the result: `.messages`, `.malformed`, `.counters` and `.file` (`.packets`,
    `.bytes_read` of `.size`, `.first_us`, `.last_us`, `.fault`, `.decoder.skipped`). Raises
    `ReceiverError`, at once or while reading, when the file can't be read or is no capture. `key_log` is one of
    TLS secrets (SSLKEYLOGFILE).
    """
    return Reading(CaptureFile(path, collector, key_log=key_log), Pipeline(redacted=redacted, media=media))
