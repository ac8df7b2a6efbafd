"""A capture file as one result: every record, with messages numbered as in the file."""

from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace

from collectors.processors.redact import redact, redact_text
from collectors.sip.timers import MILLISECOND
from collectors.wire.events import SideEvent
from monitor.analyze.replay import CAPTURE_SETTINGS, Replay
from monitor.analyze.result import Result
from monitor.analyze.step import ProgressCallback
from monitor.core.agreement import StreamRow
from monitor.core.context import FAR
from monitor.core.facets.media import Media
from monitor.core.facets.quality import Quality
from monitor.core.fold import Fold
from monitor.core.legs import Leg, links
from monitor.core.quality import QualityRow
from monitor.core.review import Review
from monitor.core.settings import Settings
from monitor.core.sources.stage import Sources
from monitor.core.sources.values import SubjectFinding
from monitor.core.updates import (
    CallRecord,
    EvidenceAdded,
    Finding,
    LegMarked,
    Record,
    RecordKey,
    RegistrationRecord,
    RegistrationSucceeded,
    TransactionRecord,
    Update,
)

if TYPE_CHECKING:
    from monitor.core.marks import Mark

_Row = TypeVar("_Row", StreamRow, QualityRow)


def run(
    path: str | Path,
    settings: Settings = CAPTURE_SETTINGS,
    progress: ProgressCallback | None = None,
    key_log: str = "",
) -> Result:
    """Read the whole file; `progress` hears of each chunk of it, `key_log` is a file of TLS secrets (SSLKEYLOGFILE).

    Raises `ReceiverError` (collectors.receivers.base) when it can't be read or is no capture.
    """
    # No message leaves this function, so that what is shown (URIs, sentences) is all there is to redact.
    replay = Replay(path, settings, redacted=False, key_log=key_log)
    numbers, notes = Numbers(), Notes(replay, Sources(settings.limits))
    told: list[Update] = []
    for batch in replay.batches():
        for event in batch:
            replay.witness(event.captured_us, told)
            numbers.add(replay.take(event, told))
            if told:
                notes.add(told)
                told = []
        replay.witness(FAR, told)
        if replay.failures:
            notes.add([])
        if progress:
            progress(replay.progress())
    replay.end(told)
    notes.add(told)
    notes.sources.finish()
    return replace(_result(str(path), replay, numbers, notes), key_log=key_log)


class Numbers:
    """Which messages of the file are those of each record."""

    def __init__(self) -> None:
        self.keys: list[RecordKey] = []  # in order of appearance
        self.ordinals: list[array[int]] = []  # of each
        self._messages = 0

    def add(self, fold: Fold) -> None:
        """The next message of the file joined this record. A correlator counts its records from 1."""
        self._messages = number = self._messages + 1
        if fold.ident > len(self.keys):
            self.keys.append(fold.key)
            self.ordinals.append(array("I", (number,)))
        else:
            self.ordinals[fold.ident - 1].append(number)


class Notes:
    """Of what was told on the way, what the records at the end don't tell."""

    def __init__(self, replay: Replay, sources: Sources) -> None:
        self.side: dict[RecordKey, list[SideEvent]] = {}
        self.marks: dict[RecordKey, list[Mark]] = {}
        self.delays_ms: dict[RecordKey, float] = {}  # first REGISTER → first 2xx
        self.sources = sources
        self._replay = replay

    def add(self, told: list[Update]) -> None:
        """Note what these say, and the connections that failed meanwhile."""
        for failed in self._replay.failures:
            self.sources.take(failed)
        self._replay.failures = []
        for update in told:
            self.sources.take(update)
            key = update.key
            if type(update) is EvidenceAdded:
                self.side.setdefault(key, []).append(_shown_side(update.side))
            elif type(update) is LegMarked:
                self.marks.setdefault(key, []).extend(update.marks)
            elif type(update) is RegistrationSucceeded and key not in self.delays_ms:
                self.delays_ms[key] = (update.at_us - self._replay.record(key).first_us) / MILLISECOND
        self.sources.advance(self._replay.watermark_us)


