"""`offhook-collector`: captures SIP on this host and sends it to the server."""

import argparse
import logging
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from collectors.config import OPTIONS, Config, ConfigError, load
from collectors.exporters.base import REFUSED, ExporterError
from collectors.receivers.base import WRONG_USAGE, ReceiverError
from collectors.telemetry import release

EXIT_CODES = """\
exit codes:
  0  it was stopped, or the file is at its end
  1  it failed while it ran: trying again may help
  2  wrong usage or configuration, or a file that is no capture
  3  no such interface, or it is down
  4  no permission to capture
  5  tshark is not installed
  6  the stream store refuses this collector, or the spool can't be used
"""

_RUN_EXAMPLES = f"""\
Each option is also an environment variable: --spool-size is OFFHOOK_COLLECTOR_SPOOL_SIZE.
Arguments come first.

examples:
  offhook-collector run --interface eth0 --stream-url rediss://sip.example.com:6379/0
  offhook-collector run --interface eth0,eth1 --ports 5060-5061,5080 --drop-method OPTIONS
  offhook-collector run --file capture.pcapng --pace 0 --output console
  ssh sbc tcpdump -U -w - udp port 5060 | offhook-collector run --file -
  offhook-collector run --receiver tshark --interface eth0 --key-log /run/sbc/tls.keys
  offhook-collector run --receiver hep --listen udp:0.0.0.0:9060 --allow 192.0.2.0/24

{EXIT_CODES}"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code (`EXIT_CODES`)."""
    arguments = parser().parse_args(argv)
    try:
        if arguments.command == "interfaces":
            return _interfaces()
        config = load(_given(arguments))
        logging.basicConfig(level=config.log_level, format="%(levelname)-7s %(name)s: %(message)s")
        run: Callable[[Config], int] = _check if arguments.command == "check" else _run
        return run(config)
    except ConfigError as error:
        for problem in error.problems:
            _complain(problem)
        return WRONG_USAGE
    except (ReceiverError, ExporterError) as error:
        _complain(str(error))
        return error.code
    except BrokenPipeError:
        # Whoever read our lines has had enough of them.
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """All commands with their arguments."""
    root = argparse.ArgumentParser(
        prog="offhook-collector",
        description="Captures SIP signaling on this host and sends it to Offhook's server.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--version", action="version", version=f"offhook-collector {release()}")
    commands = root.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    for name, text in (
        ("run", "capture, or replay a file, until it is stopped"),
        ("check", "try out the same options without capturing: rights, filter, stream store, spool"),
    ):
        command = commands.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            epilog=_RUN_EXAMPLES if name == "run" else EXIT_CODES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        _add_options(command)
    commands.add_parser("interfaces", help="list the interfaces of this host, and say whether they can be captured")
    return root


def _add_options(command: argparse.ArgumentParser) -> None:
    for option in OPTIONS:
        text = option.text.replace("%", "%%")
        if not option.metavar:
            command.add_argument(option.flag, dest=option.field, action="store_const", const="yes", help=text)
            continue
        if option.default:
            text += f" ({option.default})"
        action = "append" if option.repeated else "store"
        command.add_argument(
            option.flag, *option.synonyms, dest=option.field, metavar=option.metavar, action=action, help=text
        )


def _given(arguments: argparse.Namespace) -> dict[str, str]:
    """The options that were given, as text."""
    found = {option.field: getattr(arguments, option.field) for option in OPTIONS}
    return {
        field: ",".join(value) if isinstance(value, list) else value
        for field, value in found.items()
        if value is not None
    }


def _run(config: Config) -> int:
    from collectors.wiring import agent

    # Unique, and in the order of starts: for people who look at the streams.
    boot = f"{time.time_ns() // 1_000_000:011x}-{secrets.token_hex(3)}"
    running = agent(config, boot)

    def stop(number: int, _frame: FrameType | None) -> None:
        running.stop()
        signal.signal(number, signal.SIG_DFL)  # a second one ends it at once

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    running.run()
    return 0


def _interfaces() -> int:
    from collectors.receivers import interface

    for name in interface.names():
        state = Path(f"/sys/class/net/{name}/operstate")
        text = "all of them in one" if name == interface.ANY else state.read_text().strip() if state.exists() else ""
        print(f"{name:16} {text}")
    if interface.may_capture():
        print("\nThey can be captured by this user.")
        return 0
    print(f"\nThey can't be captured by this user: {interface.how_to_be_allowed()}")
    return 4


def _check(config: Config) -> int:
    """Try each part; the exit code of the first that fails."""
    code = 0
    for what, attempt in _ATTEMPTS:
        try:
            print(f"ok      {what}: {attempt(config)}")
        except (ReceiverError, ExporterError) as error:
            print(f"FAILED  {what}: {error}")
            code = code or error.code
    return code


def _check_receiver(config: Config) -> str:
    from collectors.receivers import bpf, interface

    bpf.check(config.filter or bpf.sip_filter(config.ports, config.tunnels))
    if config.receiver == "tshark" and not shutil.which("tshark"):
        from collectors.receivers.tshark import INSTALL

        raise ReceiverError(INSTALL, 5)
    if config.file and config.file != "-":
        from collectors.receivers.capture_file import CaptureFile

        CaptureFile(config.file).close()
        return f"{config.receiver} can read {config.file}"
    if config.receiver == "scenario":
        return "sample traffic"
    if config.receiver == "hep":
        from collectors.wiring import receiver

        listening = receiver(config, "check")
        listening.start()
        listening.stop()
        return f"hep can listen on {', '.join(map(str, config.listen))}"
    missing = [name for name in config.interface if name not in interface.names()]
    if missing:
        raise interface.unknown(missing[0])
    if config.receiver == "libpcap" and not interface.may_capture():
        raise ReceiverError(f"this user may not capture: {interface.how_to_be_allowed()}", 4)
    return f"{config.receiver} can capture {', '.join(config.interface)}"


def _check_store(config: Config) -> str:
    from collectors.exporters.stream_store import StoreError, open_store

    if config.output == "console":
        return "none is needed"
    try:
        store = open_store(config.stream_url, f"offhook-collector:{config.id}")
        partitions = store.connect(config.partitions)
        store.close()
    except StoreError as error:
        raise ExporterError(str(error), REFUSED) from error
    return f"{store.shown} answers; {partitions} partitions"


def _check_spool(config: Config) -> str:
    from collectors.exporters.spool import Spool, SpoolError

    if config.output == "console":
        return "none is needed"
    try:
        spool = Spool(config.spool, config.spool_size)
        waiting = spool.events
        spool.close()
    except SpoolError as error:
        raise ExporterError(str(error), REFUSED) from error
    return f"{config.spool} can be written; {waiting} events wait in it"


_ATTEMPTS: tuple[tuple[str, Callable[[Config], str]], ...] = (
    ("receiver", _check_receiver),
    ("stream store", _check_store),
    ("spool", _check_spool),
)


def _complain(text: str) -> None:
    print(f"offhook-collector: {text}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
