"""What of disks and limits is a matter for a person: told to the overview when it begins and when it is over."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.db import transaction

from monitor.core.overview import NO_PARTITION
from monitor.core.retention import DataKind, disk_is_short
from monitor.core.updates import Committed, ConditionChanged
from monitor.models import StorageState
from monitor.services.commit_log import append
from monitor.services.retention.words import NAMES

_DISK: Final = "disk-low"
_LIMIT: Final = "storage-limit"


def judge(disks: list[dict[str, Any]], troubles: Mapping[DataKind, str], now_us: int) -> None:
    """Tell what has changed since it was judged last, and keep how it stands."""
    with transaction.atomic():
        before = set(StorageState.objects.select_for_update().values_list("standing", flat=True).get(id=1))
        standing = {change.name: change for change in _standing(disks, troubles, before, now_us)}
        over = [_over(name, now_us) for name in sorted(before - set(standing))]
        changes = [change for name, change in sorted(standing.items()) if name not in before] + over
        StorageState.objects.filter(id=1).update(disks=disks, standing=sorted(standing))
        if changes:
            append(Committed(NO_PARTITION, 0, list(changes)), now_us)


def _standing(
    disks: list[dict[str, Any]], troubles: Mapping[DataKind, str], before: set[str], now_us: int
) -> Iterable[ConditionChanged]:
    for disk in disks:
        name = f"server, {disk['name']}"
        if disk_is_short(disk["octets"], disk["free"], was=name in before):
            cause = f"Of {disk['octets'] / 1e9:.1f} GB, {disk['free'] / 1e9:.1f} GB are free at {disk['path']}."
            remedy = (
                "Make room there, or let less be kept (OFFHOOK_STORAGE_LIMIT, or the settings page). When it is full, "
                "ingest waits, and collectors keep what they capture on their own disks."
            )
            yield ConditionChanged(_DISK, name, stands=True, at_us=now_us, cause=cause, remedy=remedy)
    for kind, trouble in troubles.items():
        remedy = "Raise the limit (settings page), or see to what is said to hold it up."
        yield ConditionChanged(_LIMIT, NAMES[kind], stands=True, at_us=now_us, cause=trouble, remedy=remedy)


def _over(name: str, now_us: int) -> ConditionChanged:
    code = _LIMIT if name in NAMES.values() else _DISK
    return ConditionChanged(code, name, stands=False, at_us=now_us, cause="", remedy="")
