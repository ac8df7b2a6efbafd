"""A world with all that is behind the commit: two overviews, one or two Celery workers with a beat each, a bus of
their own, a mail server, and a database that can be hurt. It has a past, which is too old to be kept.
"""

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Final, TypeVar

import psycopg
from django.db import Error, connection
from django.db.migrations.recorder import MigrationRecorder

from monitor.models import Call, CommitLog, Delivery
from monitor.models import Overview as Row
from monitor.notify import outbox
from monitor.overview.lease import myself
from tests.faults.behind.post import Post
from tests.faults.behind.roles import NEXT
from tests.faults.behind.teller import Teller
from tests.faults.disk import Disk
from tests.faults.link import Link
from tests.faults.world import PRELOADED, Process, Setting, World
from tests.monitor.services.retention.store import DAY, NOW, store
from tests.support.postgres import Postgres
from tests.support.processes import wait_for
from tests.support.valkey import Valkey

T = TypeVar("T")

LAST: Final = "0003_origin"
RECIPIENTS: Final = ("noc@example.com", "ops@example.com")
PATIENCE_S: Final = 90.0  # a loaded machine has this long to come to rest
_NOBODY: Final = 2**22  # no process has this id
_PAST_DAYS: Final = 40  # longer than anything of a call is kept
PAST_CALLS: Final = 60  # of those
_MEETING_S: Final = 5.0
_MET_S: Final = 1.0
_PRELOADED: Final = (
    *PRELOADED,
    *("monitor.watch", "monitor.celery", "monitor.tasks", "celery.bin.celery", "celery.apps.worker", "celery.beat"),
    *("celery.concurrency.thread", "kombu.transport.redis", "tests.faults.behind.roles"),
)


class Database:
    """The database of a house. PostgreSQL is reached through a link, which can fail."""

    def __init__(self, cluster: Postgres | None, path: Path, disk: Disk) -> None:
        self.cluster = cluster
        self.disk = disk  # of the cluster
        self.path = path  # of SQLite's file
        self.link = Link(cluster.base / ".s.PGSQL.5432") if cluster else None
        self.locked = False  # by `lock`

    @property
    def url(self) -> str:
        """As the processes know it."""
        return f"postgresql://postgres@127.0.0.1:{self.link.port}/house" if self.link else f"sqlite:///{self.path}"

    @property
    def is_well(self) -> bool:
        """Whether it is PostgreSQL that runs, and has room."""
        return self.cluster is not None and self.cluster.running and not self.disk.is_full

    def mend(self) -> None:
        """PostgreSQL has room, and answers: whatever else befell it is over."""
        assert self.cluster
        self.disk.free()
        with suppress(RuntimeError):  # it may be about to go down
            self.cluster.start()
        self.cluster.start()

    def administer(self, statement: str) -> None:
        """Run a statement as PostgreSQL's administrator, in a session of another database, once it answers."""
        assert self.cluster
        self.cluster.start()
        with psycopg.connect(self.cluster.url(), autocommit=True) as session:
            session.execute(statement.encode())

    def lock(self) -> Callable[[], None]:
        """Another writer takes SQLite's file, and gives it back when what is returned is called."""
        taken, over = threading.Event(), threading.Event()

        def hold() -> None:
            with closing(sqlite3.connect(self.path, timeout=30, isolation_level=None)) as session:
                session.execute("BEGIN IMMEDIATE")
                taken.set()
                over.wait(30)
                session.execute("ROLLBACK")

        thread = threading.Thread(target=hold, name="writer", daemon=True)
        thread.start()
        self.locked = taken.wait(30)

        def free() -> None:
            over.set()
            thread.join()
            self.locked = False

        return free

    def close(self) -> None:
        """The end."""
        if self.link:
            self.link.close()


