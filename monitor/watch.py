"""`offhook watch`: folds what ingest committed, and commits what that means: alerts, deliveries, figures.

One turn: read what is not folded, fold it, and write in one transaction the marks, the alerts, the
outbox and the own row. Then, and only then, ring Celery and tell the browsers. Whatever fails before
the commit leaves the database as it was; the memory is dropped and restored from there. An entry on which
our own code fails, or whose outcome the database refuses, is tried again by itself, and then set aside.
"""

import logging
import signal
import threading
import time
from typing import Final, Protocol

import msgspec
from django.db import Error, connection, transaction

from collectors.sip.timers import SECOND
from monitor.announce import Announcer, Touched
from monitor.conf import load
from monitor.core.metrics import Metrics
from monitor.core.overview import NO_PARTITION, Overview, horizon_us
from monitor.core.updates import Committed
from monitor.garbage import keep_pauses_short
from monitor.ingest.patience import Patience
from monitor.models import Partition
from monitor.overview.bell import POLL_S, Bell
from monitor.overview.lease import FencedError, Lease
from monitor.overview.restore import restored
from monitor.overview.ringer import Ringer, ring_celery
from monitor.overview.suspects import Suspects
from monitor.services import alerts, commit_log, database, subjects
from monitor.services.schema import OtherSchemaError
from monitor.services.sql import big
from monitor.watchdog import Watchdog

log = logging.getLogger(__name__)

# Rows of the log that one commit folds. After an outage many wait: alerts are told of with the end of each bite, which
# takes some tenths of a second.
BITE: Final = 500
# One frame a commit, and ten frames a second at most.
PACE_S: Final = 0.1
# With nobody reporting, time passes by this process's clock, as far as ingest is there to say so.
TICK_S: Final = 2.0
SPARE_S: Final = 1.0
KEPT_US: Final = 2 * horizon_us()  # of the log: twice what a restart folds again
_TIDY_S: Final = 60.0


class RefusedError(Exception):
    """The database is there, and what came of some entries could not be found out, or not be written."""


class Outlet(Protocol):
    """Who hears of a commit, once it is one."""

    def announce(self, sequence: int, metrics: Metrics, touched: Touched) -> None:
        """Tell the pages."""


