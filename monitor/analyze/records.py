"""What a passage through a file leaves: its records, shown as in the file, and what was noted beside them."""

from array import array
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from collectors.processors.redact import redact, redact_text
from collectors.sip.timers import MILLISECOND
from collectors.wire.events import SideEvent
from monitor.analyze.replay import Replay
from monitor.analyze.result import Passage, Records
from monitor.core.facets.media import Media
from monitor.core.facets.quality import Quality
from monitor.core.fold import Fold
from monitor.core.leg import Leg
from monitor.core.quality import QualityRow
from monitor.core.reviewed import Review
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
    Update,
)

if TYPE_CHECKING:
    from monitor.core.marks import Mark

_NOTED: Final = frozenset({EvidenceAdded, LegMarked, RegistrationSucceeded})


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
    found = Records(
        calls=[],
        registrations=[],
        transactions=[],
        legs=[],
        ordinals=dict(zip(numbers.keys, numbers.ordinals, strict=True)),
        side={key: sorted(some, key=lambda each: each.captured_us) for key, some in notes.side.items()},
        media={},
        registration_delays_ms=notes.delays_ms,
        malformed=replay.malformed,
        side_unmatched=replay.correlator.unmatched,
        evicted=replay.evicted,
    )
    for key, ordinals, fold in zip(numbers.keys, numbers.ordinals, _open_folds(replay, numbers), strict=True):
        record = _shown(replay.closed[key] if fold is None else fold.record(), ordinals)
        if isinstance(record, CallRecord):
            found.calls.append(record)
            found.legs.append(Leg.of(record, notes.marks.get(key, ())))
            review = None if fold is None else _review(fold, ordinals)
            if review is not None:
                found.media[key] = review
        elif isinstance(record, RegistrationRecord):
            found.registrations.append(record)
        else:
            found.transactions.append(record)
    return found


def _open_folds(replay: Replay, numbers: Numbers) -> list[Fold | None]:
    """Each record in the making, in order of appearance; None for those that have left memory."""
    found: list[Fold | None] = [None] * len(numbers.keys)
    for fold in replay.correlator.open_folds():
        found[fold.ident - 1] = fold
    return found


def _review(fold: Fold, numbers: "array[int]") -> Review | None:
    """What is known of the media of a call, its messages numbered as in the file; None where nothing is."""
    media, quality = fold.facet(Media), fold.facet(Quality)
    if media is None and quality is None:
        return None
    return Review(
        [] if media is None else media.rows(numbers),
        [] if quality is None else [_renumbered(row, numbers) for row in quality.rows()],
    )


def _renumbered(row: QualityRow, numbers: "array[int]") -> QualityRow:
    return replace(row, messages=_ordinals(row.messages, numbers)) if row.messages else row


def _ordinals(messages: tuple[int, ...], numbers: "array[int]") -> tuple[int, ...]:
    return tuple([numbers[number - 1] for number in messages])


def _shown(record: Record, numbers: "array[int]") -> Record:
    """The record without passwords, the messages of its findings numbered as in the file."""
    if record.findings:
        record = replace(record, findings=tuple([_shown_finding(each, numbers) for each in record.findings]))
    if isinstance(record, RegistrationRecord):
        aor, contact = _without_password(record.aor), _without_password(record.contact)
        changed = aor != record.aor or contact != record.contact
        return replace(record, aor=aor, contact=contact) if changed else record
    from_uri, to_uri = _without_password(record.from_uri), _without_password(record.to_uri)
    changed = from_uri != record.from_uri or to_uri != record.to_uri
    return replace(record, from_uri=from_uri, to_uri=to_uri) if changed else record


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
    second = text.find(":", text.find(":") + 1)
    if second < 0 or second > text.rfind("@"):
        return text  # but for a scheme, no colon comes before a host
    return redact(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")
