"""What can befall a house, beside what can befall any world."""

import random
from collections.abc import Callable
from typing import Final

from tests.faults.behind.house import House, freeze
from tests.faults.faults import Fault, Heal, Strike, limit_files
from tests.faults.world import Process

FAULTS: Final[dict[str, Fault[House]]] = {}


def fault(*, most_s: float, weight: int = 1) -> Callable[[Strike[House]], Strike[House]]:
    """Make a function known as a fault, under its own name."""

    def known(strike: Strike[House]) -> Strike[House]:
        FAULTS[strike.__name__.replace("_", "-")] = Fault(strike, most_s, weight)
        return strike

    return known


# --- processes


@fault(most_s=1, weight=5)
def kill_overview(house: House, _dice: random.Random) -> Heal:
    """SIGKILL to the one that works."""
    return _kill(house, house.active)


@fault(most_s=8, weight=2)
def freeze_overview(house: House, _dice: random.Random) -> Heal:
    """SIGSTOP to the one that works: the spare takes over, and it thaws in the midst of whatever it did."""
    return _freeze(house, house.active)


@fault(most_s=0, weight=4)
def two_overviews(house: House, _dice: random.Random) -> Heal:
    """The lease runs out while its holder works: the spare takes over, and both believe that they are active."""
    house.note("the overview is given to whoever comes first")
    house.give_away()
    return _nothing


@fault(most_s=1, weight=4)
def kill_mailer(house: House, dice: random.Random) -> Heal:
    """SIGKILL to a Celery worker, in the midst of a mail if it sends one."""
    return _kill(house, dice.choice(house.mailers))


@fault(most_s=6, weight=2)
def freeze_mailer(house: House, dice: random.Random) -> Heal:
    """SIGSTOP: its claims run out, and it thaws with a mail half sent."""
    return _freeze(house, dice.choice(house.mailers))


@fault(most_s=3, weight=2)
def kill_beat(house: House, dice: random.Random) -> Heal:
    """Nobody sweeps, or only the other."""
    return _kill(house, dice.choice(house.beats))


@fault(most_s=1, weight=1)
def kill_worker(house: House, dice: random.Random) -> Heal:
    """SIGKILL to an ingest worker."""
    return _kill(house, dice.choice(house.workers))


# --- the mail server


@fault(most_s=3, weight=3)
def post_away(house: House, _dice: random.Random) -> Heal:
    """Nobody listens."""
    house.note("the mail server is away")
    house.post.leave()

    def heal() -> None:
        house.post.come_back()
        house.note("the mail server is back")

    return heal


@fault(most_s=0, weight=3)
def post_refuses(house: House, dice: random.Random) -> Heal:
    """It refuses some mails, for now or for good."""
    answer = dice.choice(("451 4.3.0 try again later", "421 4.3.2 going down", "554 5.7.1 not this one"))
    times = dice.randint(1, 8)
    house.note(f"the mail server says {times} times {answer}")
    house.post.refuse(answer, times)
    return _nothing


@fault(most_s=0, weight=3)
def post_is_slow(house: House, dice: random.Random) -> Heal:
    """It takes its time for some mails, sometimes more than it has."""
    delay_s, times = dice.choice((0.3, 1.5, 5.0)), dice.randint(1, 4)
    house.note(f"the mail server takes {delay_s} s for {times} mails")
    house.post.delays_s += [delay_s] * times
    return _nothing


@fault(most_s=0, weight=3)
def post_breaks(house: House, dice: random.Random) -> Heal:
    """Connections break after so many octets, mostly in the midst of a mail."""
    octets = [dice.choice((0, 50, 150, 1_000, dice.randrange(20_000))) for _ in range(dice.randint(1, 8))]
    house.note(f"connections to the mail server break after {octets} octets")
    house.post.cuts += octets
    return _nothing


@fault(most_s=0, weight=4)
def post_does_not_say(house: House, dice: random.Random) -> Heal:
    """It takes mails, and nobody hears that it did."""
    times = dice.randint(1, 6)
    house.note(f"the mail server takes {times} mails without a word")
    house.post.unsaid += times
    return _nothing


# --- the bus


@fault(most_s=2, weight=2)
def kill_bus(house: House, _dice: random.Random) -> Heal:
    """SIGKILL, and a start with its data."""
    house.note("the bus is killed")
    house.bus.kill()
    return _bus_starts(house)


@fault(most_s=2, weight=2)
def lose_bus(house: House, _dice: random.Random) -> Heal:
    """SIGKILL, and a start without its data."""
    house.note("the bus is killed, and its data lost")
    house.bus.wipe()
    return _bus_starts(house)


@fault(most_s=3, weight=2)
def freeze_bus(house: House, _dice: random.Random) -> Heal:
    """SIGSTOP: it takes connections and does not answer."""
    house.note("the bus is frozen")
    return house.freeze_bus()


