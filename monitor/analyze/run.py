"""A capture file as one result: every record, with messages numbered as in the file."""

from array import array
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from collectors.processors.redact import redact
from collectors.sip.timers import MILLISECOND
from collectors.wire.events import SideEvent
from monitor.analyze.replay import CAPTURE_SETTINGS, ProgressCallback, Replay
from monitor.core.legs import Leg, Link, links
from monitor.core.marks import Mark
from monitor.core.settings import Settings
from monitor.core.sources.stage import Sources
from monitor.core.sources.values import SubjectFinding
from monitor.core.updates import (
    CallRecord,
    EvidenceAdded,
    Finding,
    LegMarked,
    MessageAdded,
    Record,
    RecordClosed,
    RecordKey,
    RegistrationRecord,
    RegistrationSucceeded,
    TransactionRecord,
    Update,
)


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a file told. Times are wire times in µs since the epoch.

    In the findings of these records a message's number is its 1-based ordinal among all SIP messages of the
    file, not, as in the core, within the record.
    """

    file: str
    packets: int
    messages: int
    malformed: int
    first_us: int | None  # first and last packet; None in an empty file
    last_us: int | None
    calls: list[CallRecord]  # one an INVITE Call-ID, in order of appearance; without one, one a sender
    registrations: list[RegistrationRecord]  # one a REGISTER Call-ID
    transactions: list[TransactionRecord]  # of all other methods
    links: list[Link]  # calls that are legs of one conversation
    ordinals: dict[RecordKey, "array[int]"]  # of the messages of each record
    side: dict[RecordKey, list[SideEvent]]  # what was seen beside the messages of a record, in order of time
    side_unmatched: int  # side events that fit no record
    subjects: list[SubjectFinding]  # findings about sources, accounts and peers, the oldest first
    registration_delays_ms: list[float]  # first REGISTER → first 2xx of each session
    skipped: dict[str, int]  # what was no SIP message, by kind: "not_sip_stun", "tcp", …
    fault: str  # what is wrong with the file ("cut within a packet"), or ""
    capture_drops: int  # packets that the file says were lost while it was captured
    evicted: int  # records that were closed early to bound the memory

    @property
    def records(self) -> Iterable[Record]:
        """All of them."""
        return (*self.calls, *self.registrations, *self.transactions)


def run(
    path: str | Path,
    settings: Settings = CAPTURE_SETTINGS,
    progress: ProgressCallback | None = None,
    trusted: Sequence[str] = (),
) -> Result:
    """Read the whole file; `progress` hears of each chunk of it. `trusted`: networks of peers that are known.

    Raises `ReceiverError` (collectors.receivers.base) when it can't be read or is no capture.
    """
    # No message leaves this function, so that what is shown (URIs, sentences) is all there is to redact.
    replay = Replay(path, settings, redacted=False)
    ordinals: dict[RecordKey, array[int]] = {}
    left: dict[RecordKey, Record] = {}  # records that left memory before the end
    delays_ms: dict[RecordKey, float] = {}
    side: dict[RecordKey, list[SideEvent]] = defaultdict(list)
    marks: dict[RecordKey, list[Mark]] = {}
    sources = Sources(trusted=trusted)
    messages = 0
    for turn in replay.turns():
        if not turn:
            if progress:
                progress(replay.progress())
            continue
        first = turn[0]
        if type(first) is EvidenceAdded:
            side[first.key].append(_shown_side(first.side))
        elif type(first) is MessageAdded:
            messages += 1
            numbers = ordinals.get(first.key)
            if numbers is None:
                ordinals[first.key] = array("I", (messages,))
            else:
                numbers.append(messages)
        if len(turn) > 1 or type(first) is not MessageAdded:
            _note(turn, replay, left, delays_ms, marks)
            for update in turn:
                sources.take(update)
            sources.advance(replay.watermark_us)
    sources.finish()
    delays = list(delays_ms.values())
    return _result(str(path), replay, ordinals, left, dict(side), delays, marks, sources.changed())


def _note(
    turn: list[Update],
    replay: Replay,
    left: dict[RecordKey, Record],
    delays_ms: dict[RecordKey, float],
    marks: dict[RecordKey, list[Mark]],
) -> None:
    """Keep what the records at the end don't tell."""
    for update in turn:
        if type(update) is RecordClosed:
            left[update.key] = replay.correlator.record(update.key)
        elif type(update) is LegMarked:
            marks.setdefault(update.key, []).extend(update.marks)
        elif type(update) is RegistrationSucceeded and update.key not in delays_ms:
            delays_ms[update.key] = (update.at_us - replay.correlator.record(update.key).first_us) / MILLISECOND


def _result(
    file: str,
    replay: Replay,
    ordinals: dict[RecordKey, "array[int]"],
    left: dict[RecordKey, Record],
    side: dict[RecordKey, list[SideEvent]],
    delays_ms: list[float],
    marks: dict[RecordKey, list[Mark]],
    subjects: list[SubjectFinding],
) -> Result:
    reading, correlator = replay.reading, replay.correlator
    records = [
        _shown(left[key] if key in left else correlator.record(key), numbers) for key, numbers in ordinals.items()
    ]
    calls = [record for record in records if isinstance(record, CallRecord)]
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
        links=links([Leg.of(call, marks.get(call.key, ())) for call in calls]),
        ordinals=ordinals,
        side={key: sorted(some, key=lambda each: each.captured_us) for key, some in side.items()},
        side_unmatched=correlator.unmatched,
        subjects=[_masked(subject) for subject in sorted(subjects, key=lambda each: each.finding.at_us)],
        registration_delays_ms=delays_ms,
        skipped={
            **{kind: count for kind, count in reading.counters.items() if kind.startswith("not_sip_")},
            **{str(reason): count for reason, count in reading.file.decoder.skipped.items()},
        },
        fault=reading.file.fault,
        capture_drops=reading.file.dropped,
        evicted=replay.evicted,
    )


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
    return replace(side, text=_without_password(side.text), raw=b"")


def _masked(subject: SubjectFinding) -> SubjectFinding:
    """The finding without passwords."""
    finding = replace(subject.finding, cause=_without_password(subject.finding.cause))
    return replace(subject, name=_without_password(subject.name), finding=finding)


def _without_password(text: str) -> str:
    """The text with the passwords of its URIs ("sip:user:password@host") in x's."""
    if "@" not in text:
        return text
    return redact(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")
