"""The disks that the server writes to: how large they are, and what is free."""

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection


def disks() -> list[dict[str, Any]]:
    """One value a disk: {"name", "path", "octets", "free"}. PostgreSQL's own is its server's to watch."""
    paths = {"state directory": Path(settings.CONFIG.state_dir)}
    if connection.vendor == "sqlite":
        paths["database"] = Path(connection.settings_dict["NAME"]).parent
    found: dict[int, dict[str, Any]] = {}
    for name, path in paths.items():
        try:
            device, disk = path.stat().st_dev, os.statvfs(path)
        except OSError:  # it is not there: whoever needs it says so
            continue
        of_it = found.setdefault(device, {"name": name, "path": str(path)})
        of_it |= {"octets": disk.f_blocks * disk.f_frsize, "free": disk.f_bavail * disk.f_frsize}
    return list(found.values())
