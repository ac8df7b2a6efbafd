"""Who holds the watermark back, and what those who don't have not seen."""

import pytest

from collectors.sip.timers import SECOND
from collectors.wire.events import SCHEMA, Batch, Heartbeat, Loss, SipEvent
from monitor.ingest import marks, presence
from monitor.ingest.marks import Marks

NOW = 1_800_000_000 * SECOND
WINDOW = SECOND // 2


def sip(captured_us: int) -> SipEvent:
    return SipEvent(captured_us, captured_us, "10.0.0.1", 5060, "10.0.0.2", 5060, "udp", "b/eth0", b"")


class Partition:
    """One partition's marks on a timeline; times in seconds after NOW."""

    def __init__(self) -> None:
        self.marks = Marks()
        self.watermark_us = 0
        self.ended: list[Loss] = []  # by the last step
        self._sequences: dict[str, int] = {}

    def beat(self, at: float, name: str, low: float | None = None, *, final: bool = False) -> float:
        """A heartbeat is stored at this time; where the watermark is then."""
        at_us = NOW + round(at * SECOND)
        low_us = at_us if low is None else NOW + round(low * SECOND)
        sequence = self._sequences[name] = self._sequences.get(name, -1) + 1
        heartbeat = Heartbeat(at_us, low_us, 0, "", "", "", [], {}, [], 0, final)
        presence.heard(self.marks, at_us)
        marks.admit(self.marks, Batch(SCHEMA, name, "b1", 0, sequence, [], heartbeat), at_us)
        marks.report(self.marks.sources[name], heartbeat, at_us)
        return self.settle(at_us)

    def idle(self, at: float, *, listening: float = -1_000) -> float:
        """Nothing came up to this time."""
        at_us = NOW + round(at * SECOND)
        presence.unheard(self.marks, at_us, NOW + round(listening * SECOND))
        return self.settle(at_us)

    def settle(self, at_us: int) -> float:
        self.ended = presence.settle(self.marks)
        self.watermark_us = max(self.watermark_us, presence.watermark(self.marks, at_us, WINDOW))
        return (self.watermark_us - NOW) / SECOND

    def absent(self) -> list[tuple[str, float, str]]:
        """Who is absent: name, since when, why."""
        return [
            (loss.observer, (loss.from_us - NOW) / SECOND, loss.reason)
            for loss in presence.absences(self.marks, self.watermark_us)
        ]


def test_the_watermark_is_the_least_low_water_less_the_window() -> None:
    partition = Partition()
    assert partition.beat(0, "a") == -0.5
    assert partition.beat(1, "b", low=0.7) == -0.5
    assert partition.beat(1.1, "a") == 0.2
    assert partition.absent() == []


def test_nobody_can_say_before_anybody_has_spoken() -> None:
    assert presence.watermark(Marks(), NOW, WINDOW) <= 0


def test_a_silent_collector_holds_it_back_for_five_seconds_and_its_silence_is_a_loss() -> None:
    partition = Partition()
    partition.beat(0, "a")
    for second in range(1, 6):
        assert partition.beat(second, "b") <= 0
    assert partition.absent() == []
    assert partition.beat(6, "b") == 5.5
    assert partition.absent() == [("a/*", 0, "silent")]


def test_who_is_heard_again_holds_it_back_again() -> None:
    partition = Partition()
    partition.beat(0, "a")
    for second in range(1, 11):
        partition.beat(second, "b")
    partition.beat(10.5, "a", low=10.4)
    assert partition.absent() == []
    assert partition.beat(11, "b") == pytest.approx(9.9)


def test_one_that_comes_back_with_its_spool_lags_until_it_has_caught_up() -> None:
    partition = Partition()
    partition.beat(0, "a")
    for second in range(1, 31):
        partition.beat(second, "b")
    partition.beat(30.1, "a", low=1)
    assert partition.beat(31, "b") == 30.5
    assert partition.absent() == [("a/*", 1, "lagging")]
    partition.beat(31.1, "a", low=26)
    assert partition.absent() != []
    partition.beat(31.2, "a", low=30)
    assert partition.absent() == []
    assert partition.ended == [Loss("a/*", NOW + SECOND, NOW + 30 * SECOND, "lagging", 0)]
    assert partition.beat(32, "b") == 30.5


