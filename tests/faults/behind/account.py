"""Alerts and mails, counted against what was committed."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from django.db.models import Sum

from monitor.conf import load
from monitor.core.overview import Overview
from monitor.core.retention import DataKind
from monitor.models import Alert, AlertOccurrence, CommitLog, DeadLetter, Delivery, Removal
from monitor.packing import committed
from tests.faults.behind.house import RECIPIENTS, House
from tests.monitor.core.alerting.rows import Rows


class Told(NamedTuple):
    """How it ended: `problems` is empty when all went well."""

    alerts: int
    mails: int
    repeats: int
    removed: int  # records that were too old
    problems: list[str]


def account(house: House) -> Told:
    """Count everything behind the commit, once a house has come to its end."""
    problems = [*_alerts(), *_mails(house)]
    problems += [f"set aside: {letter.entry_id}: {letter.reason[-500:]}" for letter in DeadLetter.objects.all()]
    repeats = Delivery.objects.aggregate(Sum("possible_repeats"))["possible_repeats__sum"] or 0
    removed = Removal.objects.filter(kind=DataKind.RECORDS).aggregate(Sum("rows"))["rows__sum"] or 0
    return Told(Alert.objects.count(), len(house.post.messages), repeats, removed, problems)


def _alerts() -> Iterator[str]:
    """What an overview whom nothing befalls makes of the same commits, in the same order."""
    rows, unbroken = Rows(), Overview(limits=load().thresholds.limits)
    log = CommitLog.objects.exclude(folded=None).order_by("folded", "id")
    for data in log.values_list("updates", flat=True):
        rows.apply(unbroken.feed(committed(data)))
    # Who hears in one commit that an alert opened hears the count of that moment, and of no growth beside it.
    told = Counter((kind.split()[0], fingerprint) for kind, fingerprint, _ in rows.told if kind != "escalated")
    opened = Counter(Alert.objects.values_list("fingerprint", flat=True))
    resolved = Counter(Alert.objects.filter(state="resolved").values_list("fingerprint", flat=True))
    expected = (
        Counter({fingerprint: count for (kind, fingerprint), count in told.items() if kind == "opened"}),
        Counter({fingerprint: count for (kind, fingerprint), count in told.items() if kind == "resolved"}),
    )
    if (opened, resolved) != expected:
        yield f"opened and resolved: {opened}, {resolved}; expected: {expected}"
    counts = {alert.fingerprint: alert.count for alert in Alert.objects.filter(state="open")}
    if counts != {fingerprint: alert.count for fingerprint, alert in rows.alerts.items()}:
        yield f"open alerts count {counts}; expected: { {name: alert.count for name, alert in rows.alerts.items()} }"
    standing = AlertOccurrence.objects.filter(alert__state="open").exclude(state="cleared")
    stored = set(standing.values_list("alert__fingerprint", "slug", "code"))
    due = {(fingerprint, slug, code) for fingerprint, all_ in rows.findings.items() for slug, code, _ in all_}
    if stored != due:
        yield f"findings of alerts: {stored - due} too many, {due - stored} missing"
    mailed = {alert.fingerprint: alert.mail for alert in rows.alerts.values()}
    written = Counter(
        Delivery.objects.exclude(event="escalated").values_list("event", "alert__fingerprint", "recipient")
    )
    for (kind, fingerprint), count in told.items():
        for recipient in RECIPIENTS:
            there = written.pop((kind, fingerprint, recipient), 0)
            if there != count and (there or mailed.get(fingerprint)):
                yield f"{there} mails are to tell {recipient} that {fingerprint} {kind}, which it did {count} times"
    if written:
        yield f"mails for what did not happen: {written}"


def _mails(house: House) -> Iterator[str]:
    """Each came at least once, no more often than was said to be possible, and always with the same words."""
    came = Counter(str(mail["Message-ID"]) for mail in house.post.messages)
    words: dict[str, set[str]] = defaultdict(set)
    for mail in house.post.messages:
        body = mail.get_body(("plain",))
        words[str(mail["Message-ID"])].add(f"{mail['To']}\n{mail['Subject']}\n{body and body.get_content()}")
    for delivery in Delivery.objects.all():
        copies = came.pop(delivery.message_id, 0)
        if not 1 <= copies <= 1 + delivery.possible_repeats:
            yield f"delivery {delivery.pk} came {copies} times, where {delivery.possible_repeats} repeats were possible"
    if came:
        yield f"mails of nothing: {came}"
    yield from (f"{name} came with different words: {said}" for name, said in words.items() if len(said) > 1)
