"""Decisions become rows; rows become again what alerting held."""

import pytest

from collectors.sip.timers import SECOND
from monitor.core.alerting.engine import Alerting
from monitor.core.alerting.rules import DEFAULT_RULES
from monitor.core.alerting.values import Signal
from monitor.core.updates import AlertAcknowledged, FindingState
from monitor.models import Alert, AlertOccurrence, CommitLog, Delivery
from monitor.packing import committed
from monitor.services import alerts, settings
from tests.monitor.core.alerting.rows import Rows

pytestmark = pytest.mark.django_db(transaction=True)

T0 = 1_800_000_000 * SECOND
HOP = "10.0.0.1:5060>10.0.0.2:5060"


def signal(at_s: int, slug: str = "c1", state: FindingState = FindingState.SUSPECTED, cause: str = "why") -> Signal:
    return Signal(
        code="missing-ack",
        subject="d1",
        state=state,
        at_us=T0 + at_s * SECOND,
        kind="call",
        slug=slug,
        hop=HOP,
        from_uri="sip:a@x",
        to_uri="sip:b@x",
        cause=cause,
        remedy="what to do",
    )


def cleared(at_s: int, slug: str = "c1") -> Signal:
    return signal(at_s, slug, FindingState.CLEARED)


def decide(alerting: Alerting, *signals: Signal) -> alerts.Applied:
    """All of these in one transaction."""
    return alerts.apply(
        [decision for one in signals for decision in alerting.signal(one, one.at_us)], now_us=T0 + 60 * SECOND
    )


@pytest.fixture
def _recipients() -> None:
    settings.set_mail(
        host="",
        port=None,
        username="",
        password=None,
        tls="",
        sender="Offhook <noc@example.com>",
        recipients="a@x.org b@x.org",
    )


@pytest.mark.usefixtures("_recipients")
def test_an_opened_alert_is_a_row_with_its_finding_and_a_delivery_for_everybody() -> None:
    applied = decide(Alerting(), signal(1))
    alert = Alert.objects.get()
    assert applied.alerts == [alert.pk]
    assert (alert.state, alert.count, alert.severity) == ("open", 1, "critical")
    assert alert.title == "missing ACK, 10.0.0.1:5060 → 10.0.0.2:5060"
    assert alert.opened_us == T0 + SECOND
    assert AlertOccurrence.objects.get().slug == "c1"
    deliveries = list(Delivery.objects.order_by("pk"))
    assert applied.deliveries == [row.pk for row in deliveries]
    assert [(row.event, row.recipient, row.state) for row in deliveries] == [
        ("opened", "a@x.org", "pending"),
        ("opened", "b@x.org", "pending"),
    ]
    assert len({row.message_id for row in deliveries}) == 2
    assert deliveries[0].message_id.endswith("@example.com>")


def test_with_nobody_set_a_delivery_waits_for_somebody() -> None:
    decide(Alerting(), signal(1))
    assert Delivery.objects.get().recipient == ""


def test_repeats_raise_the_count_and_send_nothing() -> None:
    alerting = Alerting()
    decide(alerting, signal(1))
    applied = decide(alerting, signal(2, "c2"), signal(3, "c3", cause="newest"))
    alert = Alert.objects.get()
    assert (alert.count, alert.last_us, alert.version) == (3, T0 + 3 * SECOND, 2)
    assert alert.summary == "3 calls. The latest: newest"
    assert applied.deliveries == []
    assert AlertOccurrence.objects.count() == 3


def test_growth_by_ten_is_told_once_a_transaction() -> None:
    alerting = Alerting()
    decide(alerting, signal(1))
    decide(alerting, *(signal(2, f"n{n}") for n in range(120)))
    assert [row.event for row in Delivery.objects.order_by("pk")] == ["opened", "escalated"]
    assert Alert.objects.get().notified == 100


def test_a_cleared_alert_resolves_and_says_so() -> None:
    alerting = Alerting()
    decide(alerting, signal(1))
    decide(alerting, cleared(4))
    alert = Alert.objects.get()
    assert (alert.state, alert.resolution, alert.resolved_us) == ("resolved", "cleared", T0 + 4 * SECOND)
    assert AlertOccurrence.objects.get().state == "cleared"
    assert [row.event for row in Delivery.objects.order_by("pk")] == ["opened", "resolved"]


def test_a_quiet_alert_resolves_at_its_quiet_time() -> None:
    alerting = Alerting()
    decide(alerting, signal(1))
    alerts.apply(alerting.advance(T0 + 10**6 * SECOND), T0 + 10**6 * SECOND)
    alert = Alert.objects.get()
    assert (alert.state, alert.resolution, alert.resolved_us) == ("resolved", "quiet", T0 + 601 * SECOND)