def test_a_lag_that_ends_in_silence_is_told_as_both() -> None:
    partition = Partition()
    partition.beat(0, "a")
    for second in range(1, 10):
        partition.beat(second, "b")
    partition.beat(9.5, "a", low=1)
    partition.beat(10, "b")
    assert partition.absent() == [("a/*", 1, "lagging")]
    begun: list[Loss] = []
    for second in range(11, 16):
        begun = presence.heard(partition.marks, NOW + second * SECOND)
        partition.beat(second, "b")
    assert [(loss.reason, loss.from_us) for loss in begun] == [("lagging", NOW + SECOND), ("silent", NOW + SECOND)]


def test_a_lone_collector_that_was_cut_off_is_read_as_if_it_had_never_been_away() -> None:
    partition = Partition()
    partition.beat(0, "a")
    for second in range(1, 59):
        assert partition.idle(second) == -0.5
    assert partition.beat(59, "a", low=1) == 0.5
    assert partition.beat(59.1, "a", low=58) == 57.5


def test_a_lone_collector_that_stays_away_holds_nothing_back_after_a_minute() -> None:
    partition = Partition()
    partition.beat(0, "a")
    assert partition.idle(100) == 40
    assert partition.absent() == [("a/*", 0, "silent")]


def test_after_a_goodbye_time_goes_on_by_the_streams_clock() -> None:
    partition = Partition()
    partition.beat(0, "a")
    assert partition.beat(1, "a", final=True) == 0.5
    assert partition.idle(1.2) == pytest.approx(0.7)
    assert partition.idle(40) == 39.5
    assert partition.absent() == [("a/*", 1, "planned")]


def test_while_the_store_was_away_nobody_was_silent() -> None:
    partition = Partition()
    for name in ("a", "b"):
        partition.beat(0, name)
    assert partition.idle(60, listening=60) == -0.5
    assert partition.beat(61, "b", low=1) == -0.5
    assert partition.beat(64, "b", low=60) == -0.5
    assert partition.absent() == []
    assert partition.beat(65, "a", low=60) == 59.5


def test_silence_is_counted_from_when_we_began_to_listen() -> None:
    partition = Partition()
    partition.beat(0, "a")
    partition.beat(0, "b", final=True)
    partition.idle(100, listening=96)
    assert partition.marks.sources["a"].presence == ""
    partition.idle(102, listening=96)
    assert partition.marks.sources["a"].presence == "silent"


def test_a_new_boot_that_drains_a_spool_lags_though_it_has_said_nothing_yet() -> None:
    partition = Partition()
    partition.beat(0, "a")
    partition.beat(0, "b")
    for number in range(8):
        marks.admit(partition.marks, Batch(SCHEMA, "b", "b2", 0, number, []), NOW + (number + 1) * SECOND)
        partition.beat(number + 1, "a")
    assert partition.beat(9, "a") == 8.5
    assert partition.absent() == [("b/*", 0, "lagging")]
    assert partition.beat(9.1, "b", low=9) == 8.5


def test_a_new_boot_after_a_long_stop_does_not_lag_by_the_stop() -> None:
    partition = Partition()
    partition.beat(0, "b", final=True)
    for second in range(600, 610):
        partition.beat(second, "a")
    marks.admit(partition.marks, Batch(SCHEMA, "b", "b2", 0, 0, [sip(NOW + 609 * SECOND)]), NOW + 609 * SECOND)
    partition.beat(610, "a")
    assert partition.absent() == []


def test_one_that_was_never_heard_and_drains_a_spool_lags_from_where_that_begins() -> None:
    partition = Partition()
    for second in range(10):
        partition.beat(second, "a")
    event = sip(NOW - 60 * SECOND)
    marks.admit(partition.marks, Batch(SCHEMA, "b", "b1", 0, 40, [event]), NOW + 9 * SECOND)
    assert partition.beat(10, "a") == 9.5
    assert partition.absent() == [("b/*", -60, "lagging")]


def test_losses_that_touch_are_remembered_as_one_and_not_too_many() -> None:
    state = Marks()
    for begin, end in ((10, 20), (40, 50), (21, 30), (25, 39)):
        presence.remember(state, Loss("a/*", begin, end, "kernel", 7))
    presence.remember(state, Loss("b/*", 15, 45, "kernel", 7))
    assert [(loss.observer, loss.from_us, loss.to_us) for loss in state.blind] == [("a/*", 10, 50), ("b/*", 15, 45)]
    for number in range(presence.MOST_BLIND + 10):
        presence.remember(state, Loss("c/*", 10 * number, 10 * number + 5, "kernel", 1))
    assert len(state.blind) == presence.MOST_BLIND
