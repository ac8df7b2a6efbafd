"""Who holds which partition: leases in the partitions' rows, by the database's clock.

A lease lasts 5 s and is renewed by each commit, or here when nothing is committed. When it ran out, any
worker may take the partition, and one of the same machine need not wait for that when the owner's process
is gone. The epoch goes up with each taking: whatever a former owner still tries to write matches no row.
Workers that share a database tell each other that they are there, and hold no more than their share.
"""

import os
import secrets
import socket
from typing import Final

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from monitor.ingest.shard import Place
from monitor.models import IngestWorker, Partition
from monitor.services import database, shelves
from monitor.services.apply_updates import LEASE_US

_FORGOTTEN_US: Final = 3_600_000_000


class Leases:
    """The partitions that this process holds, and how it comes to hold them."""

    def __init__(self, partitions: int) -> None:
        self._host = socket.gethostname()
        self.owner = f"{self._host}:{os.getpid()}:{secrets.token_hex(4)}"
        self.epochs: dict[int, int] = {}  # of the partitions held
        self._partitions = partitions

    def prepare(self) -> None:
        """Make the partitions' rows, and places for the records of the days to come."""
        shelves.make_ahead(database.now_us())
        there = set(Partition.objects.values_list("number", flat=True))
        # Only those that are missing: to insert a row that is there would wait for whoever writes it, be that frozen.
        missing = [Partition(number=number) for number in range(self._partitions) if number not in there]
        Partition.objects.bulk_create(missing, ignore_conflicts=True)

    def share(self) -> int:
        """Say that this worker is alive; how many partitions are its fair share.

        SQLite has one writer at a time: there, one worker does all, and others wait to replace it.
        """
        if connection.vendor == "sqlite":
            return self._partitions
        database.name_session(_session(self.owner))
        now = database.now_us()
        IngestWorker.objects.update_or_create(owner=self.owner, defaults={"alive_until_us": now + LEASE_US})
        IngestWorker.objects.filter(alive_until_us__lt=now - _FORGOTTEN_US).delete()
        told = sorted(IngestWorker.objects.filter(alive_until_us__gte=now).values_list("owner", flat=True))
        alive = [owner for owner in told if owner == self.owner or not self._is_gone(owner)]
        least, more = divmod(self._partitions, len(alive))
        return least + (alive.index(self.owner) < more)

    def acquire(self, most: int) -> list[Place]:
        """Take up to `most` partitions that nobody holds; where they stand."""
        if most <= 0:
            return []
        rows = Partition.objects.filter(number__lt=self._partitions).exclude(number__in=self.epochs)
        gone = [owner for owner in set(rows.values_list("owner", flat=True)) if self._is_gone(owner)]
        free = rows.filter(Q(lease_until_us__lt=database.now_us()) | Q(owner__in=[self.owner, *gone]))
        with transaction.atomic():
            # A row that another worker is about to write is not free, whatever it says.
            taken = list(free.select_for_update(skip_locked=True).order_by("number")[:most])
            for row in taken:
                row.owner, row.epoch, row.lease_until_us = self.owner, row.epoch + 1, database.now_us() + LEASE_US
                row.save(update_fields=["owner", "epoch", "lease_until_us"])
            if len(taken) < most:
                _wake_the_dead(free.exclude(number__in=[row.number for row in taken]))
        self.epochs |= {row.number: row.epoch for row in taken}
        return [place(row) for row in taken]

    def renew(self) -> list[int]:
        """Prolong what is held; returns the partitions that turn out to be lost."""
        mine = Partition.objects.filter(owner=self.owner, number__in=self.epochs)
        if mine.update(lease_until_us=database.now_us() + LEASE_US) == len(self.epochs):
            return []
        still = set(mine.values_list("number", flat=True))
        lost = [number for number in self.epochs if number not in still]
        for number in lost:
            del self.epochs[number]
        return lost

    def release(self, numbers: list[int]) -> None:
        """Give partitions back, so that others need not wait for the lease to run out."""
        for number in numbers:
            epoch = self.epochs.pop(number)
            Partition.objects.filter(number=number, epoch=epoch).update(owner="", lease_until_us=0)

    def leave(self) -> None:
        """Give everything back: this worker ends."""
        self.release(list(self.epochs))
        IngestWorker.objects.filter(owner=self.owner).delete()

    def _is_gone(self, owner: str) -> bool:
        """Whether this was a process of this machine that runs no more."""
        host, _, process = owner.rpartition(":")[0].rpartition(":")
        if host != self._host or not process.isdecimal():
            return False
        try:
            os.kill(int(process), 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False


def _wake_the_dead(locked: QuerySet[Partition]) -> None:
    """End the sessions of owners that hold a row and let its lease run out long ago: they are frozen."""
    owners = locked.filter(lease_until_us__lt=database.now_us() - LEASE_US).values_list("owner", flat=True).distinct()
    database.end_sessions([_session(owner) for owner in owners if owner])


def _session(owner: str) -> str:
    """What an owner's session with PostgreSQL is called."""
    return f"offhook {owner.rpartition(':')[2]}"


def place(row: Partition) -> Place:
    """Where a partition stands."""
    return Place(row.number, row.epoch, row.stream_offset, row.watermark_us, row.version, bytes(row.marks))
