"""The second stage as a fold: commits in, decisions and figures out."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from collectors.sip.timers import SECOND
from monitor.core.alerting.rules import DEFAULT_RULES
from monitor.core.limits import Limits
from monitor.core.overview import AHEAD_US, Overview, horizon_us
from monitor.core.presence import name_of
from monitor.core.updates import (
    AlertAcknowledged,
    CallState,
    Committed,
    ConditionChanged,
    FindingState,
    LoginFailed,
    RegistrationOutcome,
    RegistrationSucceeded,
    SourceSeen,
)
from tests.monitor.core.alerting.rows import Rows
from tests.monitor.core.told import (
    FROM,
    HOP,
    T0,
    TO,
    answered,
    call,
    cleared,
    closed,
    commit,
    confirmed,
    ended,
    lost,
    raised,
    rang,
    refused,
    registered,
    report,
    session,
    started,
    tick,
    unregistered,
    us,
)

ACK = "missing-ack|10.0.0.1:5060 → 10.0.0.2:5060"
REGISTRAR = "registrations-failing|10.0.0.9:5060"


def bound(contact: str, expires_s: float, at_s: float = 0) -> RegistrationSucceeded:
    """A registration as its row tells."""
    client, registrar = "203.0.113.7:5060", "10.0.0.9:5060"
    return RegistrationSucceeded(session(), us(at_s), FROM, contact, client, registrar, us(expires_s), contact)


def folded(*commits: Committed, rows: Rows | None = None, overview: Overview | None = None) -> tuple[Overview, Rows]:
    overview, rows = overview or Overview(), rows or Rows()
    for committed in commits:
        rows.apply(overview.feed(committed))
    return overview, rows


def test_calls_are_counted_from_start_to_end() -> None:
    overview, _ = folded(commit(0, started(0), started(0.5, "c2"), rang(1)), commit(2, answered(2)))
    metrics = overview.metrics()
    assert metrics.active_calls.now == 2
    assert metrics.calls.started == 2
    assert metrics.asr_percent.now == 100.0
    assert metrics.pdd_p50_ms.now == pytest.approx(400, rel=0.06)
    folded(
        commit(9, ended(9), ended(9, "c2", CallState.FAILED, 503, was_answered=False)),
        commit(41, closed(41), closed(41, "c2")),
        overview=overview,
    )
    metrics = overview.metrics()
    assert metrics.active_calls.now == 0
    assert metrics.asr_percent.now == 50.0


def test_a_call_that_is_evicted_is_not_active_for_ever() -> None:
    overview, _ = folded(commit(0, started(0)), commit(1, closed(1)))
    assert overview.metrics().active_calls.now == 0


def test_without_a_ring_the_answer_ends_the_post_dial_delay() -> None:
    overview, _ = folded(commit(2, started(0), answered(2)))
    assert overview.metrics().pdd_p50_ms.now == pytest.approx(2000, rel=0.06)


def test_an_answer_after_a_ring_and_unknown_delays_count_for_nothing() -> None:
    overview, _ = folded(
        commit(2, started(0), rang(1, pdd_ms=100), answered(3)),
        commit(3, rang(3, "c2", pdd_ms=None), answered(3, "c3", setup_ms=None)),
    )
    assert overview.metrics().pdd_p95_ms.now == pytest.approx(100, rel=0.06)


def test_registrations_in_force_follow_expiry_and_removal() -> None:
    overview, _ = folded(commit(0, registered(0, "r1", "a", 60), registered(0, "r2", "b", 600)))
    assert overview.metrics().registrations.now == 2
    folded(commit(61), overview=overview)
    assert overview.metrics().registrations.now == 1
    folded(commit(62, unregistered(62, "r2")), overview=overview)
    metrics = overview.metrics()
    assert metrics.registrations.now == 0
    assert sum(metrics.responses["2xx"]) == 3


def test_a_failed_registration_counts_among_the_responses() -> None:
    overview, _ = folded(commit(0, unregistered(0, outcome=RegistrationOutcome.FAILED, status=403)))
    assert overview.metrics().responses["4xx"][-1] == 1


def test_a_missing_ack_opens_an_alert_at_once_and_before_the_watermark() -> None:
    _, rows = folded(commit(1, started(1)), commit(3, raised(4.5)))
    assert rows.told == [("opened", ACK, 1)]


def test_a_late_ack_takes_it_back() -> None:
    overview, rows = folded(commit(3, raised(4.5)), commit(5, cleared(6)))
    assert rows.told == [("opened", ACK, 1), ("resolved cleared", ACK, 0)]
    assert overview.metrics().open_alerts.now == 0


def test_what_was_due_before_an_update_happens_before_it() -> None:
    """A quiet time that is over before the next occurrence resolves, also within one commit."""
    _, rows = folded(commit(1, raised(1)), commit(700, raised(699, "c2")))
    assert [kind for kind, _, _ in rows.told] == ["opened", "resolved quiet", "opened"]


def test_an_occurrence_just_before_the_quiet_time_keeps_the_alert_open() -> None:
    _, rows = folded(commit(1, raised(1)), commit(602, raised(600, "c2")))
    assert [kind for kind, _, _ in rows.told] == ["opened"]


def test_a_thousand_phones_at_one_registrar_are_one_alert() -> None:
    refusals = [refused(n / 100, f"r{n}", f"10.1.{n // 250}.{n % 250}:5060") for n in range(1000)]
    _, rows = folded(commit(10, *refusals))
    assert [kind for kind, fingerprint, _ in rows.told if fingerprint == REGISTRAR] == ["opened"] + ["escalated"] * 3
    assert rows.alerts[REGISTRAR].count == 1000


def test_one_wrong_clock_does_not_age_the_rest() -> None:
    overview, rows = folded(commit(0, started(0)), commit(1, started(10**6, "c2"), raised(10**6, "c2")))
    assert overview.metrics().at_us == us(1) + AHEAD_US
    assert rows.alerts[ACK].last_us == us(1) + AHEAD_US


def test_without_a_watermark_times_are_believed() -> None:
    overview, _ = folded(Committed(0, 0, [started(5)]))
    assert overview.metrics().at_us == us(5)


def test_a_collector_that_falls_silent_is_an_alert_until_it_returns() -> None:
    overview, rows = folded(
        *(commit(n, report(n, parsed=100 * n)) for n in range(5)), commit(5, report(5, "edge-2", 7))
    )
    metrics = overview.metrics()
    assert (metrics.collectors_up.now, metrics.collectors_total) == (2, 2)
    assert metrics.messages_per_s.now == 100.0
    folded(*(tick(n) for n in range(6, 30, 2)), rows=rows, overview=overview)
    assert rows.told == [("opened", "collector-offline|edge-1", 1), ("opened", "collector-offline|edge-2", 1)]
    metrics = overview.metrics()
    assert (metrics.collectors_up.now, metrics.messages_per_s.now) == (0, 0.0)
    folded(commit(40, report(40)), rows=rows, overview=overview)
    assert rows.told[-1] == ("resolved cleared", "collector-offline|edge-1", 0)
    assert overview.metrics().collectors_up.now == 1


def test_a_collector_that_says_goodbye_is_no_alert() -> None:
    overview, rows = folded(commit(0, report(0)), commit(1, report(1, final=True)), *(tick(n) for n in range(2, 60, 2)))
    assert rows.told == []
    assert overview.metrics().collectors_total == 0


def test_loss_is_counted_and_an_alert_and_silence_is_not_loss() -> None:
    overview, rows = folded(commit(2, lost(1, 5), lost(2, 0), lost(2, 9, reason="silent")))
    assert overview.metrics().loss.now == 6
    assert rows.alerts["capture-loss|edge-1"].count == 1
    assert [one.cause for one in rows.held()[0].findings] == [
        "Messages of edge-1/eth0 were lost (kernel): what is missing there is not claimed."
    ]


def test_a_hole_in_the_numbers_of_batches_counts_no_messages() -> None:
    overview, rows = folded(commit(2, lost(1, 19, reason="gap")))
    assert overview.metrics().loss.now == 1  # at least
    assert [one.cause for one in rows.held()[0].findings] == [
        "19 batches of edge-1/eth0 were lost (gap): what is missing there is not claimed."
    ]


def test_a_loss_that_each_partition_tells_is_counted_once() -> None:
    echo = replace(lost(1, 5), echo=True)
    overview, rows = folded(commit(2, echo), commit(2, lost(1, 5), partition=1), commit(2, echo, partition=2))
    assert overview.metrics().loss.now == 5
    assert rows.alerts["capture-loss|edge-1"].count == 1


def test_a_short_stop_is_no_loss_and_a_long_one_is() -> None:
    overview, rows = folded(commit(2, lost(1, 0, "planned", lasted_s=299)))
    assert overview.metrics().loss.now == 0
    assert rows.told == []
    overview, rows = folded(commit(2, lost(1, 0, "planned", lasted_s=301)))
    assert overview.metrics().loss.now == 1
    assert rows.told == [("opened", "capture-loss|edge-1", 1)]


def test_a_collectors_disk_is_an_alert_once_while_it_is_nearly_full() -> None:
    def room(at_s: float, free: int, *, final: bool = False) -> Committed:
        return commit(at_s, report(at_s, disk_octets=100 * 10**9, disk_free_octets=free * 10**9, final=final))

    overview, rows = folded(commit(0, report(0)), room(1, 30), room(2, 9), room(3, 8), room(4, 11))
    assert rows.told == [("opened", "disk-low|edge-1", 1)]
    assert [one.cause for one in rows.held()[0].findings] == [
        "The disk of collector edge-1 is nearly full: 9.0 GB of 100.0 GB are free. When it is full, what can't be "
        "sent is lost."
    ]
    folded(room(5, 13), room(6, 30), rows=rows, overview=overview)
    assert rows.told[1:] == [("resolved cleared", "disk-low|edge-1", 0)]


def test_a_disk_that_has_room_again_when_its_collector_returns_is_told() -> None:
    low = report(1, disk_octets=10**9, disk_free_octets=0, final=True)
    well = report(9, boot="b2", disk_octets=10**9, disk_free_octets=10**9)
    _, rows = folded(commit(1, low), commit(9, well))
    assert [kind for kind, _, _ in rows.told] == ["opened", "resolved cleared"]


def test_what_offhook_says_of_itself_is_an_alert_while_it_stands() -> None:
    def condition(at_s: float, *, stands: bool) -> Committed:
        return Committed(-1, 0, [ConditionChanged("storage-limit", "Messages", stands, us(at_s), "Why.", "What.")])

    _, rows = folded(commit(1), condition(2, stands=True), condition(3, stands=False))
    assert rows.told == [
        ("opened", "storage-limit|Messages", 1),
        ("resolved cleared", "storage-limit|Messages", 0),
    ]


def test_an_acknowledgement_passes_through() -> None:
    acknowledged = Committed(-1, 0, [AlertAcknowledged(1, us(2), "admin")])
    overview, rows = folded(commit(1, raised(1)), acknowledged)
    assert rows.told == [("opened", ACK, 1)]
    assert overview.metrics().at_us == us(1)  # a person's clock is no watermark


def test_what_stands_is_begun_from_rows_that_may_be_ahead() -> None:
    overview = Overview()
    overview.expect_call(name_of(call("c1")))  # alive in its row, and its start is not folded yet
    overview.expect_call(name_of(call("old")))
    overview.expect_binding(bound("contact", 60))
    overview.expect_collector("edge-1", us(0))
    folded(commit(0, started(0), started(0, "c2")), overview=overview)
    metrics = overview.metrics()
    assert metrics.active_calls.now == 3
    assert metrics.registrations.now == 1
    assert metrics.collectors_total == 1
    folded(commit(1, ended(1), ended(1, "old")), overview=overview)
    assert overview.metrics().active_calls.now == 1


def test_the_horizon_covers_the_figures_and_every_rule() -> None:
    assert horizon_us() == 910 * SECOND
    assert horizon_us(DEFAULT_RULES) > max(rule.within_us for rule in DEFAULT_RULES)


# --- a fold again gives the same -------------------------------------------------------------------

names = st.sampled_from(["c1", "c2", "c3"])
builders = st.sampled_from([started, rang, answered, ended, closed, raised, confirmed, cleared, refused])
moments = st.tuples(
    st.integers(0, 300), st.lists(st.tuples(builders, names, st.integers(-5, 5)), max_size=4), st.integers(-1, 3)
)
histories = st.lists(moments, max_size=25)


def commits(history: Iterable[tuple[int, list[tuple[object, str, int]], int]]) -> list[Committed]:
    at_s, made = 0, []
    for pause_s, updates, partition in history:
        at_s += pause_s
        reports = [report(at_s, f"edge-{partition}", parsed=at_s)] if partition > 0 else []
        made.append(
            commit(at_s, *(build(at_s + off, name) for build, name, off in updates), *reports, partition=partition)  # type: ignore[operator]  # drawn
        )
    return made


@given(histories, st.data())
def test_killed_at_any_point_it_decides_and_counts_the_same(
    history: list[tuple[int, list[tuple[object, str, int]], int]], data: st.DataObject
) -> None:
    log = commits(history)
    unbroken, want = folded(*log)
    kill = data.draw(st.integers(0, len(log)))
    _, rows = folded(*log[:kill])

    since_us = (log[kill - 1].watermark_us if kill else T0) - horizon_us()
    restarted = Overview()
    for committed in log[:kill]:  # what stands is begun from rows: here, as if they were not older
        if committed.watermark_us <= since_us:
            restarted.feed(committed)
    again = Overview()
    _copy_standing(restarted, again)
    for committed in log[:kill]:
        if committed.watermark_us > since_us:
            again.feed(committed)
    again.restore_alerts(rows.held())
    folded(*log[kill:], rows=rows, overview=again)

    assert rows.told == want.told
    assert rows.alerts == want.alerts
    if kill < len(log):
        assert again.metrics().active_calls.now == unbroken.metrics().active_calls.now
        assert again.metrics().calls == unbroken.metrics().calls


def _copy_standing(old: Overview, new: Overview) -> None:
    for number in old._calls._rang:
        new.expect_call(number)
    for name, known in old._collectors._known.items():
        new.expect_collector(name, known.seen_us)


def test_hop_groups_ignore_nothing_but_ephemeral_ports() -> None:
    _, rows = folded(commit(1, raised(1, hop=HOP), raised(1, "c2", hop=HOP.replace("10.0.0.1:5060", "10.0.0.1:50600"))))
    assert sorted(rows.alerts) == ["missing-ack|10.0.0.1 → 10.0.0.2:5060", ACK]


def scans(at_s: float, name: str = "s1") -> SourceSeen:
    """Somebody scans."""
    signature = "User-Agent: friendly-scanner"
    return SourceSeen(
        call(name), us(at_s), "INVITE", "203.0.113.7:5060", "10.0.0.2:5060", FROM, TO, "", signature, asked=True
    )


def test_a_source_that_scans_is_one_alert_and_one_finding_however_often_it_asks() -> None:
    overview, rows = folded(*(commit(second, scans(second, f"s{second}")) for second in range(1, 90)), tick(100))
    assert [alert.title for alert in rows.alerts.values()] == ["scanner at 203.0.113.7"]
    (finding,) = overview.subjects()
    assert (finding.name, finding.count, finding.finding.code) == ("203.0.113.7", 89, "scanner")
    assert overview.subjects() == []


def test_a_suspicion_about_a_source_is_no_alert() -> None:
    tries = [LoginFailed(session(), us(n / 10), "203.0.113.7:5060", "10.0.0.9:5060", FROM, 401) for n in range(30)]
    overview, rows = folded(commit(5, *tries), tick(10))
    assert not rows.alerts
    assert [finding.finding.state for finding in overview.subjects()] == [FindingState.SUSPECTED]


def test_what_is_said_of_sources_goes_on_after_a_restart() -> None:
    overview, _ = folded(commit(1, scans(1)), tick(10))
    stored = overview.subjects()
    again = Overview(limits=Limits(trusted_peers=("198.51.100.0/24",)))
    again.restore_subjects(stored)
    _, rows = folded(commit(20, scans(20)), tick(30), overview=again)
    assert [finding.finding.at_us for finding in again.subjects()] == [us(1)]
    assert not rows.alerts  # told before


def test_a_binding_that_was_stored_expires_after_a_restart_too() -> None:
    overview = Overview()
    overview.expect_binding(bound("sip:a@10.0.0.1", 60))
    overview.expect_binding(bound("", 60))  # a query
    folded(commit(30, registered(20, "r2")), commit(100, registered(90, "r3")), overview=overview)
    (finding,) = overview.subjects()
    assert (finding.finding.code, finding.finding.state) == ("registration-expired", FindingState.CONFIRMED)
