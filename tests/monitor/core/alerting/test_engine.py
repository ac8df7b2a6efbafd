"""Timelines: a signal at such a second, and what must have been decided by then."""

from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.sip.timers import SECOND
from monitor.core.alerting import engine
from monitor.core.alerting.engine import Alerting
from monitor.core.alerting.held import MAX_FINDINGS, MAX_RECORDS
from monitor.core.alerting.rules import DEFAULT_RULES, MAX_OPEN, MINUTE, GroupBy, Rule
from monitor.core.alerting.values import AlertOpened, AlertResolved, Decision, FindingForgotten, Signal
from monitor.core.updates import FindingState, Severity
from tests.monitor.core.alerting.rows import Rows

T0 = 1_800_000_000 * SECOND
HOP = "10.0.0.1:5060>10.0.0.2:5060"
OTHER_HOP = "10.0.0.1:5060>10.0.0.3:5060"
PLACE = "10.0.0.1:5060 → 10.0.0.2:5060"
ACK = f"missing-ack|{PLACE}"
THRESHOLD = Rule(
    name="busy",
    title="busy, {place}",
    codes=frozenset(("rejected",)),
    group_by=GroupBy.HOP,
    severity=Severity.MINOR,
    at_least=3,
    within_us=MINUTE,
    quiet_us=2 * MINUTE,
    noun="call",
    cleared="",
)


def signal(
    at_s: float,
    code: str = "missing-ack",
    slug: str = "call-1",
    *,
    state: FindingState = FindingState.SUSPECTED,
    hop: str = HOP,
    subject: str = "",
) -> Signal:
    return Signal(
        code=code,
        subject=subject,
        state=state,
        at_us=T0 + int(at_s * SECOND),
        kind="call",
        slug=slug,
        hop=hop,
        from_uri="sip:alice@example.com",
        to_uri="sip:bob@example.com",
        cause=f"cause {code}",
        remedy=f"remedy {code}",
    )


def run(alerting: Alerting, *signals: Signal) -> Rows:
    rows = Rows()
    for one in signals:
        rows.apply(alerting.advance(one.at_us))
        rows.apply(alerting.signal(one, one.at_us))
    return rows


def cleared(at_s: float, code: str = "missing-ack", slug: str = "call-1", hop: str = HOP, subject: str = "") -> Signal:
    return signal(at_s, code, slug, state=FindingState.CLEARED, hop=hop, subject=subject)


