"""A call that may have ended while messages were lost is over when nothing more is heard of it; nothing is claimed."""

import pytest

from monitor.core.updates import CallEnded, CallState, RecordClosed, Update
from tests.support.messages import request, response, us
from tests.support.watch import Watch

MINUTE = 60
HOUR = 60 * MINUTE


CALL = (request("INVITE", 0), response(200, 1), request("ACK", 1.1, to_tag="b", branch="own"))


def answered(**lost: float) -> Watch:
    watch = Watch()
    if lost:
        watch.lose(lost["begin"], lost["end"])
    return watch.see(CALL)


def ends(watch: Watch) -> list[CallState]:
    return [update.state for update in watch.told if isinstance(update, CallEnded)]


def test_half_an_hour_after_a_gap_a_silent_call_is_over_without_a_finding() -> None:
    watch = answered(begin=10 * MINUTE, end=11 * MINUTE).wait(29 * MINUTE)
    assert ends(watch) == []
    watch.wait(60 * MINUTE).wait(61 * MINUTE)
    assert ends(watch) == [CallState.ANSWERED]
    assert isinstance(watch.told[-1], RecordClosed)
    assert (watch.call.open, watch.call.state, watch.call.ended_us, watch.findings()) == (
        False,
        CallState.ANSWERED,
        None,
        {},
    )


def test_without_a_gap_a_silent_call_goes_on_and_so_it_does_soon_after_one() -> None:
    assert ends(answered().wait(HOUR).wait(2 * HOUR)) == []
    assert ends(answered(begin=50 * MINUTE, end=51 * MINUTE).wait(HOUR)) == []


def test_a_gap_before_its_last_message_says_nothing_of_its_end() -> None:
    watch = answered(begin=10 * MINUTE, end=11 * MINUTE)
    watch.see([request("INFO", 12 * MINUTE, cseq=2, to_tag="b")]).wait(HOUR).wait(2 * HOUR)
    assert ends(watch) == []


def test_a_message_that_comes_after_all_shows_that_it_went_on() -> None:
    watch = answered(begin=10 * MINUTE, end=11 * MINUTE).wait(60 * MINUTE)
    assert watch.correlator.open_keys()
    watch.see([request("INFO", 60 * MINUTE + 5, cseq=2, to_tag="b")]).wait(62 * MINUTE)
    assert watch.call.open
    watch.see([request("BYE", 63 * MINUTE, cseq=3, to_tag="b"), response(200, 63 * MINUTE + 1, cseq=3, method="BYE")])
    assert ends(watch) == [CallState.ANSWERED, CallState.ENDED]


def test_what_is_over_already_is_not_told_again() -> None:
    watch = answered(begin=10 * MINUTE, end=4 * HOUR)
    watch.wait(4.4 * HOUR).wait(4.5 * HOUR)
    assert ends(watch) == [CallState.ANSWERED]


@pytest.mark.parametrize("restored", [44, 44.9, 45, 45.2])
def test_whoever_takes_it_over_ends_it_at_the_same_time_and_once(restored: float) -> None:
    watch = answered(begin=10 * MINUTE, end=11 * MINUTE).wait(restored * MINUTE)
    other = Watch()
    other.lose(10 * MINUTE, 11 * MINUTE)
    other.correlator.refold(watch.call.key, [(0, CALL)], us(restored * MINUTE))
    told = [*watch.told]
    rest: list[Update] = []
    for minute in (45.3, 46, 60):
        watch.wait(minute * MINUTE)
        rest += other.correlator.advance(us(minute * MINUTE))
    assert [*told, *rest] == watch.told
    assert ends(watch) == [CallState.ANSWERED]


def test_one_that_comes_an_hour_late_is_not_over_before_it_has_come() -> None:
    late = [request("INVITE", 0), response(200, 1)]
    watch = Watch()
    watch.lose(0, 62 * MINUTE)
    watch.wait(61 * MINUTE).see(late).wait(62 * MINUTE)
    other = Watch()
    other.lose(0, 62 * MINUTE)
    other.correlator.refold(watch.call.key, [(us(61 * MINUTE), late)], us(62 * MINUTE))
    assert ends(watch) == []
    told = [*watch.told, *other.correlator.advance(us(76 * MINUTE))]
    watch.wait(76 * MINUTE)
    assert told == watch.told
    assert ends(watch) == [CallState.ANSWERED]
