"""A capture file as one result: every record, with messages numbered as in the file."""

from pathlib import Path
from typing import TYPE_CHECKING

from monitor.analyze.records import Notes, Numbers, masked, passage, records
from monitor.analyze.replay import CAPTURE_SETTINGS, Replay, read
from monitor.analyze.result import Passage, Records, Result
from monitor.analyze.step import ProgressCallback
from monitor.core.context import FAR
from monitor.core.legs import links
from monitor.core.settings import Settings
from monitor.core.sources.stage import Sources
from monitor.core.sources.values import SubjectFinding

if TYPE_CHECKING:
    from monitor.core.updates import Update


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
    numbers, notes, sources = Numbers(), Notes(replay), Sources(settings.limits)
    told: list[Update] = []
    watermark_us = 0
    for batch in replay.batches():
        for datagram in batch:
            message = read(datagram)
            replay.witness(message.captured_us, told)
            numbers.add(replay.take(message, told))
            if told:
                notes.add(told)
                for update in told:
                    sources.take(update)
                told = []
            if replay.watermark_us != watermark_us:
                # Not before: what is told meanwhile is taken in one order, whoever tells it first.
                watermark_us = replay.watermark_us
                for failed in replay.take_failures():
                    sources.take(failed)
                sources.advance(watermark_us)
        replay.witness(FAR, told)
        if progress:
            progress(replay.progress())
    replay.end(told)
    notes.add(told)
    for update in told:
        sources.take(update)
    for failed in replay.take_failures():
        sources.take(failed)
    return whole(
        str(path), passage(replay), records(replay, numbers, notes), subjects(sources, replay.watermark_us), key_log
    )


def subjects(sources: Sources, watermark_us: int) -> list[SubjectFinding]:
    """What is said of sources, accounts and peers when the file is at its end, the oldest first."""
    sources.advance(watermark_us)
    sources.finish()
    return [masked(subject) for subject in sorted(sources.changed(), key=lambda each: each.finding.at_us)]


def whole(file: str, passed: Passage, found: Records, about: list[SubjectFinding], key_log: str = "") -> Result:
    """All that a file told."""
    return Result(
        file=file,
        packets=passed.packets,
        messages=passed.messages,
        malformed=found.malformed,
        first_us=passed.first_us,
        last_us=passed.last_us,
        calls=found.calls,
        registrations=found.registrations,
        transactions=found.transactions,
        links=links(found.legs),
        ordinals=found.ordinals,
        side=found.side,
        media=found.media,
        side_unmatched=found.side_unmatched,
        subjects=about,
        registration_delays_ms=found.registration_delays_ms,
        skipped=passed.skipped,
        fault=passed.fault,
        capture_drops=passed.capture_drops,
        evicted=found.evicted,
        key_log=key_log,
    )