TIMELINES: list[tuple[str, list[Signal], list[tuple[str, str, int]]]] = [
    ("opens at the first occurrence", [signal(1)], [("opened", ACK, 1)]),
    ("collects repeats", [signal(1), signal(2, slug="call-2")], [("opened", ACK, 1)]),
    ("a confirmation is no repeat", [signal(1), signal(30, state=FindingState.CONFIRMED)], [("opened", ACK, 1)]),
    (
        "two hops are two alerts",
        [signal(1), signal(2, slug="call-2", hop=OTHER_HOP)],
        [("opened", ACK, 1), ("opened", "missing-ack|10.0.0.1:5060 → 10.0.0.3:5060", 1)],
    ),
    (
        "a late ACK clears the suspicion, and with it the alert",
        [signal(1), cleared(2)],
        [("opened", ACK, 1), ("resolved cleared", ACK, 0)],
    ),
    (
        "one of two cleared leaves the other",
        [signal(1), signal(2, slug="call-2"), cleared(3)],
        [("opened", ACK, 1)],
    ),
    (
        "quiet for ten minutes resolves",
        [signal(1), signal(2 + 600, slug="call-2")],
        [("opened", ACK, 1), ("resolved quiet", ACK, 1), ("opened", ACK, 1)],
    ),
    (
        "a repeat puts the quiet time off",
        [signal(1), signal(500, slug="call-2"), signal(1000, slug="call-3")],
        [("opened", ACK, 1)],
    ),
    (
        "a call dropped at 32 s belongs to its missing ACK, although another hop shows it",
        [signal(1), signal(32, "dropped-at-32s", hop=OTHER_HOP)],
        [("opened", ACK, 1)],
    ),
    (
        "a record counts until its last finding is cleared",
        [signal(1), signal(32, "dropped-at-32s"), cleared(33), cleared(34, "dropped-at-32s")],
        [("opened", ACK, 1), ("resolved cleared", ACK, 0)],
    ),
    (
        "the same code at another hop of the same call is another place",
        [signal(1, subject="a"), signal(2, subject="b", hop=OTHER_HOP)],
        [("opened", ACK, 1), ("opened", "missing-ack|10.0.0.1:5060 → 10.0.0.3:5060", 1)],
    ),
    (
        "a finding that moves to another hop stays with its alert",
        [signal(1), signal(2, hop=OTHER_HOP, state=FindingState.CONFIRMED), cleared(3, hop=OTHER_HOP)],
        [("opened", ACK, 1), ("resolved cleared", ACK, 0)],
    ),
    (
        "ten times as many are told of, and ten times that",
        [signal(1 + n, slug=f"call-{n}") for n in range(100)],
        [("opened", ACK, 1), ("escalated", ACK, 10), ("escalated", ACK, 100)],
    ),
    (
        "a thousand phones that fail at one registrar are one alert",
        [
            signal(1, "registration-rejected", f"phone-{n}", hop=f"10.1.{n // 256}.{n % 256}:5060>10.0.0.9:5060")
            for n in range(30)
        ],
        [
            ("opened", "registrations-failing|10.0.0.9:5060", 1),
            ("escalated", "registrations-failing|10.0.0.9:5060", 10),
        ],
    ),
    ("what was never raised clears nothing", [cleared(1)], []),
    ("a code without a rule opens nothing", [signal(1, "slow-setup")], []),
]


@pytest.mark.parametrize(("sentence", "signals", "want"), TIMELINES, ids=[name for name, _, _ in TIMELINES])
def test_timeline(sentence: str, signals: list[Signal], want: list[tuple[str, str, int]]) -> None:
    assert run(Alerting(), *signals).told == want, sentence


def test_an_alert_says_what_where_since_when_and_how_often() -> None:
    rows = run(Alerting(), signal(1), signal(5, slug="call-2"))
    alert = rows.alerts[ACK]
    assert alert.title == f"missing ACK, {PLACE}"
    assert alert.severity == Severity.CRITICAL
    assert alert.count == 2
    assert alert.summary == "2 calls. The latest: cause missing-ack"
    assert alert.remedy == "remedy missing-ack"
    assert (alert.opened_us, alert.last_us) == (T0 + SECOND, T0 + 5 * SECOND)
    assert alert.quiet_us == T0 + 5 * SECOND + 10 * MINUTE
    assert run(Alerting(), signal(1)).alerts[ACK].summary == "cause missing-ack"


def test_it_resolves_at_its_quiet_time_and_not_before() -> None:
    alerting = Alerting()
    run(alerting, signal(1))
    due_us = T0 + SECOND + 10 * MINUTE
    assert alerting.next_deadline() == due_us
    assert alerting.advance(due_us - 1) == []
    (resolved,) = alerting.advance(due_us + 5 * SECOND)
    assert isinstance(resolved, AlertResolved)
    assert resolved.at_us == due_us
    assert alerting.next_deadline() is None
    assert alerting.open_alerts == 0


def test_a_threshold_counts_records_within_its_window() -> None:
    def busy(at_s: float, slug: str) -> Signal:
        return signal(at_s, "rejected", slug)

    fingerprint = f"busy|{PLACE}"
    assert run(Alerting([THRESHOLD]), busy(0, "a"), busy(1, "b"), busy(2, "b")).told == []
    assert run(Alerting([THRESHOLD]), busy(0, "a"), busy(30, "b"), busy(61, "c")).told == []
    rows = run(Alerting([THRESHOLD]), busy(0, "a"), busy(30, "b"), busy(59, "c"), busy(60, "d"))
    assert rows.told == [("opened", fingerprint, 3)]
    assert rows.alerts[fingerprint].count == 4
    assert rows.alerts[fingerprint].opened_us == T0
    assert [one.slug for one in rows.held()[0].findings] == ["a", "b", "c", "d"]


