"""Alerts, collectors, imports and the outbox as pages show them."""

from typing import Final

from django.db.models import Count, Q, Sum

from monitor.core.overview import GAP, NOT_LOST
from monitor.core.retention import disk_is_short
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
    """Every collector with `short_of_disk`, and `losses`: for each reason how many messages are known to be `lost`, and
    in how many ranges that is `unknown`; of the collector `lost` and `unknown` are the sums.
    """
    losses: dict[str, list[Row]] = {}
    found = LossRange.objects.values("collector", "reason").order_by("collector", "reason")
    # A silence is told as such; it is no loss that anybody knows of.
    unknown = Count("id", filter=(Q(count=0) | Q(reason=GAP)) & ~Q(reason__in=NOT_LOST))
    lost = Sum("count", filter=~Q(reason=GAP), default=0)
    for loss in plain(found.annotate(lost=lost, unknown=unknown)):
        losses.setdefault(loss["collector"], []).append(loss)
    rows = []
    for row in plain(Collector.objects.order_by("name").values()):
        of_it = losses.get(row["name"], [])
        sums = {name: sum(loss[name] for loss in of_it) for name in ("lost", "unknown")}
        room = {"short_of_disk": _short_of_disk(row["counters"])}
        rows.append(collector_value(row) | {"losses": of_it} | sums | room)
    return rows


def _short_of_disk(counters: dict[str, int]) -> bool:
    return disk_is_short(counters.get("disk_octets", 0), counters.get("disk_free_octets", 0), was=False)


def losses() -> list[Row]:
    """The newest ranges of loss."""
    return plain(LossRange.objects.order_by("-to_us", "-id").values()[:LOSSES_SHOWN])


def partitions() -> list[Row]:
    """How far each partition is: owner, watermark and lag; and how much it had beside messages that fits no record."""
    return plain(
        Partition.objects.order_by("number").values(
            "number", "owner", "lease_until_us", "watermark_us", "lag_ms", "side_unmatched"
        )
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