class Watcher:
    """The overview's wheel. `turn` does one step; `run` turns until it is told to stop."""

    def __init__(self, bell: Bell, ringer: Ringer, outlet: Outlet, lease: Lease | None = None) -> None:
        self._bell = bell
        self._ringer = ringer
        self._outlet = outlet
        self._lease = lease or Lease()
        self._overview: Overview | None = None
        self._suspects = Suspects(BITE)
        self._watchdog = Watchdog()
        self._last_fold = self._last_tidy = time.monotonic()

    def run(self, stop: threading.Event) -> None:
        """Turn until `stop` is set; what goes wrong with the database is waited out."""
        patience = Patience()
        while not stop.is_set():
            self._watchdog.alive()
            began = time.monotonic()
            try:
                waited = self.turn()
            except FencedError:
                log.warning("another overview took over; this one stands by")
                self._overview = None
            except OtherSchemaError as error:
                self._overview = None
                stop.wait(patience.failed("standing by", error))
            except (Error, RefusedError) as error:
                self._overview = None
                connection.close()
                what = (
                    "what was committed can't be folded" if isinstance(error, RefusedError) else "the database is away"
                )
                stop.wait(patience.failed(what, error))
            else:
                patience.succeeded()
                if not waited:
                    stop.wait(max(0.0, began + PACE_S - time.monotonic()))
        self.release()

    def turn(self) -> bool:
        """One step; returns whether it waited for something to do."""
        if self._overview is None and not self._start():
            self._bell.wait(SPARE_S)
            return True
        self._tidy()
        entries = commit_log.unfolded(self._suspects.bite)
        if entries:
            self._take(entries)
            return False
        if tick := self._tick():
            self._commit([], tick)
            return False
        self._lease.renew(_clock_us())
        self._bell.wait(POLL_S)
        return True

    def release(self) -> None:
        """Leave, so that the spare needs not wait."""
        self._overview = None
        try:
            self._lease.release()
        except Error as error:
            log.warning("the lease could not be given back, it runs out by itself: %s", error)

    def _start(self) -> bool:
        now_us = _clock_us()
        if not self._lease.acquire(now_us):
            return False
        began = time.monotonic()
        self._overview = restored(now_us, self._still_here, limits=load().thresholds.limits)
        log.info("watching from commit %d, restored in %.1f s", self._lease.sequence, time.monotonic() - began)
        return True

    def _still_here(self) -> None:
        # A restore may take longer than the lease, and than the supervisor waits for a sign of life.
        self._watchdog.alive()
        self._lease.renew(_clock_us())

    def _take(self, entries: list[commit_log.Entry]) -> None:
        """Fold and commit, or set aside what has failed twice by itself."""
        if reason := self._suspects.guilty(entries[0].id):
            self._set_aside(entries[0], reason)
        else:
            try:
                self._commit(entries)
            except (FencedError, OtherSchemaError):
                raise
            except Exception as error:  # one bad entry must not end all alerting: it is found and set aside
                if isinstance(error, Error) and database.is_away(error):
                    raise
                log.exception("entries %d to %d of the commit log can't be folded", entries[0].id, entries[-1].id)
                self._suspects.failed([entry.id for entry in entries], error)
                raise RefusedError(f"{type(error).__name__}: {error}") from error
        self._suspects.took()

    def _set_aside(self, entry: commit_log.Entry, reason: str) -> None:
        now_us = _clock_us()
        log.error("entry %d of the commit log is set aside: it can't be folded", entry.id)
        with transaction.atomic():
            sequence = self._lease.commit(now_us)
            commit_log.set_aside(entry, reason, now_us)
        self._lease.committed(sequence)

    def _commit(self, entries: list[commit_log.Entry], tick: Committed | None = None) -> None:
        overview = self._overview
        assert overview is not None, "only a started watcher commits"  # noqa: S101 - `turn` sees to it
        commits = [entry.committed for entry in entries] or ([tick] if tick else [])
        try:
            decisions = [decision for committed in commits for decision in overview.feed(committed)]
            metrics = overview.metrics()
            now_us = _clock_us()
            columns = {"watermark_us": big(metrics.at_us), "metrics": msgspec.to_builtins(metrics)}
            with transaction.atomic():
                sequence = self._lease.commit(now_us, **columns)
                commit_log.mark(entries, sequence)
                if tick:
                    commit_log.append(tick, now_us, folded=sequence)
                applied = alerts.apply(decisions, now_us)
                subjects.apply(overview.subjects())
        except BaseException:
            self._overview = None  # it has folded what was not committed
            raise
        self._lease.committed(sequence)
        self._last_fold = time.monotonic()
        self._ringer.ring(applied.deliveries)
        self._outlet.announce(sequence, metrics, Touched.by(commits, applied.alerts))

    def _tick(self) -> Committed | None:
        """Time as an entry of the log, so that a later fold sees it pass at the same place."""
        if time.monotonic() - self._last_fold < TICK_S:
            return None
        now_us = _clock_us()
        if not Partition.objects.filter(lease_until_us__gt=now_us).exists():
            return None  # nobody listens to the collectors: that nothing comes says nothing of them
        return Committed(NO_PARTITION, now_us - int(TICK_S * SECOND), [])

    def _tidy(self) -> None:
        """Now and then: forget what no fold needs any more."""
        if time.monotonic() - self._last_tidy < _TIDY_S:
            return
        self._last_tidy = time.monotonic()
        commit_log.forget(_clock_us() - KEPT_US)
        alerts.forget_cleared()


def run() -> int:
    """Watch until SIGTERM or SIGINT; returns the exit code. Django is set up."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    bell, ringer, announcer = Bell(load().bus_url), Ringer(ring_celery), Announcer()
    keep_pauses_short()
    try:
        Watcher(bell, ringer, announcer).run(stop)
    finally:
        bell.close()
        ringer.close()
        announcer.close()
    return 0


def _clock_us() -> int:
    return database.now_us()