def test_what_is_cleared_before_the_threshold_does_not_count() -> None:
    timeline = [
        signal(0, "rejected", "a"),
        signal(1, "rejected", "b"),
        cleared(2, "rejected", "a"),
        cleared(2, "rejected", "b"),
        signal(3, "rejected", "c"),
        signal(4, "rejected", "d"),
    ]
    assert run(Alerting([THRESHOLD]), *timeline).told == []


def test_what_one_record_adds_below_the_threshold_is_bounded() -> None:
    alerting = Alerting([THRESHOLD])
    run(alerting, *(signal(0, "rejected", "a", subject=str(n)) for n in range(1000)))
    ((_, waiting),) = alerting._pending.items()
    assert len(waiting) == 8 * THRESHOLD.at_least


def test_groups_on_their_way_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MAX_PENDING", 10)
    alerting = Alerting([THRESHOLD])
    run(alerting, *(signal(n, "rejected", hop=f"10.0.0.{n}:5060>10.0.1.1:5060") for n in range(25)))
    assert len(alerting._pending) == 10
    assert alerting.groups_dropped == 15


def test_places_beyond_the_bound_share_one_alert() -> None:
    hops = [f"10.0.0.{n}:5060>10.0.1.1:5060" for n in range(MAX_OPEN + 3)]
    alerting = Alerting()
    rows = run(alerting, *(signal(n, slug=f"call-{n}", hop=hop) for n, hop in enumerate(hops)))
    assert alerting.open_alerts == MAX_OPEN + 1
    assert rows.alerts["missing-ack|many places"].count == 3


def test_a_collector_stays_offline_until_it_is_back() -> None:
    alerting = Alerting()
    rows = run(alerting, signal(1, "collector-offline", "edge-1", hop=""))
    assert rows.told == [("opened", "collector-offline|edge-1", 1)]
    assert alerting.next_deadline() is None
    assert alerting.advance(T0 + 24 * 60 * MINUTE) == []
    rows.apply(alerting.signal(cleared(90_000, "collector-offline", "edge-1", hop=""), T0 + 90_000 * SECOND))
    assert rows.told[-1] == ("resolved cleared", "collector-offline|edge-1", 0)


def test_an_alert_remembers_a_bounded_number_of_records() -> None:
    alerting = Alerting()
    decisions: list[Decision] = []
    rows = Rows()
    for n in range(MAX_RECORDS + 5):
        decisions = alerting.signal(signal(1, slug=f"call-{n}"), T0)
        rows.apply(decisions)
    assert FindingForgotten(ACK, "call-4", "missing-ack", "") in decisions
    assert rows.alerts[ACK].count == MAX_RECORDS + 5
    assert len(rows.findings[ACK]) == MAX_RECORDS
    # What is forgotten still counts, and can't be taken back.
    rows.apply(alerting.signal(cleared(2, slug="call-0"), T0 + 2 * SECOND))
    assert rows.alerts[ACK].count == MAX_RECORDS + 5
    for n in range(5, MAX_RECORDS + 5):
        rows.apply(alerting.signal(cleared(2, slug=f"call-{n}"), T0 + 2 * SECOND))
    assert rows.alerts[ACK].count == 5
    (resolved,) = alerting.advance(T0 + SECOND + 10 * MINUTE)
    assert isinstance(resolved, AlertResolved)
    assert resolved.alert.count == 5


