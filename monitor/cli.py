"""`offhook`: the command line of the server. Imports lazily, so that `offhook analyze` needs no Django."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence

Action = Callable[[argparse.Namespace], int]

WRONG_USAGE = 2  # also of a wrong configuration: trying again does not help


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code: 0 done, 1 failed, 2 wrong usage or configuration."""
    from monitor.conf import ConfigError

    arguments = _parser().parse_args(argv)
    run: Action = arguments.run
    try:
        return run(arguments)
    except ConfigError as error:
        for problem in error.problems:
            print(f"offhook: {problem}", file=sys.stderr)
        return WRONG_USAGE
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="offhook",
        description="Watches SIP signaling and says what fails and why, while the call is still failing.",
        epilog="Settings are environment variables (OFFHOOK_…): see docs/configuration.md.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, run: Action, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        added.set_defaults(run=run)
        return added

    command("web", _web, "serve the dashboard: pages and the live socket")
    command("migrate", _migrate, "create the database's tables, or bring them up to date")
    return parser


def _django() -> None:
    """Configure Django; raises `ConfigError` when the environment is wrong."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "monitor.settings")
    import django

    django.setup()


def _web(_arguments: argparse.Namespace) -> int:
    import uvicorn

    from monitor.conf import load

    config = load()
    uvicorn.run(
        "monitor.asgi:application",
        host=config.bind,
        port=config.port,
        log_level=config.log_level.lower(),
        access_log=False,
        lifespan="off",
        ws="websockets-sansio",
        # Frames are small and already coalesced; compressing costs more than it saves.
        ws_per_message_deflate=False,
    )
    return 0


def _migrate(_arguments: argparse.Namespace) -> int:
    _django()
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
