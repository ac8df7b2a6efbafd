"""The ingest worker: leases partitions, reads their streams, correlates, commits, again and again.

One cycle: read what follows the offsets, take it, and write what came of it in one transaction for all
partitions; then ring the bell and trim the streams. Whatever fails, the rule is one: what is in memory
and not committed is dropped, and read again from the database and the streams.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeAlias

from django.db import Error, connection

from collectors.wire.codec import BatchError, decode
from collectors.wire.events import Batch
from monitor.core.context import Heard, Peers
from monitor.core.settings import Settings
from monitor.core.updates import RecordKey
from monitor.ingest import archive, dead_letters
from monitor.ingest.archive import Part
from monitor.ingest.attention import Attention
from monitor.ingest.doorbell import Bell
from monitor.ingest.lease import Leases
from monitor.ingest.patience import Patience
from monitor.ingest.shard import Place, Shard
from monitor.ingest.stream import BEGINNING, COUNT, Clock, Entry, StoreAway, Streams, position
from monitor.ingest.suspects import Suspects
from monitor.models import Peer
from monitor.services import schema
from monitor.services.apply_updates import Fenced, apply
from monitor.services.commit import PartitionCommit
from monitor.services.database import is_away
from monitor.services.schema import OtherSchemaError

# Less than the time between two batches of a collector: who has waited for one falls into step with it.
CYCLE_S: Final = 0.08
BLOCK_MS: Final = 500
# Of one cycle; from then on it takes no further entry. Who is behind catches up sooner in larger bites, but what is
# seen in a bite is told of with its end: this one takes a tenth of a second or two.
MOST_EVENTS: Final = 2_000
TEND_S: Final = 1.0  # how often leases and streams are looked after
SPARE_S: Final = 0.3  # and how often by a worker that holds nothing yet

log = logging.getLogger(__name__)


# An entry, its batch, and why it is to be set aside, if it is.
_Read: TypeAlias = tuple[Entry, Batch | None, str | None]


class CommitRefused(Exception):  # noqa: N818 - what happened, in one word
    """The database is there and refuses what came of some entries."""


class Worker:
    """`bell` is where the doorbell hangs: the bus, which may be another server than the streams'.
    `alive` is called at least once in some seconds for as long as it is.
    """

    def __init__(
        self,
        streams: Streams,
        bell: Bell,
        partitions: int,
        settings: Settings | None = None,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        self._streams = streams
        self._bell = bell
        self._partitions = partitions
        self._settings = settings or Settings()
        self._alive = alive
        self._leases = Leases(partitions)
        self._peers = Peers()
        self._shards: dict[int, Shard] = {}
        self._suspects = Suspects()
        self._agreed = False  # with the store, on the number of partitions
        self._attention = Attention()
        self._tended = self._checked = float("-inf")  # time.monotonic()
        self._turn = 0

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop; then give the partitions back.

        Raises `PartitionsDifferError`; waits for everything else.
        """
        patience = Patience()
        while not stop.is_set():
            self._alive()
            begun = time.monotonic()
            try:
                more = self.cycle()
            except StoreAway as error:
                self._agreed = False
                self._attention.forget()
                self._streams.close()
                stop.wait(patience.failed("the stream store is away", error))
            except Error as error:
                if not is_away(error):
                    raise
                self._drop()
                connection.close()
                stop.wait(patience.failed("the database is away", error))
            except OtherSchemaError as error:
                self._drop()
                stop.wait(patience.failed("standing by", error))
            except CommitRefused as error:
                stop.wait(patience.failed("a commit was refused", error))
            except Fenced as error:
                log.warning("%s: dropping what was not committed", error)
                self._drop()
            else:
                patience.succeeded()
                if not more:
                    stop.wait(max(0.0, begun + CYCLE_S - time.monotonic()))
        self._leave()

    # --- one cycle

    def cycle(self) -> bool:
        """One turn. Returns whether there is more to read at once."""
        if time.monotonic() - self._tended > (TEND_S if self._shards else SPARE_S):
            self._tend()
        if not self._shards:
            return False
        if not self._agreed:
            self._streams.fix_partitions(self._partitions)
            self._agreed = True
        # Asked before reading: where nothing comes, all up to this moment was read.
        clocks, asked_s = self._streams.clocks(self._shards), time.monotonic()
        anew = self._attention.turn(clocks)
        if anew:
            self._check({number: clocks[number] for number in anew})
        offsets = {
            # What another server gave out under lower ids, having been behind or slow, must not be passed over.
            # What was taken before is known by the names of its batches.
            number: BEGINNING if number in anew and clock.server else self._shards[number].offset
            for number, clock in clocks.items()
        }
        entries = self._streams.read(offsets, BLOCK_MS)
        if not any(entries.values()) and time.monotonic() - self._checked > TEND_S:
            self._check(clocks)
        more = self._take(entries, clocks)
        took_us = int(1e6 * (time.monotonic() - asked_s))
        self._commit({number: clock.now_us + took_us for number, clock in clocks.items()})
        return more

    def _take(self, entries: dict[int, list[Entry]], clocks: dict[int, Clock]) -> bool:
        """Feed what was read to the shards, within bounds, another one first each time."""
        self._turn += 1
        left, more = MOST_EVENTS, False
        work: list[tuple[Shard, list[_Read]]] = []
        for number in sorted(entries, key=lambda number: (number + self._turn) % self._partitions):
            shard, found = self._shards[number], entries[number]
            if not found:
                shard.idle(clocks[number].now_us, self._attention.since_us(number))
            elif left > 0:
                chosen = found[:1] if self._suspects.careful(number) else found
                read, events = self._open(number, chosen, left)
                work.append((shard, read))
                left -= events
                more = more or len(read) < len(found) or len(found) == COUNT
            else:
                more = True
        self._look_up(work)
        for shard, read in work:
            self._feed(shard, read)
        return more

    def _open(self, number: int, entries: list[Entry], most: int) -> tuple[list[_Read], int]:
        """Entries with at most about so many events, and how many events it were."""
        read: list[_Read] = []
        events = 0
        for entry in entries:
            if entry.again:
                entry = dead_letters.opened(number, entry)
            batch, reason = self._read(number, entry)
            read.append((entry, batch, reason))
            events += batch.size if batch else 0
            if events >= most:
                break
        return read, events

    def _look_up(self, work: list[tuple[Shard, list[_Read]]]) -> None:
        """Ask the database once for all records that these entries may go on with."""
        batches = [[batch for _, batch, reason in read if batch and not reason] for _, read in work]
        unknown = [shard.unknown(some) for (shard, _), some in zip(work, batches, strict=True)]
        since_us = min((shard.remembers_us(some) for (shard, _), some in zip(work, batches, strict=True)), default=0)
        stored = archive.latest(set().union(*unknown), since_us)
        for (shard, _), names in zip(work, unknown, strict=True):
            shard.recalls({name: stored[name] for name in names if name in stored})

    def _feed(self, shard: Shard, read: list[_Read]) -> None:
        """Feed entries to their shard, or set them aside."""
        for entry, batch, reason in read:
            try:
                if entry.again and entry.data is None:
                    shard.pass_over(entry)
                elif batch is None or reason:
                    log.error("partition %d: entry %s is set aside: %s", shard.number, entry.id, reason)
                    shard.set_aside(entry, batch, reason or "")
                elif entry.again:
                    shard.take_again(entry, batch)
                else:
                    shard.take(entry, batch)
            except Error:
                raise
            except Exception as error:  # a bug of ours, whatever it is, must not stop the partition
                log.exception("partition %d: entry %s can't be taken", shard.number, entry.id)
                self._suspects.failed(shard.number, [entry.id], error, shard.watermark_us)
                self._drop([shard.number])
                break

    def _read(self, number: int, entry: Entry) -> tuple[Batch | None, str | None]:
        """The batch of an entry, and why it is to be set aside, if it is."""
        if entry.data is None:
            return None, "the entry has no field 'batch'"
        try:
            batch = decode(entry.data)
        except BatchError as error:
            return None, str(error)
        if batch.partition != number:
            return None, f"a batch for partition {batch.partition}, in the stream of partition {number}"
        return batch, self._suspects.guilty(number, entry.id)

    def _commit(self, now_us: dict[int, int]) -> None:
        """Write what has come together; `now_us` is stream time of each partition that was looked at."""
        shards = [self._shards[number] for number in now_us if number in self._shards]
        commits = [commit for shard in shards if (commit := shard.commit(now_us[shard.number]))]
        if any(self._suspects.careful(commit.number) for commit in commits):
            # One of them can't be written: by themselves, it is known which.
            for commit in commits:
                self._write([commit])
        elif commits:
            self._write(commits)

    def _write(self, commits: list[PartitionCommit]) -> None:
        fresh = self._peers.fresh()
        try:
            apply(commits, fresh)
        except (Fenced, OtherSchemaError):
            raise
        except Exception as error:  # a value that the database refuses
            if isinstance(error, Error) and is_away(error):
                raise
            log.exception("what came of partitions %s can't be written", [commit.number for commit in commits])
            for commit in commits:
                self._suspects.failed(commit.number, self._shards[commit.number].taken, error, commit.watermark_us)
            self._drop()
            raise CommitRefused(str(error)) from error
        self._peers.settled(fresh)
        for commit in commits:
            shard = self._shards[commit.number]
            self._suspects.took(commit.number, len(shard.taken))
            shard.committed(commit)
        try:
            self._bell.ring()
        except StoreAway as error:
            log.info("nobody hears the bell: %s", error)
        self._streams.trim({c.number: c.new_offset for c in commits if c.new_offset != c.old_offset})

    # --- leases, streams, memory

    def _tend(self) -> None:
        """Renew the leases, hold no more than a fair share, and take what is free."""
        self._tended = time.monotonic()
        if not self._leases.epochs:
            schema.require()
            self._leases.prepare()
        self._drop(self._leases.renew())
        share = self._leases.share()
        surplus = sorted(self._shards)[share:]
        if surplus:
            log.info("leaving partitions %s to others", surplus)
            self._leases.release(surplus)
            self._drop(surplus)
        places = self._leases.acquire(share - len(self._leases.epochs))
        if not places:
            return
        begun = time.monotonic()
        self._learn_peers()
        for place in places:
            self._restore(place)
        log.info(
            "took partitions %s with %d open records in %.2f s",
            [place.number for place in places],
            sum(len(shard.correlator) for shard in self._shards.values()),
            time.monotonic() - begun,
        )

    def _restore(self, place: Place) -> None:
        shard = Shard(place, self._partitions, self._settings, self._peers)
        reached_us = self._suspects.reached(place.number)
        for key, parts in self._keeping_leases(archive.open_records(place.number)):
            try:
                if reached_us is not None:
                    shard.try_out(key, parts, reached_us)
                shard.refold(key, parts)
            except Exception:  # a bug of ours, in one record: the others go on
                log.exception("record %s is left out: it can't be taken back into memory", key.slug)
        self._shards[place.number] = shard

    def _keeping_leases(
        self, records: Iterator[tuple[RecordKey, Iterable[Part]]]
    ) -> Iterator[tuple[RecordKey, Iterable[Part]]]:
        for record in records:
            self._alive()
            if time.monotonic() - self._tended > TEND_S:
                self._tended = time.monotonic()
                self._drop(self._leases.renew())
            yield record

    def _learn_peers(self) -> None:
        rows = Peer.objects.values_list("address", "since_us", "answers_us")
        known = {address: Heard(since_us, answers_us) for address, since_us, answers_us in rows}
        for address, heard in known.items():
            self._peers.learn(address, heard)
        self._peers.settled(known)

    def _check(self, clocks: dict[int, Clock]) -> None:
        """A stream that has not come as far as we have was emptied or set back: read it from its beginning."""
        self._checked = time.monotonic()
        for number, last in self._streams.last_ids(clocks).items():
            shard = self._shards[number]
            if position(last) < position(shard.offset):
                log.error("stream %d ends at %s, before our offset %s: the store lost data", number, last, shard.offset)
                shard.reset(clocks[number].now_us)

    def _drop(self, numbers: list[int] | None = None) -> None:
        """Forget partitions (all, when none is named); those still ours are restored when next tended."""
        dropped = [*self._leases.epochs] if numbers is None else numbers
        for number in dropped:
            shard = self._shards.pop(number, None)
            if shard is not None:
                shard.correlator.release()
            self._leases.epochs.pop(number, None)
        if dropped or numbers is None:
            self._tended = float("-inf")

    def _leave(self) -> None:
        try:
            self._leases.leave()
        except Error as error:
            log.warning("the leases run out by themselves: %s", error)
        self._streams.close()