def _result(file: str, replay: Replay, numbers: Numbers, notes: Notes) -> Result:
    reading = replay.reading
    records = [
        _shown(replay.record(key), ordinals) for key, ordinals in zip(numbers.keys, numbers.ordinals, strict=True)
    ]
    calls = [record for record in records if isinstance(record, CallRecord)]
    ordinals = dict(zip(numbers.keys, numbers.ordinals, strict=True))
    return Result(
        file=file,
        packets=reading.file.packets,
        messages=reading.messages,
        malformed=reading.malformed,
        first_us=reading.file.first_us if reading.file.packets else None,
        last_us=reading.file.last_us if reading.file.packets else None,
        calls=calls,
        registrations=[record for record in records if isinstance(record, RegistrationRecord)],
        transactions=[record for record in records if isinstance(record, TransactionRecord)],
        links=links([Leg.of(call, notes.marks.get(call.key, ())) for call in calls]),
        ordinals=ordinals,
        side={key: sorted(some, key=lambda each: each.captured_us) for key, some in notes.side.items()},
        media=_reviews(replay, calls, ordinals),
        side_unmatched=replay.correlator.unmatched,
        subjects=[_masked(subject) for subject in sorted(notes.sources.changed(), key=lambda each: each.finding.at_us)],
        registration_delays_ms=notes.delays_ms,
        skipped={
            **{kind: count for kind, count in reading.counters.items() if kind.startswith("not_sip_")},
            **{str(reason): count for reason, count in reading.file.decoder.skipped.items()},
        },
        fault=reading.file.fault,
        capture_drops=reading.file.dropped,
        evicted=replay.evicted,
    )


def _reviews(
    replay: Replay, calls: Sequence[CallRecord], ordinals: Mapping[RecordKey, "array[int]"]
) -> dict[RecordKey, Review]:
    """What is known of the media of each call, its messages numbered as in the file."""
    found = {}
    for call in calls:
        media, quality = replay.correlator.facet(call.key, Media), replay.correlator.facet(call.key, Quality)
        if media is not None or quality is not None:
            numbers = ordinals[call.key]
            found[call.key] = Review(
                [] if media is None else [_renumbered(row, numbers) for row in media.rows()],
                [] if quality is None else [_renumbered(row, numbers) for row in quality.rows()],
            )
    return found


def _renumbered(row: _Row, numbers: "array[int]") -> _Row:
    return replace(row, messages=tuple(numbers[number - 1] for number in row.messages))


def _shown(record: Record, numbers: "array[int]") -> Record:
    """The record without passwords, the messages of its findings numbered as in the file."""

    def shown(finding: Finding) -> Finding:
        ordinals = tuple(numbers[number - 1] for number in finding.messages)
        return replace(finding, messages=ordinals, cause=_without_password(finding.cause))

    if isinstance(record, RegistrationRecord):
        uris = {"aor": record.aor, "contact": record.contact}
    else:
        uris = {"from_uri": record.from_uri, "to_uri": record.to_uri}
    secret = {name: masked for name, uri in uris.items() if (masked := _without_password(uri)) != uri}
    if not record.findings and not secret:
        return record
    return replace(record, findings=tuple(shown(finding) for finding in record.findings), **secret)


def _shown_side(side: SideEvent) -> SideEvent:
    text = redact_text(side.text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")
    return replace(side, text=text, raw=b"")


def _masked(subject: SubjectFinding) -> SubjectFinding:
    """The finding without passwords."""
    finding = replace(subject.finding, cause=_without_password(subject.finding.cause))
    return replace(subject, name=_without_password(subject.name), finding=finding)


def _without_password(text: str) -> str:
    """The text with the passwords of its URIs ("sip:user:password@host") in x's."""
    if text.count(":", 0, max(text.rfind("@"), 0)) < 2:
        return text  # but for a scheme, no colon comes before a host
    return redact(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")
