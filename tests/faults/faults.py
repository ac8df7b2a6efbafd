"""What can befall a world. Each fault is a function that strikes, and gives what heals it again."""

import os
import random
import resource
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Generic, TypeAlias, TypeVar

import msgspec
import redis
from django.db import OperationalError, connection

from collectors.wire.codec import FIELD, stream
from monitor.models import Partition
from tests.faults.link import Link
from tests.faults.runs import ISOLATED
from tests.faults.world import PARTITIONS, Process, World

W = TypeVar("W", bound=World)
Heal: TypeAlias = Callable[[], None]
Strike: TypeAlias = Callable[[W, random.Random], Heal]


class Fault(msgspec.Struct, Generic[W], frozen=True):
    """A kind of fault: how it strikes, how long it may last (s), and how often it is drawn."""

    strike: Strike[W]
    most_s: float
    weight: int


FAULTS: Final[dict[str, Fault[World]]] = {}


def fault(*, most_s: float, weight: int = 1) -> Callable[[Strike[World]], Strike[World]]:
    """Make a function known as a fault, under its own name."""

    def known(strike: Strike[World]) -> Strike[World]:
        FAULTS[strike.__name__.replace("_", "-")] = Fault(strike, most_s, weight)
        return strike

    return known


# --- processes


@fault(most_s=1.5, weight=4)
def kill_worker(world: World, dice: random.Random) -> Heal:
    """SIGKILL to one that holds partitions, if there is one."""
    return _kill(world, _holder(world, dice))


@fault(most_s=7, weight=2)
def freeze_worker(world: World, dice: random.Random) -> Heal:
    """SIGSTOP to one that holds partitions: its leases run out."""
    return _freeze(world, _holder(world, dice))


@fault(most_s=1.5, weight=3)
def kill_collector(world: World, dice: random.Random) -> Heal:
    """SIGKILL, with whatever it has in memory and in its spool."""
    return _kill(world, dice.choice(world.edges))


@fault(most_s=7, weight=2)
def freeze_collector(world: World, dice: random.Random) -> Heal:
    """SIGSTOP: it falls silent, and comes back with much at once."""
    return _freeze(world, dice.choice(world.edges))


@fault(most_s=0, weight=3)
def two_owners(world: World, dice: random.Random) -> Heal:
    """The leases run out while their holder is at work: another takes them, and both believe they own them."""
    numbers = dice.sample(range(PARTITIONS), dice.randint(1, PARTITIONS))
    try:
        with connection.cursor() as cursor:
            # Who is frozen in a transaction is healed by who would wait here.
            cursor.execute("PRAGMA busy_timeout=500" if connection.vendor == "sqlite" else "SET lock_timeout=500")
        Partition.objects.filter(number__in=numbers).update(lease_until_us=0)
        world.note(f"partitions {sorted(numbers)} are given to whoever comes first")
    except OperationalError as error:
        world.note(f"partitions {sorted(numbers)} stay with whoever has them: {error}")
    finally:
        connection.close()
    return _nothing


# --- the stream store


@fault(most_s=2, weight=2)
def kill_store(world: World, _dice: random.Random) -> Heal:
    """SIGKILL, and a start with its data."""
    world.note("the store is killed")
    world.store.kill()
    return lambda: _start_store(world)


@fault(most_s=4, weight=2)
def freeze_store(world: World, _dice: random.Random) -> Heal:
    """SIGSTOP: it takes connections and does not answer."""
    pid = world.store.pid
    world.note("the store is frozen")
    if world.store.running:
        os.kill(pid, signal.SIGSTOP)

    def heal() -> None:
        if world.store.running and world.store.pid == pid:
            os.kill(pid, signal.SIGCONT)
        world.note("the store thaws")

    return heal


@fault(most_s=2, weight=1)
def lose_store(world: World, _dice: random.Random) -> Heal:
    """SIGKILL, and a start without its data."""
    world.note("the store is killed, and its data lost")
    world.store.kill()
    world.wipe_store()
    return lambda: _start_store(world)


