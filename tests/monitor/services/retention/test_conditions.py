"""Disks that fill up and limits that can't be held are told once, and once more when it is over."""

import os

import pytest

from monitor.core.retention import DataKind
from monitor.core.updates import ConditionChanged
from monitor.models import Alert, CommitLog, StorageState
from monitor.packing import committed
from monitor.services import retention
from monitor.services.retention.conditions import judge
from monitor.services.retention.disks import disks
from monitor.services.retention.words import open_trouble
from tests.monitor.services.retention.store import NOW, clock_us, policy

pytestmark = pytest.mark.django_db
GB = 10**9


def told() -> list[tuple[str, str, bool]]:
    updates = [update for row in CommitLog.objects.order_by("id") for update in committed(row.updates).updates]
    assert all(isinstance(update, ConditionChanged) for update in updates)
    return [(update.code, update.name, update.stands) for update in updates if isinstance(update, ConditionChanged)]


def room(free: int) -> list[dict[str, object]]:
    return [{"name": "state directory", "path": "/var", "octets": 100 * GB, "free": free * GB}]


def test_a_disk_that_fills_up_is_told_once_and_when_it_has_room_again() -> None:
    StorageState.objects.create(id=1)
    for free in (50, 9, 8, 11, 13, 50):
        judge(room(free), {}, NOW)
    assert told() == [("disk-low", "server, state directory", True), ("disk-low", "server, state directory", False)]
    assert StorageState.objects.get().disks == room(50)


def test_a_limit_that_cant_be_held_is_told_once_and_when_it_is_held_again() -> None:
    StorageState.objects.create(id=1)
    trouble = {DataKind.MESSAGES: open_trouble(DataKind.MESSAGES)}
    for troubles in (trouble, trouble, {}):
        judge(room(50), troubles, NOW)
    assert told() == [("storage-limit", "Messages", True), ("storage-limit", "Messages", False)]


def test_a_sweep_looks_at_the_disks_that_the_server_writes_to() -> None:
    retention.sweep(policy(), clock_us)
    (state, *_), free = StorageState.objects.get().disks, os.statvfs("/tmp")
    assert state["octets"] == free.f_blocks * free.f_frsize
    assert 0 < state["free"] <= state["octets"]
    assert disks()[0]["name"] == "state directory"
    assert not Alert.objects.exists()
