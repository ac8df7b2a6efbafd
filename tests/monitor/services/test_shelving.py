"""What is over is put away, and taken back when it goes on; whoever reads it notices neither."""

import threading
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from collectors.scenario.library import play
from collectors.wire.events import SideEvent
from monitor import packing, queries
from monitor.core.correlator import Correlator
from monitor.core.updates import Kind, RecordKey
from monitor.ingest import archive
from monitor.models import Call, FindingRow, MessageChunk, Registration
from monitor.packing import Cut
from monitor.services import shelving
from monitor.services.apply_updates import write_content
from monitor.services.harvest import Harvest
from monitor.services.shelves import make
from monitor.services.shelving import put_away, take_back
from monitor.shelf import OPEN, day_of

pytestmark = pytest.mark.django_db(transaction=True)

T0 = 1_795_348_800_000_000  # 2026-11-22 12:00 UTC
SECOND = 1_000_000
DAY = 20261122


class Traffic:
    """Commits of some messages each, as a worker makes them."""

    def __init__(self) -> None:
        self.correlator = Correlator()
        self.harvest = Harvest(self.correlator)
        self.version = 0

    def feed(self, name: str, call_id: str, *, each: int = 2, until: int | None = None) -> None:
        """Messages of a scenario, `each` a commit."""
        events = play(name, call_id).events(start_us=T0)[:until]
        for begin in range(0, len(events), each):
            for event in events[begin : begin + each]:
                self.harvest.add(self.correlator.feed(event), T0 + begin)
            self.commit()

    def beside(self, call_id: str) -> None:
        """Something seen beside the messages."""
        side = SideEvent(T0 + SECOND, T0 + SECOND, "192.0.2.1", 0, "192.0.2.2", 0, "udp", "edge-1/eth0", "log", call_id)
        self.harvest.add(self.correlator.witness(side), T0)
        self.commit()

    def end(self) -> None:
        """Until all is over."""
        self.harvest.add(self.correlator.advance(T0 + 7200 * SECOND), T0 + 7200 * SECOND)
        self.commit()

    def commit(self) -> None:
        self.version += 1
        with transaction.atomic():
            write_content([(self.harvest.take(), 0, self.version)])


def seen(kind: Kind = Kind.CALL) -> list[Any]:
    """All that pages show of all records."""
    found = []
    for row in queries.page(kind, queries.RecordFilter(), None, 100).rows:
        record = queries.record(kind, row["slug"], import_id=0)
        assert record is not None
        shown = {name: value for name, value in record.items() if name != "findings"}
        found.append((row, shown, record["findings"], queries.messages(record), queries.side(record)))
    return found


def shelves() -> set[int]:
    models = (Call, Registration, FindingRow, MessageChunk)
    return {shelf for model in models for shelf in model._default_manager.values_list("shelf", flat=True)}


def key_of(call: Call) -> RecordKey:
    return RecordKey(Kind.CALL, call.call_id, "", call.day, call.incarnation)


def test_what_is_over_is_put_away_and_reads_as_before() -> None:
    traffic = Traffic()
    for name in ("good", "missing-ack", "registered"):
        traffic.feed(name, name)
    traffic.beside("good")
    traffic.end()
    before = seen(), seen(Kind.REGISTRATION)
    key = key_of(Call.objects.get(messages=min(Call.objects.values_list("messages", flat=True))))
    parts = archive.parts(key)
    assert MessageChunk.objects.count() > 6
    assert put_away(T0) == 3
    assert (seen(), seen(Kind.REGISTRATION)) == before
    assert shelves() == {DAY}
    assert MessageChunk.objects.count() == 3
    # Restored, it is fed under the watermarks of its time.
    assert archive.parts(key) == parts
    assert len({watermark_us for watermark_us, _ in parts}) > 2
    assert put_away(T0) == 0


def test_what_goes_on_stays_where_it_is() -> None:
    traffic = Traffic()
    traffic.feed("good", "on", until=4)
    assert put_away(T0) == 0
    assert shelves() == {OPEN}
    assert [key.call_id for key, _ in archive.open_records(0)] == [Call.objects.get().call_id]


def test_a_record_goes_to_the_day_of_its_last_message() -> None:
    traffic = Traffic()
    traffic.feed("good", "long")
    traffic.end()
    Call.objects.update(last_us=T0 + 30 * 3600 * SECOND)
    put_away(T0)
    assert Call.objects.get().day == DAY
    assert shelves() == {20261123}