# --- the network


@fault(most_s=3, weight=3)
def cut(world: World, dice: random.Random) -> Heal:
    """Connections are reset, and no new ones made."""
    return _on_link(world, dice, "is cut", Link.cut)


@fault(most_s=4, weight=2)
def hold(world: World, dice: random.Random) -> Heal:
    """What is sent arrives when it is over."""
    return _on_link(world, dice, "holds everything back", Link.hold)


@fault(most_s=4, weight=2)
def half_open(world: World, dice: random.Random) -> Heal:
    """What is sent never arrives, and nobody is told."""
    return _on_link(world, dice, "is half open", Link.half_open)


@fault(most_s=4, weight=3)
def mute(world: World, dice: random.Random) -> Heal:
    """Requests arrive, and answers don't: what was done is not known."""
    return _on_link(world, dice, "brings no answers", Link.mute)


@fault(most_s=3, weight=2)
def slow(world: World, dice: random.Random) -> Heal:
    """Each piece takes its time."""
    delay_s = dice.uniform(0.02, 0.4)
    return _on_link(world, dice, f"takes {delay_s:.2f} s", lambda link: link.slow(delay_s))


@fault(most_s=1, weight=2)
def tear(world: World, dice: random.Random) -> Heal:
    """A request arrives in part, and then the connection is reset."""
    octets = dice.choice((0, 1, 30, 200, 1000, dice.randrange(16_000)))
    return _on_link(world, dice, f"tears after {octets} octets", lambda link: link.tear(octets))


@fault(most_s=3, weight=2)
def sever(world: World, _dice: random.Random) -> Heal:
    """The network itself is gone: TCP sends again what was lost, and nobody is told.

    Where a world has no network of its own, all its links hold.
    """
    alone = bool(os.environ.get(ISOLATED))
    links = [world.ingest_link, *(edge.link for edge in world.edges)]
    if alone:
        subprocess.run(["ip", "link", "set", "lo", "down"], check=True)
    else:
        for link in links:
            link.hold()
    world.note("the network is severed")

    def heal() -> None:
        if alone:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        else:
            for link in links:
                link.mend()
        world.note("the network is whole")

    return heal


# --- disks


@fault(most_s=2, weight=2)
def fill_spool_disk(world: World, dice: random.Random) -> Heal:
    """The disk of a spool is full while the collector needs it."""
    edge = dice.choice(world.edges)
    if dice.random() < 0.5 and edge.disk.can_fill:
        world.note(f"the disk of {edge.name} is full")
        edge.link.cut()
        edge.disk.fill()
        relieve: Heal = edge.disk.free
    else:
        limit = dice.choice((0, 1_000, 20_000))
        world.note(f"no file of {edge.name} may grow beyond {limit} octets")
        edge.link.cut()
        relieve = limit_files(edge, limit)

    def heal() -> None:
        relieve()
        edge.link.mend()
        world.note(f"the disk of {edge.name} has room, its link is mended")

    return heal


@fault(most_s=2, weight=2)
def fill_database_disk(world: World, dice: random.Random) -> Heal:
    """Whoever writes SQLite's files finds no room; PostgreSQL's are not ours to fill."""
    if connection.vendor != "sqlite":
        return _nothing
    if dice.random() < 0.5 and world.database_disk and world.database_disk.can_fill:
        world.note("the disk of the database is full")
        world.database_disk.fill()
        reliefs: list[Heal] = [world.database_disk.free]
    else:
        limit = dice.choice((0, 100_000, 1_000_000))
        world.note(f"no file of the workers may grow beyond {limit} octets")
        reliefs = [limit_files(worker, limit) for worker in world.workers]

    def heal() -> None:
        for relieve in reliefs:
            relieve()
        world.note("there is room for the database")

    return heal


