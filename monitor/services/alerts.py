"""The only writer of alerts: what the overview decided, and what people do about it."""

from collections.abc import Iterable, Sequence
from email.utils import parseaddr
from typing import Final, assert_never
from uuid import uuid4

import msgspec
from django.db import transaction
from django.db.models import F, Q

from monitor.core.alerting.rules import DEFAULT_RULES, Rule
from monitor.core.alerting.values import (
    AlertChanged,
    AlertEscalated,
    AlertOpened,
    AlertResolved,
    AlertValues,
    Decision,
    FindingForgotten,
    FindingNoted,
    HeldAlert,
    Signal,
)
from monitor.core.overview import NO_PARTITION
from monitor.core.updates import AlertAcknowledged, Committed, FindingState
from monitor.models import Alert, AlertOccurrence, Delivery
from monitor.services.commit_log import append
from monitor.services.settings import Addresses, addresses
from monitor.services.sql import big, text, when

# Findings that were taken back stay with their alert for people to see, up to so many.
CLEARED_KEPT: Final = 200


class Applied(msgspec.Struct, frozen=True):
    """What was written: to show, and to send."""

    alerts: list[int]
    deliveries: list[int]


class _Plan:
    """What becomes of one alert in one transaction: its last values, and each finding's last state."""

    def __init__(self, fingerprint: str) -> None:
        self.fingerprint = fingerprint
        self.values: AlertValues | None = None
        self.resolved: AlertResolved | None = None
        self.findings: dict[tuple[str, str, str], Signal | None] = {}  # None: forgotten
        self.events: list[str] = []  # "opened", "escalated", "resolved"

    def add(self, decision: Decision) -> None:
        """The next decision about this alert."""
        match decision:
            case FindingNoted(_, signal):
                self.findings[signal.slug, signal.code, signal.subject] = signal
            case FindingForgotten(_, slug, code, subject):
                self.findings[slug, code, subject] = None
            case AlertChanged(alert):
                self.values = alert
            case AlertOpened(alert):
                self.values = alert
                self.events.append("opened")
            case AlertEscalated(alert):
                self.values = alert
                if not self.events:  # who hears that it opened, or grew, hears the count of now
                    self.events.append("escalated")
            case AlertResolved(alert):
                self.values, self.resolved = alert, decision
                self.events.append("resolved")
            case _:
                assert_never(decision)


def apply(decisions: Iterable[Decision], now_us: int) -> Applied:
    """Write what was decided, inside the caller's transaction: alerts, their findings, and the outbox."""
    plans = _plans(decisions)
    applied = Applied([], [])
    if not plans:
        return applied
    settings = addresses()
    for plan in plans:
        alert = _write(plan)
        _write_findings(alert, plan)
        applied.alerts.append(alert.pk)
        if plan.values and plan.values.mail:
            applied.deliveries.extend(_write_deliveries(alert, plan.events, settings, now_us))
    return applied


def held(rules: Sequence[Rule] = DEFAULT_RULES) -> list[HeldAlert]:
    """The open alerts as alerting remembers them, oldest first."""
    by_name = {rule.name: rule for rule in rules}
    standing = AlertOccurrence.objects.exclude(state=FindingState.CLEARED).order_by("id")
    findings: dict[int, list[Signal]] = {}
    for row in standing.filter(alert__state="open"):
        findings.setdefault(row.alert_id, []).append(_signal(row))
    return [
        HeldAlert(alert=_values(row, by_name), findings=tuple(findings.get(row.pk, ())))
        for row in Alert.objects.filter(state="open").order_by("id")
    ]


def retire(rules: Sequence[Rule], now_us: int) -> None:
    """Resolve what was opened by rules that are no more."""
    Alert.objects.filter(state="open").exclude(rule__in=[rule.name for rule in rules]).update(
        state="resolved", resolution="retired", resolved_us=now_us, version=F("version") + 1
    )


def acknowledge(alert_id: int, by: str, now_us: int) -> bool:
    """Somebody takes an open alert on; False when somebody already did, or it is over.

    Goes through the commit log, so that the overview tells every page.
    """
    with transaction.atomic():
        done = Alert.objects.filter(pk=alert_id, state="open", acknowledged_us=None).update(
            acknowledged_by=text(by), acknowledged_us=now_us, version=F("version") + 1
        )
        if done:
            append(Committed(NO_PARTITION, 0, [AlertAcknowledged(alert_id, now_us, by)]), now_us)
    return bool(done)


def forget_cleared(keep: int = CLEARED_KEPT) -> None:
    """Bound what open alerts keep of findings that were taken back."""
    cleared = AlertOccurrence.objects.filter(state=FindingState.CLEARED)
    for alert_id in Alert.objects.filter(state="open").values_list("pk", flat=True):
        newest = cleared.filter(alert_id=alert_id).order_by("-id").values_list("pk", flat=True)
        oldest_kept = newest[keep - 1 : keep].first()
        if oldest_kept is not None:
            cleared.filter(alert_id=alert_id, pk__lt=oldest_kept).delete()


