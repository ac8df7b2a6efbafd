"""Deadlines pass in their order, and those that nothing can come of do not stay."""

from heapq import heappop, heappush
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.core.alarms import Alarms, Sleeper, Timer, due_us, timer_of


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
            alarms.set(now_us + ahead_us, timer, record, serial)
        assert alarms.next() == (heap[0][0] if heap else None)
        now_us += wait_us
        while (deadline := alarms.due(now_us)) is not None:
            due = due_us(deadline), timer_of(deadline), deadline[2]
            assert due == heappop(heap)
            if due[1] is Timer.FACET:  # one that fires may set another, which may be past
                serial += 1
                heappush(heap, (due[0] + 40_000, Timer.LINGER, serial))
                alarms.set(due[0] + 40_000, Timer.LINGER, record, serial)
        assert not heap or heap[0][0] > now_us


def test_deadlines_that_are_needed_no_more_do_not_stay() -> None:
    alarms, record = Alarms(), Light()
    for at_us in range(0, 4_000_000, 100_000):
        alarms.set(at_us, Timer.REQUEST, record, at_us % 1_000_000 == 500_000)
    for _ in range(6):  # of so many
        alarms.settled()
    passed = []
    while (deadline := alarms.due(9_000_000)) is not None:
        passed.append(due_us(deadline))
    assert passed == [500_000, 1_500_000, 2_500_000, 3_500_000]
