"""Calls alive, bindings in force, collectors heard of."""

from hypothesis import given
from hypothesis import strategies as st

from collectors.sip.timers import SECOND
from monitor.core.presence import GONE_US, SILENT_US, Bindings, Calls, Collectors, SilenceBegan, SilenceEnded

T0 = 1_800_000_000 * SECOND


def test_a_call_is_counted_once_and_remembers_that_it_rang() -> None:
    calls = Calls()
    assert not calls.add(1, rang=False)
    assert not calls.add(1, rang=True)
    assert calls.add(1, rang=False)
    assert len(calls) == 1
    calls.remove(1)
    calls.remove(1)
    assert len(calls) == 0


def test_calls_are_bounded() -> None:
    calls = Calls(limit=3)
    for call in range(5):
        calls.add(call, rang=False)
    assert (len(calls), calls.forgotten) == (3, 2)


def test_a_refresh_keeps_a_binding_in_force() -> None:
    bindings = Bindings()
    bindings.add(1, "aor", "contact", T0 + 60)
    bindings.add(1, "aor", "contact", T0 + 120)
    bindings.advance(T0 + 60)
    assert len(bindings) == 1
    bindings.advance(T0 + 120)
    assert len(bindings) == 0


def test_a_phone_that_starts_anew_is_the_same_binding() -> None:
    bindings = Bindings()
    bindings.add(1, "aor", "contact", T0 + 60)
    bindings.add(2, "aor", "contact", T0 + 120)
    assert len(bindings) == 1
    bindings.remove(1)  # the old session has nothing to say any more
    assert len(bindings) == 1
    bindings.remove(2)
    assert len(bindings) == 0
    bindings.advance(T0 + 500)


def test_two_contacts_of_one_session_are_two_bindings() -> None:
    bindings = Bindings()
    bindings.add(1, "aor", "desk", T0 + 60)
    bindings.add(1, "aor", "mobile", T0 + 60)
    assert len(bindings) == 2
    bindings.remove(1)
    assert len(bindings) == 1
    bindings.advance(T0 + 60)
    assert len(bindings) == 0


def test_bindings_and_their_deadlines_are_bounded() -> None:
    bindings = Bindings(limit=10)
    for n in range(5000):
        bindings.add(n % 20, f"aor-{n % 20}", "contact", T0 + n)
    assert len(bindings) == 10
    assert len(bindings._deadlines) <= 2 * 10 + 1024 + 1
    assert len(bindings._of_record) <= 10
    assert bindings.forgotten > 0


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(1, 100)), max_size=60))
def test_what_is_in_force_is_what_was_bound_last_and_has_not_run_out(
    happened: list[tuple[int, int, int]],
) -> None:
    bindings, model = Bindings(), dict[str, int]()
    for now, (record, contact, expires) in enumerate(happened):
        bindings.add(record, "aor", str(contact), T0 + now + expires)
        model[str(contact)] = T0 + now + expires
        bindings.advance(T0 + now)
        model = {name: due for name, due in model.items() if due > T0 + now}
        assert len(bindings) == len(model)
        assert len(bindings._of_record) <= len(model)


def collectors(*names: str) -> Collectors:
    made = Collectors()
    for name in names:
        made.expect(name, T0)
    return made


def test_silence_is_claimed_after_ten_seconds() -> None:
    known = collectors("edge")
    assert list(known.advance(T0 + SILENT_US - 1)) == []
    assert list(known.advance(T0 + SILENT_US)) == []
    assert list(known.advance(T0 + 2 * SILENT_US - 1)) == []
    assert (known.up, known.total) == (1, 1)
    assert list(known.advance(T0 + 2 * SILENT_US)) == [SilenceBegan("edge", T0)]
    assert list(known.advance(T0 + 3 * SILENT_US)) == []
    assert (known.up, known.total) == (0, 1)


def test_a_report_that_waited_in_a_slower_partition_is_no_silence() -> None:
    known = collectors("edge-1", "edge-2")
    known.reported("edge-2", "b", T0 + 300 * SECOND, 1, 0)
    assert list(known.advance(T0 + 300 * SECOND)) == []
    known.reported("edge-1", "b", T0 + 300 * SECOND, 1, 0)
    assert list(known.advance(T0 + 301 * SECOND)) == []
    assert list(known.advance(T0 + 304 * SECOND)) == []


def test_a_silence_ends_when_the_collector_reports() -> None:
    known = collectors("edge")
    list(known.advance(T0 + SILENT_US))
    list(known.advance(T0 + 2 * SILENT_US))
    known.reported("edge", "b", T0 + 60 * SECOND, 1, 0)
    assert list(known.end_silence("edge", T0 + 60 * SECOND)) == [SilenceEnded("edge", T0 + 60 * SECOND)]
    assert list(known.end_silence("edge", T0 + 61 * SECOND)) == []
    assert known.up == 1


def test_a_report_between_forgets_that_it_was_overdue() -> None:
    known = collectors("edge")
    list(known.advance(T0 + SILENT_US))
    list(known.advance(T0 + 1))  # a clock of another partition, behind
    assert list(known.advance(T0 + 2 * SILENT_US)) == []


def test_who_said_goodbye_is_not_expected() -> None:
    known = collectors("edge")
    known.leave("edge")
    assert list(known.advance(T0 + 60 * SECOND)) == []
    assert known.total == 0


def test_who_is_silent_for_a_day_is_not_expected_any_more() -> None:
    known = collectors("edge", "never-claimed")
    list(known.advance(T0 + SILENT_US))
    list(known.advance(T0 + 2 * SILENT_US))
    assert list(known.advance(T0 + GONE_US)) == [
        SilenceEnded("edge", T0 + GONE_US),
        SilenceEnded("never-claimed", T0 + GONE_US),
    ]
    assert known.total == 0


def test_messages_are_counted_between_reports_of_one_boot() -> None:
    known = Collectors()
    assert known.reported("edge", "b1", T0, T0, 1000) == (0, 0.0)
    assert known.reported("edge", "b1", T0, T0 + 2 * SECOND, 1300) == (300, 150.0)
    assert known.reported("edge", "b1", T0, T0 + 2 * SECOND, 1300) == (0, 0.0)
    assert known.reported("edge", "b2", T0, T0 + 3 * SECOND, 50) == (0, 0.0)
    assert known.reported("edge", "b2", T0, T0 + 4 * SECOND, 40) == (0, 0.0)
