"""Ladders of chosen records: their messages are read from the file again, so that nothing need be held before."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path

from msgspec.structs import replace

from collectors.decode.datagram import Datagram
from collectors.processors.parse import events
from collectors.receivers.base import ReceiverError
from collectors.receivers.capture_file import CaptureFile
from collectors.sip.message import looks_like_sip
from collectors.wire.events import SipEvent
from monitor.analyze.result import Result
from monitor.core.updates import Finding, Record, RecordKey
from monitor.ladder.layout import lay_out
from monitor.ladder.values import Ladder

# Of one record; a ladder leaves out its middle long before.
_MOST_MESSAGES = 5_000


class Ladders:
    """The ladders of some records of a result, read in one passage of its file."""

    def __init__(self, result: Result, keys: Iterable[RecordKey]) -> None:
        """Standard input, and any other pipe, can't be read twice: then there are none."""
        self._side = result.side
        self._ordinals = {key: result.ordinals[key][:_MOST_MESSAGES] for key in keys}
        self._events = _gather(result, self._ordinals) if Path(result.file).is_file() else {}

    def of(self, record: Record) -> Ladder | None:
        """The ladder of one of the records; None where it was not read."""
        messages = self._events.get(record.key)
        if not messages:
            return None
        position = {ordinal: number for number, ordinal in enumerate(self._ordinals[record.key], 1)}
        findings = [_within(finding, position) for finding in record.findings]
        return lay_out(messages, findings, side=self._side.get(record.key, ()))


def _gather(result: Result, ordinals: Mapping[RecordKey, Sequence[int]]) -> dict[RecordKey, list[SipEvent]]:
    owner = {ordinal: key for key, numbers in ordinals.items() for ordinal in numbers}
    found: dict[RecordKey, list[SipEvent]] = {key: [] for key in ordinals}
    last = max(owner, default=0)
    # A file that has gone since it was analyzed is no reason to withhold the rest.
    with suppress(ReceiverError), closing(CaptureFile(result.file, key_log=result.key_log)) as capture:
        for ordinal, datagram in enumerate(islice(_messages(capture), last), 1):
            if ordinal in owner:
                found[owner[ordinal]] += events([datagram], Counter())
    return found


def _messages(capture: CaptureFile) -> Iterator[Datagram]:
    """What `processors.parse.events` takes for SIP messages, in the order in which it counts them."""
    while not capture.finished:
        yield from (datagram for datagram in capture.read() if looks_like_sip(datagram.payload))


def _within(finding: Finding, position: Mapping[int, int]) -> Finding:
    """The finding with its messages numbered within the record."""
    return replace(finding, messages=tuple(position[number] for number in finding.messages if number in position))
