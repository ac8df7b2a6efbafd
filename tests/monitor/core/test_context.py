"""What correlators share: who was heard since when, and where nothing was seen."""

from heapq import heappop, heappush
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.wire.events import Loss
from monitor.core.context import Alarms, BlindSpots, Heard, Peers, Sleeper
from monitor.core.fold import Timer


class Light(Sleeper):
    """Needs the deadlines that it is told to."""

    def needs(self, timer: Any, about: Any) -> bool:
        return bool(about)


SET_AND_WAIT = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(-100_000, 900_000), st.sampled_from(list(Timer)))), st.integers(0, 250_000)
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(SET_AND_WAIT)
def test_deadlines_pass_by_time_then_timer_then_as_they_were_set(
    steps: list[tuple[list[tuple[int, Timer]], int]],
) -> None:
    alarms, record, heap = Alarms(), Light(), list[tuple[int, Timer, int]]()
    now_us = serial = 0
    for deadlines, wait_us in (*steps, ([], 1_000_000)):
        for ahead_us, timer in deadlines:
            serial += 1
            heappush(heap, (now_us + ahead_us, timer, serial))
            alarms.set(now_us + ahead_us, timer, record, None)
        assert alarms.next() == (heap[0][0] if heap else None)
        now_us += wait_us
        while (deadline := alarms.due(now_us)) is not None:
            assert deadline[:3] == heappop(heap)
            if deadline[1] is Timer.FACET:  # one that fires may set another, which may be past
                serial += 1
                heappush(heap, (deadline[0] + 40_000, Timer.LINGER, serial))
                alarms.set(deadline[0] + 40_000, Timer.LINGER, record, None)
        assert not heap or heap[0][0] > now_us


def test_deadlines_that_are_needed_no_more_do_not_stay() -> None:
    alarms, record = Alarms(), Light()
    for due_us in range(0, 4_000_000, 100_000):
        alarms.set(due_us, Timer.REQUEST, record, due_us % 1_000_000 == 500_000)
    for _ in range(3):  # of so many
        alarms.settled()
    passed = []
    while (deadline := alarms.due(9_000_000)) is not None:
        passed.append(deadline[0])
    assert passed == [500_000, 1_500_000, 2_500_000, 3_500_000]


def test_a_peer_is_heard_from_its_first_message_on_whatever_the_order_of_their_arrival() -> None:
    peers = Peers()
    peers.hear("10.0.0.1", 200)
    assert not peers.heard("10.0.0.1", 199)
    assert peers.heard("10.0.0.1", 200)
    peers.hear("10.0.0.1", 100)
    peers.hear("10.0.0.1", 300)
    assert peers.heard("10.0.0.1", 100)
    assert not peers.heard("10.0.0.2", 300)


def test_a_peer_answers_from_its_first_response_on() -> None:
    peers = Peers()
    peers.hear("10.0.0.1", 100)
    assert not peers.answers("10.0.0.1", 900)
    peers.hear("10.0.0.1", 300, 200)
    peers.hear("10.0.0.1", 400, 180)
    assert [peers.answers("10.0.0.1", at_us) for at_us in (299, 300)] == [False, True]
    peers.hear("10.0.0.1", 200, 100)
    assert peers.answers("10.0.0.1", 200)
    assert peers.heard("10.0.0.1", 100)
    assert not peers.answers("10.0.0.2", 300)
    assert peers.fresh() == {"10.0.0.1": (100, 200)}
    again = Peers()
    again.learn("10.0.0.1", Heard(100, 200))
    assert again.answers("10.0.0.1", 200)


def test_what_was_learned_stays_fresh_until_it_is_stored() -> None:
    peers = Peers()
    peers.hear("10.0.0.1", 200)
    stored = peers.fresh()
    peers.hear("10.0.0.1", 100)
    peers.hear("10.0.0.2", 300)
    peers.settled(stored)
    assert peers.fresh() == {"10.0.0.1": (100, 0), "10.0.0.2": (300, 0)}
    peers.settled(peers.fresh())
    assert peers.fresh() == {}


def test_of_too_many_peers_the_one_known_longest_is_forgotten() -> None:
    peers = Peers()
    for number in range(100_001):
        peers.hear(str(number), 1)
    assert not peers.heard("0", 1)
    assert peers.heard("1", 1)
    assert "0" not in peers.fresh()


def test_losses_of_one_observer_that_touch_become_one() -> None:
    blind = BlindSpots()
    for begin, end in ((10, 20), (40, 50), (21, 30), (25, 41), (60, 70)):
        blind.add(Loss("lab/eth0", begin, end, "kernel", 1))
    assert blind.covers(("lab/eth0",), 31, 31)
    assert not blind.covers(("lab/eth0",), 51, 59)
    assert not blind.covers(("lab/eth1",), 31, 31)


def test_a_loss_of_the_whole_collector_blinds_all_its_observers() -> None:
    blind = BlindSpots()
    assert not blind.covers(("lab/eth0",), 0, 100)
    blind.add(Loss("lab/*", 10, 20, "silent", 0))
    assert blind.covers(("lab/eth0",), 20, 30)
    assert not blind.covers(("other/eth0",), 20, 30)


def test_of_too_many_losses_the_oldest_is_forgotten() -> None:
    blind = BlindSpots()
    for number in range(1_001):
        blind.add(Loss("lab/eth0", 10 * number, 10 * number + 5, "kernel", 1))
    assert not blind.covers(("lab/eth0",), 0, 5)
    assert blind.covers(("lab/eth0",), 10, 15)
