"""One house, from its seed to its account: a process of its own, started by `tests.faults.runs`."""

import json
import os
import random
import shutil
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any, Final

import django
from django.core.management import call_command

from tests.faults.disk import Disk
from tests.support.postgres import Postgres

_TAIL: Final = 6_000  # characters of its log
POSTGRESQL: Final = "postgresql"
UPGRADED: Final = "upgrade"
QUIET: Final = "quiet"
_CLUSTER_OCTETS: Final = 256 * 1024 * 1024


def main(seed: str, seconds: str, kind: str, only: str = "") -> int:
    """Live through it and say how it ended, as JSON on stdout; 1 when something is wrong.

    `kind` is "postgresql", which it gets a cluster of its own of, or "" for SQLite. `only` these faults,
    with commas; "upgrade" comes once where it is named, and by itself leaves the others in. "quiet": nothing befalls
    it, with two Celery workers and two beats.
    """
    folder = Path(tempfile.mkdtemp(prefix="offhook-house-"))
    disk = Disk(Path(tempfile.gettempdir()) / "cluster", _CLUSTER_OCTETS)
    cluster = Postgres(durable=True, within=disk.folder) if kind == POSTGRESQL else None
    environment = {
        "DJANGO_SETTINGS_MODULE": "monitor.settings",
        "OFFHOOK_STATE_DIR": str(folder),
        "OFFHOOK_DATABASE_URL": cluster.create("house") if cluster else f"sqlite:///{folder}/offhook.sqlite3",
        "OFFHOOK_PARTITIONS": "4",
    }
    # Its own sessions are none that faults end.
    os.environ |= environment | {"PGAPPNAME": "world"}
    django.setup()
    try:
        call_command("migrate", interactive=False, verbosity=0)
        told = _survive(seed, float(seconds), frozenset(filter(None, only.split(","))), folder, cluster, disk)
    except Exception:  # noqa: BLE001 - whoever started it reads this, and not a terminal
        told = {"problems": [traceback.format_exc()]}
    finally:
        log = folder / "log"
        tail = log.read_text(errors="replace")[-_TAIL:] if log.exists() else ""
        shutil.rmtree(folder, ignore_errors=True)
        if cluster:
            cluster.stop()
        disk.close()
    json.dump({"seed": seed, **told, "log": tail if told["problems"] else ""}, sys.stdout)
    return 1 if told["problems"] else 0


def _survive(
    seed: str, seconds: float, only: frozenset[str], folder: Path, cluster: Postgres | None, disk: Disk
) -> dict[str, Any]:
    # These read the settings.
    from tests.faults.account import account
    from tests.faults.behind.account import account as behind
    from tests.faults.behind.faults import FAULTS, UPGRADE
    from tests.faults.behind.house import Database, House
    from tests.faults.life import live
    from tests.faults.plan import Blow, Plan, blows
    from tests.faults.world import Setting

    dice = random.Random(f"{seed}/house")
    known = {name: fault for name, fault in FAULTS.items() if name in only or not only - {UPGRADED}}
    plan = Plan(
        Setting(seed=seed, seconds=seconds, calls_per_second=2.0, workers=dice.choice((1, 2))),
        blows(dice, seed, seconds, known),
    )
    if UPGRADED in only or (not only and dice.random() < 0.3):
        plan.blows.append(Blow(dice.uniform(0.3, seconds / 2), dice.uniform(0.5, 2), UPGRADED, f"{seed}/upgrade"))
    pairs = 2 if QUIET in only else dice.choice((1, 2))
    environment = {name: value for name, value in os.environ.items() if name != "PGAPPNAME"}
    database = Database(cluster, folder / "offhook.sqlite3", disk)
    with House(plan.setting, folder, environment, database, pairs) as house:
        told: dict[str, Any] = {"faults": ", ".join(sorted({blow.name for blow in plan.blows}))}
        try:
            live(house, plan, FAULTS | UPGRADE)
            messages = account(house, frozenset())
            told |= messages._asdict() | behind(house)._asdict()
            told["problems"] = [*messages.problems, *told["problems"]]
            if messages.missing:
                told["problems"].append(f"{messages.missing} messages are missing: {messages.losses}")
        except Exception:  # noqa: BLE001 - whatever goes wrong is told with what befell it
            told["problems"] = [traceback.format_exc()]
        return told | {"notes": [str(plan.setting), *house.notes]}


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
