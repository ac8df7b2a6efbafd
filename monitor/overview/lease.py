"""One active overview: a lease with an epoch in its row, and each commit fenced by it.

The lease keeps two from working at once, for the sake of work; the fence keeps two from committing,
for the sake of truth. A clock that is wrong can cost the first, never the second; so times are the
database's, which is one for all.
"""

import os
import socket
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from django.db import transaction
from django.db.models import F

from collectors.sip.timers import SECOND
from monitor.models import Overview
from monitor.services import database, schema

LEASE_US: Final = 5 * SECOND
RENEW_US: Final = 1 * SECOND


class FencedError(Exception):
    """Another overview took over: what this one was about to commit is not to be."""


class Lease:
    """This process's hold on the overview's row."""

    def __init__(self, owner: str = "") -> None:
        self.owner = owner or myself()
        self.epoch = 0
        self.sequence = 0
        self._renewed_us = 0

    def acquire(self, now_us: int) -> bool:
        """Take the row if nobody holds it; the sequence goes on from its last commit.

        Raises `OtherSchemaError`.
        """
        schema.require()
        row, _ = Overview.objects.get_or_create(id=1)
        if row.lease_until_us > now_us and row.owner != self.owner and not is_gone(row.owner):
            return False
        database.name_session(session(self.owner))
        with transaction.atomic():
            # A row that its owner is about to write is not free, whatever it says.
            free = Overview.objects.select_for_update(skip_locked=True).filter(id=1, epoch=row.epoch).first()
            if free is not None:
                columns = {"owner": self.owner, "epoch": F("epoch") + 1, "lease_until_us": now_us + LEASE_US}
                Overview.objects.filter(id=1).update(**columns)
        if free is None:
            # Who is frozen in the midst of a commit holds the row for as long as its session lasts.
            if row.lease_until_us < now_us - LEASE_US:
                database.end_sessions([session(row.owner)])
            return False
        self.epoch, self.sequence, self._renewed_us = free.epoch + 1, free.sequence, now_us
        return True

    def commit(self, now_us: int, **columns: Any) -> int:
        """Write the row, at the beginning of a transaction; returns the new sequence.

        Raises `FencedError`, `OtherSchemaError`: roll back, drop the memory.
        """
        schema.hold()
        written = Overview.objects.filter(id=1, epoch=self.epoch, sequence=self.sequence).update(
            sequence=self.sequence + 1, lease_until_us=now_us + LEASE_US, **columns
        )
        if not written:
            raise FencedError
        self._renewed_us = now_us
        return self.sequence + 1

    def committed(self, sequence: int) -> None:
        """The transaction of that `commit` is done."""
        self.sequence = sequence

    def renew(self, now_us: int) -> None:
        """Say that this process still works, when it is time to. Raises `FencedError`."""
        if now_us - self._renewed_us < RENEW_US:
            return
        if not Overview.objects.filter(id=1, epoch=self.epoch).update(lease_until_us=now_us + LEASE_US):
            raise FencedError
        self._renewed_us = now_us

    def release(self) -> None:
        """Let the spare take over at once."""
        Overview.objects.filter(id=1, epoch=self.epoch, owner=self.owner).update(lease_until_us=0)


def myself() -> str:
    """This process among all others: "HOST PID-NAMESPACE PID START"."""
    return f"{_world()} {os.getpid()} {_started(os.getpid())}"


def session(owner: str) -> str:
    """What an owner's session with PostgreSQL is called, which takes 63 characters."""
    return f"offhook overview {crc32(owner.encode()):08x}"


def is_gone(owner: str) -> bool:
    """Whether the owner surely runs no more, so that nobody must wait for its lease to end.

    Only a process of this very world (host, boot and PID namespace) can be asked.
    """
    world, _, process = owner.partition("/ ")
    pid, _, started = process.partition(" ")
    if f"{world}/" != _world() or not pid.isdecimal():
        return False
    return _started(int(pid)) != started


def _world() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # not Linux: leases run out by time alone
        boot = namespace = "?"
    return f"{socket.gethostname()} {boot} {namespace}/"


def _started(pid: int) -> str:
    """When a process began, in ticks since boot; "" when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    state, *fields = stat.rpartition(")")[2].split()
    return "" if state == "Z" else fields[18]