def _plans(decisions: Iterable[Decision]) -> list[_Plan]:
    """One plan an alert, in order of their beginning. A fingerprint may have several: resolved, opened anew."""
    plans: list[_Plan] = []
    current: dict[str, _Plan] = {}
    for decision in decisions:
        if isinstance(decision, FindingNoted | FindingForgotten):
            fingerprint = decision.fingerprint
        else:
            fingerprint = decision.alert.fingerprint
        plan = current.get(fingerprint)
        if plan is None or isinstance(decision, AlertOpened):
            plan = current[fingerprint] = _Plan(fingerprint)
            plans.append(plan)
        plan.add(decision)
    return plans


def _write(plan: _Plan) -> Alert:
    values = plan.values
    assert values is not None, "every decision about a finding comes with one about its alert"  # noqa: S101 - the engine's law
    columns = {
        "severity": values.severity,
        "title": text(values.title),
        "summary": text(values.summary, 2_000),
        "remedy": values.remedy,
        "count": values.count,
        "notified": values.notified,
        "last_us": big(values.last_us),
        "quiet_us": when(values.quiet_us),
    }
    if plan.resolved:
        columns |= {
            "state": "resolved",
            "resolved_us": big(plan.resolved.at_us),
            "resolution": plan.resolved.resolution,
        }
    if "opened" in plan.events:
        return Alert.objects.create(
            fingerprint=text(plan.fingerprint),
            rule=values.rule,
            place=text(values.place),
            opened_us=big(values.opened_us),
            version=1,
            **({"state": "open"} | columns),
        )
    alert = Alert.objects.get(fingerprint=text(plan.fingerprint), state="open")
    Alert.objects.filter(pk=alert.pk).update(version=F("version") + 1, **columns)
    return alert


def _write_findings(alert: Alert, plan: _Plan) -> None:
    AlertOccurrence.objects.bulk_create(
        [_occurrence(alert, signal) for signal in plan.findings.values() if signal is not None],
        update_conflicts=True,
        unique_fields=["alert", "slug", "code", "subject"],
        update_fields=["state", "at_us", "hop", "cause"],
    )
    forgotten = Q()
    for (slug, code, subject), signal in plan.findings.items():
        if signal is None:
            forgotten |= Q(slug=text(slug), code=code, subject=text(subject))
    if forgotten:
        AlertOccurrence.objects.filter(forgotten, alert=alert).delete()


def _write_deliveries(alert: Alert, events: list[str], settings: Addresses, now_us: int) -> list[int]:
    return [
        Delivery.objects.create(
            alert=alert,
            event=event,
            recipient=recipient,
            message_id=new_message_id(settings.sender),
            state="pending",
            next_attempt_us=now_us,
            created_us=now_us,
        ).pk
        for event in events
        for recipient in settings.recipients or ("",)  # nobody: kept, for people to see in the outbox
    ]


def new_message_id(sender: str) -> str:
    """A name for one mail for ever (RFC 5322 §3.6.4)."""
    return f"<{uuid4().hex}@{domain(sender)}>"


def domain(sender: str) -> str:
    """ "Offhook <noc@example.com>" → "example.com"."""
    return parseaddr(sender)[1].rpartition("@")[2] or "localhost"


def _occurrence(alert: Alert, signal: Signal) -> AlertOccurrence:
    return AlertOccurrence(
        alert=alert,
        kind=signal.kind,
        slug=text(signal.slug),
        code=signal.code,
        subject=text(signal.subject),
        state=signal.state,
        at_us=big(signal.at_us),
        from_uri=text(signal.from_uri),
        to_uri=text(signal.to_uri),
        hop=text(signal.hop),
        cause=text(signal.cause, 2_000),
    )


def _signal(row: AlertOccurrence) -> Signal:
    return Signal(
        code=row.code,
        subject=row.subject,
        state=FindingState(row.state),
        at_us=row.at_us,
        kind=row.kind,
        slug=row.slug,
        hop=row.hop,
        from_uri=row.from_uri,
        to_uri=row.to_uri,
        cause=row.cause,
        remedy="",  # the alert has the newest
    )


def _values(row: Alert, rules: dict[str, Rule]) -> AlertValues:
    rule = rules.get(row.rule)
    return AlertValues(
        fingerprint=row.fingerprint,
        rule=row.rule,
        severity=row.severity,
        title=row.title,
        summary=row.summary,
        remedy=row.remedy,
        place=row.place,
        count=row.count,
        notified=row.notified,
        opened_us=row.opened_us,
        last_us=row.last_us,
        quiet_us=row.quiet_us,
        mail=rule.mail if rule else False,
    )
