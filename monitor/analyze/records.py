"""What a passage through a file leaves: its records, shown as in the file, and what was noted beside them."""

from array import array
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from msgspec.structs import replace

from collectors.processors.redact import redact, redact_text
from collectors.sip.timers import MILLISECOND
from collectors.wire.events import SideEvent
from monitor.analyze.replay import Replay
from monitor.analyze.result import Passage, Records
from monitor.core.facets.media import Media
from monitor.core.facets.quality import Quality
from monitor.core.fold import Fold
from monitor.core.legs import Leg
from monitor.core.quality import QualityRow
from monitor.core.review import Review
from monitor.core.sources.values import SubjectFinding
from monitor.core.stream_row import StreamRow
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

_NOTED: Final = frozenset({EvidenceAdded, LegMarked, RegistrationSucceeded})
_Row = TypeVar("_Row", StreamRow, QualityRow)


class Numbers:
    """Which messages of the file are those of each record."""

    def __init__(self) -> None:
        self.keys: list[RecordKey] = []  # in order of appearance
        self.ordinals: list[array[int]] = []  # of each
        self._messages = 0

    def add(self, fold: Fold) -> None:
        """The next message of the file joined this record."""
        self._messages = number = self._messages + 1
        if fold.ident:
            self.ordinals[fold.ident - 1].append(number)
        else:
            self.keys.append(fold.key)
            self.ordinals.append(array("I", (number,)))
            fold.ident = len(self.keys)

    def skip(self) -> None:
        """The next message of the file is in another share."""
        self._messages += 1


class Notes:
    """Of what was told on the way, what the records at the end don't tell."""

    def __init__(self, replay: Replay) -> None:
        self.side: dict[RecordKey, list[SideEvent]] = {}
        self.marks: dict[RecordKey, list[Mark]] = {}
        self.delays_ms: dict[RecordKey, float] = {}  # first REGISTER → first 2xx
        self._replay = replay

    def add(self, told: list[Update]) -> None:
        """Note what these say."""
        for update in told:
            if type(update) in _NOTED:
                self._add(update)

    def _add(self, update: Update) -> None:
        key = update.key
        if type(update) is EvidenceAdded:
            self.side.setdefault(key, []).append(_shown_side(update.side))
        elif type(update) is LegMarked:
            self.marks.setdefault(key, []).extend(update.marks)
        elif type(update) is RegistrationSucceeded and key not in self.delays_ms:
            self.delays_ms[key] = (update.at_us - self._replay.first_us(key)) / MILLISECOND


def passage(replay: Replay) -> Passage:
    """What the file itself told."""
    reading = replay.reading
    return Passage(
        packets=reading.file.packets,
        messages=reading.messages,
        first_us=reading.file.first_us if reading.file.packets else None,
        last_us=reading.file.last_us if reading.file.packets else None,
        skipped={
            **{kind: count for kind, count in reading.counters.items() if kind.startswith("not_sip_")},
            **{str(reason): count for reason, count in reading.file.decoder.skipped.items()},
        },
        fault=reading.file.fault,
        capture_drops=reading.file.dropped,
    )


def records(replay: Replay, numbers: Numbers, notes: Notes) -> Records:
    """The records as they stand at the end."""
    found = [_shown(replay.record(key), ordinals) for key, ordinals in zip(numbers.keys, numbers.ordinals, strict=True)]
    calls = [record for record in found if type(record) is CallRecord]
    ordinals = dict(zip(numbers.keys, numbers.ordinals, strict=True))
    return Records(
        calls=calls,
        registrations=[record for record in found if type(record) is RegistrationRecord],
        transactions=[record for record in found if type(record) is TransactionRecord],
        legs=[Leg.of(call, notes.marks.get(call.key, ())) for call in calls],
        ordinals=ordinals,
        side={key: sorted(some, key=lambda each: each.captured_us) for key, some in notes.side.items()},
        media=_reviews(replay, calls, ordinals),
        registration_delays_ms=notes.delays_ms,
        malformed=replay.malformed,
        side_unmatched=replay.correlator.unmatched,
        evicted=replay.evicted,
    )


def _reviews(
    replay: Replay, calls: Sequence[CallRecord], ordinals: Mapping[RecordKey, "array[int]"]
) -> dict[RecordKey, Review]:
    """What is known of the media of each call, its messages numbered as in the file."""
    found = {}
    for call in calls:
        fold = replay.correlator.find(call.key)
        if fold is None:
            continue
        media, quality = fold.facet(Media), fold.facet(Quality)
        if media is not None or quality is not None:
            numbers = ordinals[call.key]
            found[call.key] = Review(
                [] if media is None else [_renumbered(row, numbers) for row in media.rows()],
                [] if quality is None else [_renumbered(row, numbers) for row in quality.rows()],
            )
    return found


def _renumbered(row: _Row, numbers: "array[int]") -> _Row:
    return replace(row, messages=_ordinals(row.messages, numbers)) if row.messages else row


def _ordinals(messages: tuple[int, ...], numbers: "array[int]") -> tuple[int, ...]:
    return tuple([numbers[number - 1] for number in messages])


def _shown(record: Record, numbers: "array[int]") -> Record:
    """The record without passwords, the messages of its findings numbered as in the file."""
    names = ("aor", "contact") if type(record) is RegistrationRecord else ("from_uri", "to_uri")
    changed: dict[str, Any] = {}
    for name in names:
        uri = getattr(record, name)
        shown = _without_password(uri)
        if shown != uri:
            changed[name] = shown
    if record.findings:
        changed["findings"] = tuple([_shown_finding(each, numbers) for each in record.findings])
    return replace(record, **changed) if changed else record


def _shown_finding(finding: Finding, numbers: "array[int]") -> Finding:
    messages = _ordinals(finding.messages, numbers)
    return replace(finding, messages=messages, cause=_without_password(finding.cause))


def _shown_side(side: SideEvent) -> SideEvent:
    text = redact_text(side.text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")
    return replace(side, text=text, raw=b"")


def masked(subject: SubjectFinding) -> SubjectFinding:
    """The finding without passwords."""
    finding = replace(subject.finding, cause=_without_password(subject.finding.cause))
    return replace(subject, name=_without_password(subject.name), finding=finding)


def _without_password(text: str) -> str:
    """The text with the passwords of its URIs ("sip:user:password@host") in x's."""
    at = text.rfind("@")
    if at < 0 or text[:at].count(":") < 2:
        return text  # but for a scheme, no colon comes before a host
    return redact(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")