@fault(most_s=2, weight=1)
def fill_store_disk(world: World, _dice: random.Random) -> Heal:
    """The store can't write its journal: it refuses what collectors send."""
    if not world.store_disk.can_fill:  # by a limit of its files it would only be killed
        return _nothing
    world.note("the disk of the store is full")
    world.store_disk.fill()

    def heal() -> None:
        world.store_disk.free()
        world.note("the disk of the store has room")

    return heal


@fault(most_s=3, weight=2)
def kill_with_full_spool(world: World, dice: random.Random) -> Heal:
    """A collector is cut off, and killed with all that has come together in its spool."""
    edge = dice.choice(world.edges)
    world.note(f"the link of {edge.name} is cut")
    edge.link.cut()

    def heal() -> None:
        world.note(f"{edge.name} is killed with {edge.spooled} octets in its spool")
        edge.kill()
        edge.link.mend()
        edge.start()

    return heal


@fault(most_s=0, weight=2)
def cut_spool(world: World, dice: random.Random) -> Heal:
    """A collector that holds something dies, and of a file of its spool only the first octets are left."""
    edge = dice.choice(world.edges)
    edge.link.cut()
    edge.kill()
    files = sorted(edge.spool.glob("*.spool"))
    if files:
        path = dice.choice(files)
        octets = dice.randrange(path.stat().st_size + 1)
        os.truncate(path, octets)
        world.note(f"{edge.name} is killed, {path.name} cut to {octets} octets")
    else:
        world.note(f"{edge.name} is killed; it had no spool")

    def heal() -> None:
        edge.link.mend()
        edge.start()
        world.note(f"{edge.name} starts again")

    return heal


# --- poison


@fault(most_s=0, weight=2)
def poison(world: World, dice: random.Random) -> Heal:
    """Something that is no batch comes into a stream."""
    data = dice.choice((b"", b"no batch at all", dice.randbytes(200), b"\x28\xb5\x2f\xfd" + dice.randbytes(30)))
    field = dice.choice((FIELD, FIELD, b"other"))
    number = dice.randrange(PARTITIONS)
    with suppress(redis.RedisError), world.store.client(socket_timeout=0.3) as client:
        client.xadd(stream(number), {field: data})
        world.note(f"poison for partition {number}")
    return _nothing


# --- how


def _nothing() -> None:
    """It is over at once."""


def _kill(world: World, process: Process) -> Heal:
    world.note(f"{process.name} is killed")
    process.kill()

    def heal() -> None:
        process.start()
        world.note(f"{process.name} starts again")

    return heal


def _freeze(world: World, process: Process) -> Heal:
    world.note(f"{process.name} is frozen")
    pid = process.pid
    process.signal(signal.SIGSTOP)

    def heal() -> None:
        if process.pid == pid:
            process.signal(signal.SIGCONT)
        world.note(f"{process.name} thaws")

    return heal


def _holder(world: World, dice: random.Random) -> Process:
    owners = Partition.objects.exclude(owner="").values_list("owner", flat=True)
    holders = {int(owner.split(":")[-2]) for owner in owners}
    connection.close()
    return dice.choice([worker for worker in world.workers if worker.pid in holders] or world.workers)


def _start_store(world: World) -> None:
    if not world.store.running:
        world.store.start()
    world.note("the store starts again")


def _on_link(world: World, dice: random.Random, what: str, action: Callable[[Link], None]) -> Heal:
    links = [("the workers", world.ingest_link), *((edge.name, edge.link) for edge in world.edges)]
    name, link = dice.choice(links)
    world.note(f"the link of {name} {what}")
    action(link)

    def heal() -> None:
        link.mend()
        world.note(f"the link of {name} is mended")

    return heal


def limit_files(process: Process, octets: int) -> Heal:
    """As if the disk were full from there on, for whoever may not mount one."""
    return _limit_files(process.pid, octets) if process.running else _nothing


def _limit_files(pid: int, octets: int) -> Heal:
    _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (octets, most))

    def relieve() -> None:
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))

    return relieve
