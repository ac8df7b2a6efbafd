"""`offhook`: the command line of the server. Imports lazily, so that `offhook analyze` needs no Django."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from monitor.analyze import arguments as analyze_arguments
from monitor.garbage import loading

Action = Callable[[argparse.Namespace], int]

SERVER_LIBRARIES = frozenset({"celery", "channels", "django", "uvicorn"})
WRONG_USAGE = 2  # also of a wrong configuration: trying again does not help


def command() -> int:
    """As `main`, for a process that does nothing else."""
    return main(None, os._exit)


def main(argv: Sequence[str] | None = None, leave: Callable[[int], int] = int) -> int:
    """Run one command; returns its exit code: 0 done, 1 failed, 2 wrong usage or configuration.

    `leave` takes the code of a command that holds much at its end, and may end the process: nothing is freed then.
    """
    with loading():
        from monitor.conf import ConfigError

        arguments = parser().parse_args(argv)
    arguments.leave = leave
    run: Action = arguments.run
    try:
        return run(arguments)
    except ConfigError as error:
        for problem in error.problems:
            print(f"offhook: {problem}", file=sys.stderr)
        return WRONG_USAGE
    except ModuleNotFoundError as error:
        if error.name not in SERVER_LIBRARIES:
            raise
        print("offhook: this is an installation without the server: pip install 'offhook[server]'", file=sys.stderr)
        return WRONG_USAGE
    except BrokenPipeError:  # whoever read it has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """All commands with their arguments."""
    root = argparse.ArgumentParser(
        prog="offhook",
        description="Watches SIP signaling and says what fails and why, while the call is still failing.",
        epilog="Settings are environment variables (OFFHOOK_…): see docs/configuration.md.",
    )
    root.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = root.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, run: Action, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        added.set_defaults(run=run)
        return added

    up = command("up", _up, "start everything on this machine, and keep it running")
    up.add_argument(
        "traffic",
        nargs="?",
        metavar="TRAFFIC",
        help="sample (built-in traffic), an interface, a capture file, or hep (what SIP servers send); "
        "without it: live, all interfaces",
    )
    analyze = command("analyze", _analyze, "say what went wrong in a capture file, as a report or as JSON")
    analyze_arguments.add_arguments(analyze)
    analyze.description, analyze.epilog = analyze_arguments.DESCRIPTION, analyze_arguments.EPILOG
    explaining = command("explain", _explain, "say what a finding or a status code means, why it happens, what to do")
    explaining.add_argument(
        "topic", nargs="?", metavar="CODE|STATUS", help="missing-ack, 503, …; without it: a list of all"
    )
    command("web", _web, "serve the dashboard: pages and the live socket")
    command("correlate", _correlate, "read the streams, correlate, and write what comes of it (one or many)")
    command("watch", _watch, "turn what was committed into alerts, mails and live pages (one works, others wait)")
    again = command(
        "replay-dead-letters",
        _on_database(_replay_dead_letters),
        "take entries that were set aside through ingest once more, when what failed on them is mended",
    )
    again.add_argument("ids", nargs="*", type=int, metavar="ID", help="as the page Collectors has them; all without it")
    command("migrate", _on_database(_migrate), "create the database's tables, or bring them up to date")
    command("check", _check, "check the configuration, the database and the stream store")
    mail = command(
        "send-test-email",
        _on_database(_send_test_email),
        "send a mail as alerts send theirs, and say what became of it",
    )
    mail.add_argument("--to", default="", metavar="ADDRESS", help="instead of everybody who gets alert mails")
    create = command("create-admin", _on_database(_create_admin), "make an administrator, and print the password")
    create.add_argument("username", nargs="?", default="admin", help="admin, when not given")
    reset = command("reset-password", _on_database(_reset_password), "give an account a new password, and print it")
    reset.add_argument("username")
    return root


class _Version(argparse.Action):
    """Prints the version, which takes a while to find."""

    def __call__(self, parser: argparse.ArgumentParser, *_said: object) -> None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"offhook {version('offhook')}")
        except PackageNotFoundError:
            print("offhook from a source tree that is not installed")
        parser.exit()


def _django() -> None:
    """Configure Django; raises `ConfigError` when the environment is wrong."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "monitor.settings")
    import django
    from django.apps import apps

    if not apps.ready:
        django.setup()