class House(World):
    """Use as a context manager."""

    def __init__(
        self, setting: Setting, folder: Path, environment: dict[str, str], database: Database, pairs: int = 1
    ) -> None:
        """`pairs` of a Celery worker and a beat."""
        self.database = database
        self.bus = Valkey(folder / "bus")
        self.post = Post()
        self.bus_was_hurt = False
        self.version = "this"  # of the program that is started
        told = {
            "OFFHOOK_DATABASE_URL": database.url,
            "OFFHOOK_BUS_URL": self.bus.url,
            "OFFHOOK_SMTP_URL": self.post.url,
            "OFFHOOK_MAIL_TO": " ".join(RECIPIENTS),
        }
        super().__init__(setting, folder, environment | told, _PRELOADED)
        self.workers = [self._role(f"worker {n}", "offhook", "correlate") for n in range(setting.workers)]
        self.overviews = [self._role(f"overview {n}", "offhook", "watch") for n in range(2)]
        self.mailers = [self._role(f"mailer {n}", "mailer") for n in range(pairs)]
        self.beats = [self._role(f"beat {n}", "beat") for n in range(pairs)]
        self.others = [*self.overviews, *self.mailers, *self.beats]
        self.teller = Teller(setting.seed)
        self.migration = Process("migrate", lambda: self._start("offhook", NEXT, "migrate"))
        self._upgrading = False

    def __exit__(self, *_: object) -> None:
        super().__exit__(*_)
        self.bus.kill()
        self.post.close()
        self.database.close()

    @property
    def active(self) -> Process:
        """The overview that holds the lease; the first where none does, or where nobody can say."""
        owner = _asked(lambda: Row.objects.values_list("owner", flat=True).first()) or ""
        return next((each for each in self.overviews if f"/ {each.pid} " in owner), self.overviews[0])

    def give_away(self) -> None:
        """The overview's lease is one of a process that died, while its holder works."""
        if not self.database.locked:
            here = myself().rpartition("/ ")[0]
            _asked(lambda: Row.objects.update(owner=f"{here}/ {_NOBODY} 1"))

    def begin(self) -> None:
        """Start everything; time begins."""
        for number in range(PAST_CALLS):
            store("missing-ack", _PAST_DAYS, call=str(number))
        for process in self.others:
            process.start()
        wait_for(lambda: _asked(lambda: Row.objects.filter(epoch__gt=0).exists()), PATIENCE_S, what="an overview works")
        wait_for(
            lambda: self.log.read_text().count(" ready.") >= len(self.mailers),
            PATIENCE_S,
            every=0.1,
            what="mailers work",
        )
        super().begin()
        self.teller.start()

    def crashed(self) -> list[str]:
        """Processes that ended and should not have. A Celery worker that loses its bus may: it is started again."""
        names = super().crashed()
        for mailer in self.mailers:
            if mailer.name in names and self.bus_was_hurt:
                self.note(f"{mailer.name} ended without its bus, and is started again")
                mailer.start()
                names.remove(mailer.name)
        return names

    def freeze_bus(self) -> Callable[[], None]:
        """SIGSTOP; what is returned lets it thaw."""
        pid = self.bus.pid
        if self.bus.running:
            os.kill(pid, signal.SIGSTOP)

        def thaw() -> None:
            if self.bus.running and self.bus.pid == pid:
                os.kill(pid, signal.SIGCONT)
            self.note("the bus thaws")

        return thaw

    def says(self, text: str) -> bool:
        """Whether a process has said this, or does so soon."""
        return _soon(lambda: text in self.log.read_text(errors="replace"))

    def migrate(self) -> None:
        """Begin to change the tables for the next version."""
        self._upgrading = True
        self.migration.start()

    def replace(self) -> None:
        """Replace all that run by the next version's, once they have met its tables, if that comes soon."""
        _soon(self._upgraded)
        time.sleep(_MET_S)
        self.version = NEXT
        for process in (*self.workers, *self.others):
            process.kill()
            process.start()

    def settle(self) -> None:
        """Until all is committed, folded, and told."""
        self.teller.stop()
        self.note(f"{len(self.post.messages)} mails came by now")
        if self._upgrading:
            wait_for(self._upgraded, PATIENCE_S, every=0.2, what="the tables are the next version's")
        super().settle()
        wait_for(self._all_folded, PATIENCE_S, every=0.1, what="all is folded")
        wait_for(self._all_sent, PATIENCE_S, every=0.2, what="all mails are sent")
        wait_for(self._all_old_gone, PATIENCE_S, every=0.2, what="what is too old is gone")

    def _all_folded(self) -> bool:
        return _asked(lambda: CommitLog.objects.filter(folded=None).exists()) is False

    def _all_sent(self) -> bool:
        _asked(_resend)
        return _asked(lambda: Delivery.objects.exclude(state="sent").exists()) is False

    def _all_old_gone(self) -> bool:
        return _asked(lambda: Call.objects.filter(first_us__lt=NOW - DAY).exists()) is False

    def _upgraded(self) -> bool:
        if not self.migration.running:
            self.migration.start()  # it may have been struck itself
        return bool(_asked(lambda: MigrationRecorder(connection).migration_qs.filter(name=LAST).exists()))

    def _role(self, name: str, role: str, *arguments: str) -> Process:
        return Process(name, lambda: self._start(role, self.version, *arguments))

    def _start(self, role: str, *arguments: str) -> int:
        return self._nursery.start(f"tests.faults.behind.roles:{role}", *arguments, log=self.log)


def _soon(condition: Callable[[], bool]) -> bool:
    """Whether it comes true while it can be waited for."""
    deadline = time.monotonic() + _MEETING_S
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _resend() -> None:
    """What a person does who has mended what the server refused."""
    for refused in list(Delivery.objects.filter(state="failed").values_list("pk", flat=True)):
        outbox.resend(refused)


def _asked(question: Callable[[], T]) -> T | None:
    """What the database says; None where it is hurt."""
    try:
        return question()
    except Error:
        return None
    finally:
        connection.close()


def freeze(process: Process) -> Callable[[], None]:
    """SIGSTOP; what is returned lets it thaw."""
    pid = process.pid
    process.signal(signal.SIGSTOP)

    def thaw() -> None:
        if process.pid == pid and process.running:
            os.kill(pid, signal.SIGCONT)

    return thaw