# --- the database


@fault(most_s=0, weight=4)
def end_sessions(house: House, dice: random.Random) -> Heal:
    """PostgreSQL ends sessions, in whatever they are at."""
    if house.database.is_well:
        share = dice.choice((0.3, 1.0))
        house.note(f"{share:.0%} of all sessions are ended")
        _end_sessions(house, share)
    return _nothing


@fault(most_s=1, weight=2)
def crash_database(house: House, _dice: random.Random) -> Heal:
    """PostgreSQL goes down at once, in the midst of commits, and recovers."""
    cluster = house.database.cluster
    if cluster is None or not house.database.is_well:
        return _nothing
    house.note("the database crashes")
    cluster.crash()

    def heal() -> None:
        house.database.mend()
        house.note("the database is back")

    return heal


@fault(most_s=2, weight=2)
def read_only_database(house: House, _dice: random.Random) -> Heal:
    """It takes nothing, as a standby that was connected to in a fail-over."""
    if not house.database.is_well:
        return _nothing
    house.note("the database is read-only")
    house.database.administer("ALTER DATABASE house SET default_transaction_read_only = on")
    _end_sessions(house, 1.0)

    def heal() -> None:
        house.database.mend()
        house.database.administer("ALTER DATABASE house RESET default_transaction_read_only")
        _end_sessions(house, 1.0)
        house.note("the database takes again")

    return heal


@fault(most_s=4, weight=2)
def fill_cluster_disk(house: House, _dice: random.Random) -> Heal:
    """PostgreSQL finds no room: its tables can't grow, and where its log can't either, it goes down."""
    cluster, disk = house.database.cluster, house.database.disk
    if cluster is None or not disk.can_fill:
        return _nothing
    house.note("the disk of the database is full")
    disk.fill()

    def heal() -> None:
        said = "ingest waits" if house.says("No space left on device") else "nobody has met it"
        runs = "runs" if cluster.running else "went down, and is started"
        house.database.mend()
        house.note(f"{said}; there is room again; PostgreSQL {runs}")

    return heal


@fault(most_s=1, weight=3)
def answers_get_lost(house: House, _dice: random.Random) -> Heal:
    """What is asked of the database is done, and nobody hears it: a COMMIT may or may not be one."""
    link = house.database.link
    if link is None:
        return _nothing
    house.note("the database's answers get lost")
    link.mute()

    def heal() -> None:
        link.mend()
        house.note("the link to the database is mended")

    return heal


@fault(most_s=4, weight=4)
def lock_database(house: House, _dice: random.Random) -> Heal:
    """Another writer holds SQLite's file for long."""
    if house.database.cluster:
        return _nothing
    house.note("another writer has the database")
    free = house.database.lock()

    def heal() -> None:
        free()
        house.note("the other writer is done")

    return heal


@fault(most_s=2, weight=3)
def fill_disk(house: House, dice: random.Random) -> Heal:
    """Who writes SQLite's files finds no room."""
    if house.database.cluster:
        return _nothing
    octets = dice.choice((0, 100_000, 1_000_000))
    house.note(f"no file may grow beyond {octets} octets")
    reliefs = [limit_files(process, octets) for process in (*house.overviews, *house.mailers, *house.workers)]

    def heal() -> None:
        for relieve in reliefs:
            relieve()
        house.note("there is room again")

    return heal


# --- an upgrade


def upgrade(house: House, _dice: random.Random) -> Heal:
    """The tables are changed for the next version while this one works; later, all that runs is replaced."""
    house.note("offhook migrate of the next version")
    house.migrate()

    def heal() -> None:
        house.replace()
        house.note("all that runs is the next version's")

    return heal


# It befalls a house once, or not at all: whoever makes the plan says so.
UPGRADE: Final = {"upgrade": Fault(upgrade, 3, 0)}


# --- how


def _nothing() -> None:
    """It is over at once."""


def _kill(house: House, process: Process) -> Heal:
    house.note(f"{process.name} is killed")
    process.kill()

    def heal() -> None:
        process.start()
        house.note(f"{process.name} starts again")

    return heal


def _freeze(house: House, process: Process) -> Heal:
    house.note(f"{process.name} is frozen")
    thaw = freeze(process)

    def heal() -> None:
        thaw()
        house.note(f"{process.name} thaws")

    return heal


def _bus_starts(house: House) -> Heal:
    house.bus_was_hurt = True

    def heal() -> None:
        if not house.bus.running:
            house.bus.start()
        house.note("the bus starts again")

    return heal


def _end_sessions(house: House, share: float) -> None:
    others = "datname = 'house' AND application_name <> 'world'"
    house.database.administer(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others} AND random() < {share}"
    )