def _on_database(action: Action) -> Action:
    """The action with Django set up; a database that can't be used is one line on standard error, and code 1."""

    def run(arguments: argparse.Namespace) -> int:
        _django()
        from django.db.utils import DatabaseError

        try:
            return action(arguments)
        except DatabaseError as error:
            # Drivers' messages name host, port and user, and never the password.
            reason = " ".join(str(error).split())
            print(f"offhook: the database can't be used: {reason} (offhook check says more)", file=sys.stderr)
            return 1

    return run


def _up(arguments: argparse.Namespace) -> int:
    from monitor.up.command import run

    return run(arguments.traffic)


def _analyze(arguments: argparse.Namespace) -> int:
    with loading():
        from monitor.analyze.cli import execute

    return execute(arguments, arguments.leave)


def _explain(arguments: argparse.Namespace) -> int:
    from monitor.knowledge import explain

    if arguments.topic is None:
        print(explain.overview())
        return 0
    text = explain.explain(arguments.topic)
    if text is None:
        near = explain.alike(arguments.topic)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        print(f"offhook: nothing is known of {arguments.topic!r}{hint} (offhook explain lists all)", file=sys.stderr)
        return WRONG_USAGE
    print(text)
    return 0


def _web(_arguments: argparse.Namespace) -> int:
    import uvicorn

    from monitor.conf import load

    config = load()
    uvicorn.run(
        "monitor.asgi:application",
        host=config.bind,
        port=config.port,
        log_config=None,  # Django's: one form of line for all processes
        access_log=False,
        lifespan="off",
        ws="websockets-sansio",
        # Frames are small and already coalesced; compressing costs more than it saves.
        ws_per_message_deflate=False,
    )
    return 0


def _correlate(_arguments: argparse.Namespace) -> int:
    _django()
    from monitor.conf import load
    from monitor.ingest.shell import run

    return run(load())


def _watch(_arguments: argparse.Namespace) -> int:
    _django()
    from monitor.watch import run

    return run()


def _migrate(_arguments: argparse.Namespace) -> int:
    from monitor.services import schema

    try:
        schema.migrate(verbosity=1)
    except schema.NewerSchemaError as error:
        print(f"offhook: {error}", file=sys.stderr)
        return 1
    return 0


def _replay_dead_letters(arguments: argparse.Namespace) -> int:
    from monitor.conf import load
    from monitor.ingest.dead_letters import replay
    from monitor.ingest.stream import StoreAway

    try:
        count = replay(load().stream_url, arguments.ids or None)
    except StoreAway as error:
        print(f"offhook: the stream store can't be used: {error} (offhook check says more)", file=sys.stderr)
        return 1
    print(f"{count} dead letters are on their way through ingest; what fails again is kept")
    return 0


def _check(_arguments: argparse.Namespace) -> int:
    _django()
    from monitor.doctor import examine

    problems = examine()
    for problem in problems:
        print(f"offhook: {problem}", file=sys.stderr)
    if not problems:
        print("all well")
    return 1 if problems else 0


def _send_test_email(arguments: argparse.Namespace) -> int:
    from monitor.notify.trial import send_test_email

    trial = send_test_email(arguments.to)
    print("\n".join(trial.lines), file=sys.stdout if trial.arrived else sys.stderr)
    return 0 if trial.arrived else 1


def _create_admin(arguments: argparse.Namespace) -> int:
    from monitor.services.accounts import create_admin

    return _print_password(create_admin, arguments.username)


def _reset_password(arguments: argparse.Namespace) -> int:
    from monitor.services.accounts import reset_password

    return _print_password(reset_password, arguments.username)


def _print_password(make: Callable[[str], str], username: str) -> int:
    from monitor.services.accounts import AccountError

    try:
        password = make(username)
    except AccountError as error:
        print(f"offhook: {error}", file=sys.stderr)
        return 1
    print(f"{username}: {password}")
    return 0


if __name__ == "__main__":
    sys.exit(command())
