"""A file as steps and as a result: one truth, bounded batches, a clock that stops at the last packet."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from collectors.receivers.base import ReceiverError
from monitor.analyze.replay import CAPTURE_SETTINGS, Replay
from monitor.analyze.run import run
from monitor.core.settings import Settings
from monitor.core.updates import CallState, EvidenceAdded, MessageAdded, Record, RecordClosed, RecordKey, Update
from tests.monitor.analyze.files import frame, situation, written
from tests.support.beside import beside


@pytest.fixture(scope="module")
def traffic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return situation(tmp_path_factory.mktemp("traffic"), "traffic", messages=3_000)


if TYPE_CHECKING:
    from monitor.analyze.step import Progress


def told(replay: Replay) -> list[Update]:
    """All updates, in order."""
    return [update for step in replay.steps() for update in step.updates]


def test_the_records_of_all_steps_are_the_records_of_the_result(traffic: Path) -> None:
    latest: dict[RecordKey, Record] = {}
    for step in Replay(traffic).steps(size=100):
        assert step.records.keys() == {update.key for update in step.updates}
        latest |= step.records
    result = run(traffic)
    assert {key: record.messages for key, record in latest.items()} == {r.key: r.messages for r in result.records}
    assert {key for key, record in latest.items() if record.findings} == {r.key for r in result.records if r.findings}


def test_steps_are_bounded_and_carry_every_message_once_in_order(traffic: Path) -> None:
    seen: dict[RecordKey, int] = {}
    steps = list(Replay(traffic).steps(size=100))
    for step in steps:
        assert len(step.updates) < 200
        for update in step.updates:
            if isinstance(update, MessageAdded):
                assert update.number == seen.get(update.key, 0) + 1
                seen[update.key] = update.number
    assert sum(seen.values()) == run(traffic).messages
    assert [step.last for step in steps] == [False] * (len(steps) - 1) + [True]
    assert [step.watermark_us for step in steps] == sorted(step.watermark_us for step in steps)
    assert steps[-1].progress.bytes_read == steps[-1].progress.size == traffic.stat().st_size


def test_records_that_linger_out_are_in_the_step_in_which_they_close(traffic: Path) -> None:
    closed = 0
    for step in Replay(traffic, Settings()).steps(size=50):
        for update in step.updates:
            if isinstance(update, RecordClosed):
                closed += 1
                assert not step.records[update.key].open
    assert closed > 10


def test_the_same_file_gives_the_same_updates(traffic: Path) -> None:
    assert told(Replay(traffic)) == told(Replay(traffic))


def test_what_was_seen_beside_messages_is_taken_at_its_place_in_time(tmp_path: Path) -> None:
    path = situation(tmp_path, "good")
    messages = [update.event for update in told(Replay(path)) if isinstance(update, MessageAdded)]
    replay = Replay(path)
    first, last = beside(messages[0], after=0.0), beside(messages[-1])
    replay.reading.file.decoder.side += [first, beside(messages[0], method="REGISTER"), last]
    seen = [update for update in told(replay) if isinstance(update, (MessageAdded, EvidenceAdded))]
    assert [type(update) for update in seen] == [
        MessageAdded,
        EvidenceAdded,
        *[MessageAdded] * (len(messages) - 1),
        EvidenceAdded,
    ]
    assert [update.side.text for update in seen if isinstance(update, EvidenceAdded)] == [first.text, last.text]
    assert replay.correlator.unmatched == 1


def test_a_record_evicted_to_bound_the_memory_comes_back_as_its_next_incarnation(traffic: Path) -> None:
    whole = run(traffic)
    result = run(traffic, Settings(linger_us=None, max_records=3))
    keys = [record.key for record in result.records]
    assert result.evicted > 0
    assert len(set(keys)) == len(keys) > len(list(whole.records))
    assert any(key.incarnation > 1 for key in keys)
    assert sum(record.messages for record in result.records) == whole.messages


def invite(start: bytes = b"INVITE sip:b@x SIP/2.0") -> bytes:
    return (
        start + b"\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\nCall-ID: c\r\n"
        b"CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
    )


@pytest.mark.parametrize(("last_s", "state"), [(31.9, CallState.TRYING), (32.1, CallState.FAILED)])
def test_the_clock_stops_at_the_last_packet_even_if_it_is_no_sip(tmp_path: Path, last_s: float, state: str) -> None:
    """Timer B of an INVITE without any response fires at 32 s, if the file lasts that long."""
    path = written(tmp_path, [(0.0, invite()), (0.5, invite()), (last_s, b"RTP, perhaps")])
    assert run(path).calls[0].state == state


def test_messages_without_a_call_id_are_entries_of_their_sender(tmp_path: Path) -> None:
    nameless = invite().replace(b"Call-ID: c\r\n", b"")
    result = run(written(tmp_path, [(0, nameless), (1, nameless), (2, invite())]))
    assert [(call.key.call_id, call.messages) for call in result.calls] == [("", 2), ("c", 1)]
    assert result.malformed == 2


def test_progress_is_told_while_reading_and_at_the_end(traffic: Path) -> None:
    heard: list[Progress] = []
    result = run(traffic, CAPTURE_SETTINGS, heard.append)
    assert len(heard) > 2
    assert [each.messages for each in heard] == sorted(each.messages for each in heard)
    assert heard[-1].messages == result.messages
    assert heard[-1].bytes_read == heard[-1].size


def test_steps_go_on_where_a_file_holds_nearly_no_sip(tmp_path: Path) -> None:
    path = written(tmp_path, [(0, invite()), *((at_s, bytes(60_000)) for at_s in range(1, 700))])
    steps = list(Replay(path).steps())
    assert [len(step.updates) > 0 for step in steps] == [True, False, True]  # the last tells of Timer B
    assert next(step.progress.bytes_read for step in steps) < path.stat().st_size / 2


@pytest.mark.parametrize("content", [b"", b"hello, this is no capture at all, not even nearly one, no", frame(b"x")])
def test_a_file_that_is_no_capture_is_an_error_that_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ReceiverError, match="is no capture"):
        run(path)