@pytest.mark.parametrize("late", [False, True])
def test_what_is_taken_back_goes_on_and_is_put_away_again(*, late: bool) -> None:
    traffic = Traffic()
    traffic.feed("missing-ack", "back")
    traffic.end()
    before = seen()
    if late:
        put_away(T0)
    key = key_of(Call.objects.get())
    with transaction.atomic():
        take_back([key])
    assert shelves() == {OPEN}
    assert seen() == before
    put_away(T0)
    assert seen() == before


def test_a_row_holds_no_more_messages_than_a_page_wants_to_unpack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelving, "JOINED", 4)
    traffic = Traffic()
    traffic.feed("missing-ack", "many", each=1)
    traffic.end()
    before = seen()
    put_away(T0)
    counts = list(MessageChunk.objects.order_by("first_number").values_list("first_number", "count"))
    assert [count for _, count in counts[:-1]] == [4] * (len(counts) - 1)
    assert [first for first, _ in counts] == [1 + 4 * number for number in range(len(counts))]
    assert seen() == before


def test_a_record_too_large_for_one_transaction_is_put_away_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelving, "MOST_MESSAGES", 5)
    traffic = Traffic()
    traffic.feed("missing-ack", "huge")
    traffic.feed("busy", "small")
    traffic.end()
    before, chunks = seen(), MessageChunk.objects.count()
    assert put_away(T0) == 2
    assert seen() == before
    assert set(MessageChunk.objects.values_list("shelf", flat=True)) == {DAY}
    assert 1 < MessageChunk.objects.count() <= chunks


def test_who_is_faster_puts_a_record_away_or_goes_on_with_it_and_never_both() -> None:
    """Where one transaction puts a record away, ingest waits for its end before it takes the record back."""
    traffic = Traffic()
    traffic.feed("good", "race")
    traffic.end()
    key = key_of(Call.objects.get())
    if connection.vendor == "sqlite":
        return  # one transaction at a time
    holding, free = threading.Event(), threading.Event()
    other = threading.Thread(target=_put_away_slowly, args=(holding, free))
    other.start()
    try:
        assert holding.wait(20)
        threading.Timer(0.2, free.set).start()
        with transaction.atomic():
            take_back([key])
            lies = shelves()
    finally:
        free.set()
        other.join(20)
    assert lies == {OPEN}
    assert (Call.objects.count(), MessageChunk.objects.count()) == (1, 1)


def _put_away_slowly(holding: threading.Event, free: threading.Event) -> None:
    try:
        with transaction.atomic():
            shelving._put_away("monitor_call")
            holding.set()
            free.wait(20)
    finally:
        connection.close()


def test_cuts_are_read_as_they_were_written() -> None:
    cuts = [Cut(T0, 3, 0), Cut(T0, 0, 2), Cut(T0 - 5, 1, 0), Cut(T0 + 10 * SECOND, 1, 1)]
    assert packing.cuts(packing.pack_cuts(cuts)) == cuts


@pytest.mark.parametrize(
    ("time_us", "day"),
    [(0, 19700101), (-5, 19700101), (T0, DAY), (T0 + 12 * 3600 * SECOND - 1, DAY), (2**63 - 1, 99991231)],
)
def test_a_day_is_that_of_utc_and_within_the_calendar(time_us: int, day: int) -> None:
    assert day_of(time_us) == day


def test_messages_that_cannot_be_read_are_put_away_as_they_are() -> None:
    traffic = Traffic()
    traffic.feed("good", "damaged")
    traffic.feed("busy", "sound")
    traffic.end()
    damaged = Call.objects.get(state="ended")
    chunks = MessageChunk.objects.filter(key=damaged.key)
    count = chunks.update(messages=b"damaged")
    assert put_away(T0) == 2
    assert shelves() == {DAY}
    assert chunks.count() == count
    assert MessageChunk.objects.exclude(key=damaged.key).count() == 1


def test_ingest_looks_for_a_record_on_no_day_that_was_over_before() -> None:
    make([20261118, 20261121, DAY])
    name = (Kind.CALL, "somebody", "")
    with CaptureQueriesContext(connection) as asked:
        archive.latest([name], T0 - 86_400 * SECOND)
        archive.parts(RecordKey(*name, day=20261121))
    if connection.vendor == "sqlite":
        return  # which has one table
    for question in asked.captured_queries:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {question['sql']}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
        assert "_20261118" not in plan
        assert "_20261121" in plan
        assert "_open" in plan