def test_resolved_and_opened_again_within_one_transaction_are_two_alerts() -> None:
    alerting = Alerting()
    decide(alerting, signal(1), cleared(2), signal(3), cleared(4), signal(5, "c2"))
    assert list(Alert.objects.order_by("pk").values_list("state", flat=True)) == ["resolved", "resolved", "open"]
    assert [row.event for row in Delivery.objects.order_by("pk")] == ["opened", "resolved"] * 2 + ["opened"]


def test_a_rule_that_mails_nobody_writes_no_delivery() -> None:
    loss = Signal(
        code="capture-loss",
        state=FindingState.CONFIRMED,
        at_us=T0,
        kind="collector",
        slug="edge-1",
        cause="lost",
        remedy="",
    )
    applied = decide(Alerting(), loss)
    assert len(applied.alerts) == 1
    assert not Delivery.objects.exists()


def test_nothing_decided_writes_nothing() -> None:
    assert alerts.apply([], T0) == alerts.Applied([], [])


def test_what_is_held_comes_back_as_it_was() -> None:
    alerting, rows = Alerting(), Rows()
    timeline = [
        signal(1),
        signal(2, "c2"),
        signal(3, "c3"),
        cleared(4, "c2"),
        signal(30, state=FindingState.CONFIRMED),
        signal(31, "c2"),
    ]
    for one in timeline:
        decisions = alerting.signal(one, one.at_us)
        rows.apply(decisions)
        alerts.apply(decisions, one.at_us)
    (held,) = alerts.held()
    (want,) = rows.held()
    assert held.alert == want.alert
    assert {(one.slug, one.code, one.state, one.at_us) for one in held.findings} == {
        (one.slug, one.code, one.state, one.at_us) for one in want.findings
    }


def test_what_is_forgotten_leaves_the_rows_too() -> None:
    alerting, rows = Alerting(), Rows()
    for n in range(12):
        one = Signal(**{name: getattr(signal(n), name) for name in Signal.__struct_fields__} | {"subject": f"d{n}"})
        decisions = alerting.signal(one, one.at_us)
        rows.apply(decisions)
        alerts.apply(decisions, one.at_us)
    assert sorted(AlertOccurrence.objects.values_list("subject", flat=True)) == sorted(
        one.subject for one in rows.held()[0].findings
    )


def test_an_alert_of_a_rule_that_is_gone_is_retired() -> None:
    decide(Alerting(), signal(1))
    alerts.retire(DEFAULT_RULES, T0)
    assert Alert.objects.get().state == "open"
    alerts.retire(DEFAULT_RULES[1:], T0 + 5)
    alert = Alert.objects.get()
    assert (alert.state, alert.resolution, alert.resolved_us) == ("resolved", "retired", T0 + 5)
    assert alerts.held(DEFAULT_RULES[1:]) == []


def test_only_the_first_acknowledges_and_everybody_hears_of_it() -> None:
    decide(Alerting(), signal(1))
    alert = Alert.objects.get()
    assert alerts.acknowledge(alert.pk, "ann", T0 + 9)
    assert not alerts.acknowledge(alert.pk, "bob", T0 + 10)
    assert not alerts.acknowledge(alert.pk + 1, "bob", T0 + 10)
    after = Alert.objects.get()
    assert (after.acknowledged_by, after.acknowledged_us, after.version) == ("ann", T0 + 9, alert.version + 1)
    logged = committed(CommitLog.objects.get().updates)
    assert logged.updates == [AlertAcknowledged(alert.pk, T0 + 9, "ann")]


def test_what_was_taken_back_is_kept_up_to_a_bound() -> None:
    alerting = Alerting()
    decide(alerting, signal(0, "stays"))
    for n in range(8):
        decide(alerting, signal(n, f"c{n}"), cleared(n, f"c{n}"))
    alerts.forget_cleared(keep=3)
    assert sorted(AlertOccurrence.objects.values_list("slug", flat=True)) == ["c5", "c6", "c7", "stays"]
    alerts.forget_cleared(keep=100)
    assert AlertOccurrence.objects.count() == 4


def test_hostile_text_and_times_are_stored() -> None:
    hostile = Signal(
        code="missing-ack",
        subject="\0" + "x" * 5000,
        state=FindingState.SUSPECTED,
        at_us=2**70,
        kind="call",
        slug="c1",
        hop="\0" * 10 + "y" * 5000 + ">" + "z" * 5000,
        from_uri="sip:\0",
        to_uri="\U0001f600" * 1000,
        cause="\0",
        remedy="",
    )
    decide(Alerting(), hostile)
    assert Alert.objects.count() == 1
    assert alerts.held()[0].findings
