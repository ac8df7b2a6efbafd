"""`offhook up`: everything on one machine, in the state directory, until it is told to stop."""

import asyncio
import contextlib
import os
import sys
from pathlib import Path

from collectors.receivers.interface import may_capture
from monitor.conf import Config, load
from monitor.up.console import Console
from monitor.up.plan import plan
from monitor.up.state import StateError, StateLock, require_free, require_room_for_sockets
from monitor.up.supervisor import Supervisor
from monitor.up.traffic import how_to_capture, traffic

FAILED = 1
# After so long without an answer somebody who waits is told that it goes on.
PATIENCE_S = 20.0


def run(argument: str | None) -> int:
    """Returns the exit code: 0 after a clean stop, 1 when it can't start here. Raises `ConfigError`."""
    config = load()
    try:
        return _run(config, argument)
    except StateError as error:
        print(f"offhook: {error}", file=sys.stderr)
        return FAILED


def _run(config: Config, argument: str | None) -> int:
    source = traffic(argument)
    require_room_for_sockets(config.state_dir)
    capturing = not source.live or may_capture()
    with StateLock(config.state_dir):
        require_free(config.bind, config.port)
        programs = plan(config, source if capturing else None)
        password = _prepare_database()
        colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        console = Console([program.name for program in programs], colour=colour)
        greeting = Greeting(console, config, password, [] if capturing else how_to_capture(argument))
        supervisor = Supervisor(programs, console=console, state_dir=config.state_dir)
        try:
            asyncio.run(supervisor.run(started=greeting.when_ready))
        finally:
            greeting.last_chance()
    print("offhook: stopped")
    return 0


def _prepare_database() -> str | None:
    """Tables up to date; returns the password of the administrator that the first start makes."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "monitor.settings")
    import django

    django.setup()
    from django.db import connections
    from django.db.utils import OperationalError

    from monitor.services import schema
    from monitor.services.accounts import create_first_admin

    try:
        schema.migrate()
        return create_first_admin()
    except schema.NewerSchemaError as error:
        raise StateError(str(error)) from error
    except OperationalError as error:
        raise StateError(f"the database can't be used: {str(error).strip()}") from error
    finally:
        connections.close_all()


class Greeting:
    """The box with the address, and on the first start the account: shown once, whatever happens."""

    def __init__(self, console: Console, config: Config, password: str | None, notes: list[str]) -> None:
        self._console = console
        self._config = config
        self._password = password
        self._notes = notes
        self._said = False

    async def when_ready(self) -> None:
        """Say it as soon as the web server listens, so that it stands below the start's log."""
        listening = asyncio.ensure_future(self._web_listens())
        try:
            while not (await asyncio.wait((listening,), timeout=PATIENCE_S))[0]:
                self._console.line("web", "is starting; the address follows as soon as it answers")
        finally:
            listening.cancel()
        self._say(f"Offhook is at  {self._config.public_url}")

    def last_chance(self) -> None:
        """Nobody must be left without the password that was made."""
        if self._password and not self._said:
            self._say("Stopped before the web server had started.")

    def _say(self, first: str) -> None:
        self._said = True
        lines = [first]
        if self._password:
            lines += [
                "",
                "Log in as      admin",
                f"with password  {self._password}",
                "",
                f"It is shown this once. Another one: {_this_program()} reset-password admin",
            ]
        self._console.box(lines)
        if self._notes:
            self._console.box(self._notes)

    async def _web_listens(self) -> None:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._config.bind, self._config.bind)  # noqa: S104 - compared
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(host, self._config.port)
                writer.close()
                return
            await asyncio.sleep(0.1)


def _this_program() -> str:
    """As it can be typed here: ".venv/bin/offhook"."""
    path = Path(sys.argv[0])
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