def test_a_record_keeps_a_bounded_number_of_findings() -> None:
    alerting = Alerting()
    rows = run(alerting, *(signal(n, subject=str(n)) for n in range(MAX_FINDINGS + 3)))
    assert rows.alerts[ACK].count == 1
    assert [one.subject for one in rows.held()[0].findings] == [str(n) for n in range(3, MAX_FINDINGS + 3)]


def test_a_restart_ignores_alerts_of_rules_that_are_gone() -> None:
    held = run(Alerting(), signal(1)).held()
    alerting = Alerting([THRESHOLD])
    alerting.restore(held)
    assert alerting.open_alerts == 0


def test_a_restart_goes_on_with_an_alert_older_than_the_log() -> None:
    rows = run(Alerting(), signal(1), signal(2, slug="call-2"))
    alerting = Alerting()
    alerting.restore(rows.held())
    rows.apply(alerting.signal(signal(500, slug="call-3"), T0 + 500 * SECOND))
    assert rows.alerts[ACK].count == 3
    for slug in ("call-1", "call-2", "call-3"):
        rows.apply(alerting.signal(cleared(501, slug=slug), T0 + 501 * SECOND))
    assert rows.told == [("opened", ACK, 1), ("resolved cleared", ACK, 0)]


# --- a restart at any point decides the same -------------------------------------------------------

RULES = (*DEFAULT_RULES, THRESHOLD)
HORIZON_S = 300  # the longest window of these rules

signals = st.builds(
    lambda code, slug, hop, state, subject: signal(0, code, slug, hop=hop, state=state, subject=subject),
    st.sampled_from(["missing-ack", "dropped-at-32s", "rejected"]),
    st.sampled_from(["a", "b", "c", "d"]),
    st.sampled_from([HOP, OTHER_HOP]),
    st.sampled_from(list(FindingState)),
    st.sampled_from(["", "x"]),
)
steps = st.lists(st.tuples(st.integers(0, 200), signals), max_size=40)


def timed(happened: Iterable[tuple[int, Signal]]) -> list[Signal]:
    at_s, made = 0, []
    for pause_s, one in happened:
        at_s += pause_s
        made.append(msgspec.structs.replace(one, at_us=T0 + at_s * SECOND))
    return made


@given(steps, st.data())
def test_a_restart_at_any_point_decides_the_same(happened: list[tuple[int, Signal]], data: st.DataObject) -> None:
    timeline = timed(happened)
    unbroken = run(Alerting(RULES), *timeline)
    kill = data.draw(st.integers(0, len(timeline)))

    before = run(Alerting(RULES), *timeline[:kill])
    restarted = Alerting(RULES)
    since_us = (timeline[kill - 1].at_us if kill else T0) - HORIZON_S * SECOND
    run_discarded(restarted, [one for one in timeline[:kill] if one.at_us > since_us])
    restarted.restore(before.held())
    for one in timeline[kill:]:
        before.apply(restarted.advance(one.at_us))
        before.apply(restarted.signal(one, one.at_us))

    assert before.told == unbroken.told
    assert before.alerts == unbroken.alerts
    assert before.findings == unbroken.findings


def run_discarded(alerting: Alerting, timeline: list[Signal]) -> None:
    for one in timeline:
        alerting.advance(one.at_us)
        alerting.signal(one, one.at_us)


@given(steps)
def test_an_alert_counts_what_it_holds(happened: list[tuple[int, Signal]]) -> None:
    rows = run(Alerting(RULES), *timed(happened))
    for held in rows.held():
        assert held.alert.count == len({one.slug for one in held.findings})
    opened = sum(kind == "opened" for kind, _, _ in rows.told)
    resolved = sum(kind.startswith("resolved") for kind, _, _ in rows.told)
    assert opened - resolved == len(rows.alerts)


def test_the_first_decision_of_an_opening_carries_its_count() -> None:
    alerting = Alerting()
    opened = alerting.signal(signal(1), T0)[0]
    assert isinstance(opened, AlertOpened)
    assert (opened.alert.count, opened.alert.notified) == (1, 1)
