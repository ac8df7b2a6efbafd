"""Alerts, collectors, imports and the outbox as pages show them."""

from typing import Final

from django.db.models import Count, Sum

from monitor.models import Alert, AlertOccurrence, Collector, DeadLetter, Delivery, Import, LossRange, Partition
from monitor.queries.live import ALERT_COLUMNS, collector_value
from monitor.queries.records import Row, plain

ALERTS_A_PAGE: Final = 50
DELIVERIES_A_PAGE: Final = 50
OCCURRENCES_SHOWN: Final = 50
TIMES_READ: Final = 2000
LOSSES_SHOWN: Final = 50
DEAD_LETTERS_SHOWN: Final = 20
IMPORTS_SHOWN: Final = 100


def alerts(state: str, before_id: int | None) -> tuple[list[Row], int]:
    """One page of alerts, newest first, and how many there are in all. `state`: "open", "resolved", "" for all."""
    found = Alert.objects.filter(state=state) if state else Alert.objects.all()
    total = found.count()
    if before_id is not None:
        found = found.filter(id__lt=before_id)
    return list(found.order_by("-id").values(*ALERT_COLUMNS)[:ALERTS_A_PAGE]), total


def alert(alert_id: int) -> Row | None:
    """One alert with `remedy`, its newest `occurrences`, the `times` of more of them, and its `deliveries`.

    None when there is none of this id.
    """
    found = plain(Alert.objects.filter(id=alert_id).values(*ALERT_COLUMNS, "remedy"))
    if not found:
        return None
    occurrences = AlertOccurrence.objects.filter(alert_id=alert_id).order_by("-at_us", "-id")
    deliveries = Delivery.objects.filter(alert_id=alert_id).order_by("-id")
    return found[0] | {
        "times": list(occurrences.values_list("at_us", flat=True)[:TIMES_READ]),
        "occurrences": plain(occurrences.values()[:OCCURRENCES_SHOWN]),
        "deliveries": plain(deliveries.values(*_DELIVERY)[:DELIVERIES_A_PAGE]),
    }


def collectors() -> list[Row]:
    """Every collector with `losses` (how many messages it lost, by reason) and `lost` (their sum)."""
    lost: dict[str, dict[str, int]] = {}
    by_reason = LossRange.objects.values("collector", "reason").annotate(count=Sum("count"), ranges=Count("id"))
    for row in by_reason.order_by("collector", "reason"):
        # A range of unknown count is at least one message.
        lost.setdefault(row["collector"], {})[row["reason"]] = row["count"] or row["ranges"]
    rows = plain(Collector.objects.order_by("name").values())
    return [
        collector_value(row) | {"losses": reasons, "lost": sum(reasons.values())}
        for row in rows
        for reasons in [lost.get(row["name"], {})]
    ]


def losses() -> list[Row]:
    """The newest ranges of loss."""
    return plain(LossRange.objects.order_by("-to_us", "-id").values()[:LOSSES_SHOWN])


def partitions() -> list[Row]:
    """How far each partition is: owner, watermark and lag."""
    return plain(
        Partition.objects.order_by("number").values("number", "owner", "lease_until_us", "watermark_us", "lag_ms")
    )


def dead_letters() -> tuple[list[Row], int]:
    """The newest stream entries that could not be read, without their bytes, and how many there are."""
    found = DeadLetter.objects.order_by("-stored_us", "-id")
    newest = found.values("id", "partition", "entry_id", "reason", "stored_us")[:DEAD_LETTERS_SHOWN]
    return plain(newest), found.count()


def imports() -> list[Row]:
    """The newest imports."""
    return plain(Import.objects.order_by("-id").values()[:IMPORTS_SHOWN])


def imported(import_id: int) -> Row | None:
    """One import."""
    return next(iter(plain(Import.objects.filter(id=import_id).values())), None)


def deliveries(state: str, before_id: int | None) -> tuple[list[Row], int, dict[str, int]]:
    """One page of the outbox, newest first; how many match; and how many there are of each state."""
    states: dict[str, int] = dict(
        Delivery.objects.order_by().values_list("state").annotate(count=Count("id")).values_list("state", "count")
    )
    found = Delivery.objects.filter(state=state) if state else Delivery.objects.all()
    if before_id is not None:
        found = found.filter(id__lt=before_id)
    total = states.get(state, 0) if state else sum(states.values())
    return list(found.order_by("-id").values(*_DELIVERY)[:DELIVERIES_A_PAGE]), total, states


def delivery(delivery_id: int) -> Row | None:
    """One message of the outbox, with its text and HTML; None when there is none."""
    return next(iter(plain(Delivery.objects.filter(id=delivery_id).values())), None)


_DELIVERY: Final = (
    *("id", "alert_id", "event", "transport", "recipient", "state", "attempts", "possible_repeats"),
    *("next_attempt_us", "created_us", "sent_us", "last_error", "subject"),
)
