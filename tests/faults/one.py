"""One world, from its seed to its account: a process of its own, started by `tests.faults.runs`."""

import json
import os
import shutil
import sys
import tempfile
import traceback
from pathlib import Path

import django
from django.core.management import call_command

from tests.faults.disk import Disk

_TAIL = 3_000  # characters of its log


def main(seed: str, seconds: str, database_url: str, only: str = "") -> int:
    """Live through it and say how it ended, as JSON on stdout; 1 when something is wrong."""
    folder = Path(tempfile.mkdtemp(prefix="offhook-world-"))
    disk = Disk(folder / "database", 32 * 1024 * 1024)
    environment = {
        "DJANGO_SETTINGS_MODULE": "monitor.settings",
        "OFFHOOK_STATE_DIR": str(folder),
        "OFFHOOK_DATABASE_URL": database_url or f"sqlite:///{disk.folder}/offhook.sqlite3",
        "OFFHOOK_PARTITIONS": "4",
    }
    os.environ |= environment
    django.setup()
    # Both read the settings.
    from tests.faults.life import survive
    from tests.faults.plan import plan

    try:
        call_command("migrate", interactive=False, verbosity=0)
        chosen = frozenset(filter(None, only.split(",")))
        told = survive(plan(seed, float(seconds), chosen), folder, dict(os.environ), disk)
    except Exception:  # noqa: BLE001 - whoever started it reads this, and not a terminal
        told = {"problems": [traceback.format_exc()]}
    finally:
        log = folder / "log"
        tail = log.read_text(errors="replace")[-_TAIL:] if log.exists() else ""
        disk.close()
        shutil.rmtree(folder, ignore_errors=True)
    json.dump({"seed": seed, **told, "log": tail if told["problems"] else ""}, sys.stdout)
    return 1 if told["problems"] else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
