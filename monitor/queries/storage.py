"""What is kept, what it takes, and since when what is gone is gone."""

from monitor.core.retention import HOUR_US, DataKind, disk_is_short
from monitor.models import Removal, StorageState, StorageUse
from monitor.queries.records import Row, plain

_LATELY_US = 24 * HOUR_US


def storage(now_us: int) -> Row:
    """`kinds` in their order (columns of `StorageUse`, and `removed` rows of the last day), `octets` and `limit` of the
    whole database, `disks` with `short`, and `measured_us`, 0 when nobody has looked yet.
    """
    state = next(iter(plain(StorageState.objects.filter(id=1).values())), None) or {
        "octets": 0,
        "limit": 0,
        "measured_us": 0,
        "disks": [],
    }
    uses = {row["kind"]: row for row in plain(StorageUse.objects.values())}
    removed: dict[str, int] = {}
    for kind, rows in Removal.objects.filter(at_us__gte=now_us - _LATELY_US).values_list("kind", "rows"):
        removed[kind] = removed.get(kind, 0) + rows
    nothing = {"octets": 0, "used": 0, "rows": 0, "limit": 0, "reaches_us": None, "trouble": ""}
    kinds = [nothing | uses.get(kind, {}) | {"kind": kind, "removed": removed.get(kind, 0)} for kind in DataKind]
    disks = [disk | {"short": disk_is_short(disk["octets"], disk["free"], was=False)} for disk in state["disks"]]
    return state | {"kinds": kinds, "disks": disks}


def messages_removed_us(record: Row) -> int | None:
    """When the messages of a record went that has none; None where that is not known, or it never had any stored."""
    found = Removal.objects.filter(
        kind=DataKind.MESSAGES, reached_us__gte=record["first_us"], at_us__gte=record["last_us"]
    )
    return found.order_by("at_us").values_list("at_us", flat=True).first()
