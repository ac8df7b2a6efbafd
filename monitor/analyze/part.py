"""A share of the messages of a file through a correlator: what each process does of `offhook analyze --jobs`.

It decodes all of the file, which costs little, and reads, correlates and diagnoses only what is its own. So all
processes know the order of messages, the time, and who was heard; what crosses Call-IDs is told to whoever
puts it together, cycle by cycle.
"""

from collections.abc import Iterator
from pathlib import Path

from monitor.analyze.frames import Cycle, Stretch, UnsharedError
from monitor.analyze.records import Notes, Numbers, passage, records
from monitor.analyze.replay import Replay, read
from monitor.analyze.result import Passage, Records
from monitor.analyze.share import Share
from monitor.core.context import FAR
from monitor.core.settings import Settings
from monitor.core.sources.stage import Minded, is_minded
from monitor.core.updates import Update


class Part:
    """One passage through a file, to be made once: all of `stretches`, then `records`.

    Raises `ReceiverError` (collectors.receivers.base), here or while iterating, when the file can't
    be read or is no capture; and `UnsharedError`.
    """

    def __init__(self, path: str | Path, settings: Settings, share: Share) -> None:
        self._replay = Replay(path, settings, redacted=False)
        self._share = share
        self._numbers = Numbers()
        self._notes = Notes(self._replay)
        self._minded: list[Minded] = []  # since the watermark moved
        self._cycles: list[Cycle] = []
        self._watermark_us = 0
        self._checked = 0  # records, whether they are in this share

    def stretches(self) -> Iterator[Stretch]:
        """Chunk by chunk of the file; the last ends with what was told at its end."""
        replay = self._replay
        told: list[Update] = []
        for batch in replay.batches(self._share):
            for datagram in batch:
                replay.witness(datagram.captured_us, told)
                if self._share.takes(datagram.payload):
                    self._numbers.add(replay.take(read(datagram), told))
                else:
                    self._numbers.skip()
                    replay.pass_by(datagram, told)
                if told:
                    self._note(told)
                    told = []
                if replay.watermark_us != self._watermark_us:
                    self._close()
            replay.witness(FAR, told)
            yield self._stretch()
        replay.end(told)
        self._note(told)
        self._close()
        yield self._stretch()

    def records(self) -> Records:
        """The records of this share, as they stand at the end."""
        return records(self._replay, self._numbers, self._notes)

    def passage(self) -> Passage:
        """What the file itself told."""
        return passage(self._replay)

    def _note(self, told: list[Update]) -> None:
        self._notes.add(told)
        for update in told:
            if is_minded(update):
                self._minded.append(update)

    def _close(self) -> None:
        self._watermark_us = self._replay.watermark_us
        self._minded += self._replay.take_failures()
        self._cycles.append(Cycle(self._watermark_us, self._minded))
        self._minded = []

    def _stretch(self) -> Stretch:
        keys = self._numbers.keys
        for number in range(self._checked, len(keys)):
            if not self._share.holds(keys[number].call_id):
                raise UnsharedError("whose a message is can't be told before it is read")
        self._checked = len(keys)
        cycles, self._cycles = self._cycles, []
        return Stretch(cycles, self._replay.progress(), len(self._numbers.keys))
