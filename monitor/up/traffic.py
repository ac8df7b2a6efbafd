"""What `offhook up TRAFFIC` watches: sample traffic, an interface, a capture file, HEP, or all interfaces."""

import os
import sys
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from collectors.decode.pcap import NotACaptureError, reader_for
from collectors.receivers import interface
from monitor.up.state import StateError


class Kind(Enum):
    """Where traffic comes from."""

    SAMPLE = auto()
    INTERFACE = auto()
    FILE = auto()
    HEP = auto()


@dataclass(frozen=True)
class Traffic:
    """A kind, and the interface's or file's name."""

    kind: Kind
    name: str = ""

    @property
    def live(self) -> bool:
        """Needs the right to capture."""
        return self.kind is Kind.INTERFACE


def traffic(argument: str | None) -> Traffic:
    """What the argument means. Raises `StateError` with what there is instead."""
    if argument is None:
        return Traffic(Kind.INTERFACE, interface.ANY)
    if argument == "sample":
        return Traffic(Kind.SAMPLE)
    if argument == "hep":
        return Traffic(Kind.HEP)
    interfaces = interface.names()
    if argument in interfaces:
        return Traffic(Kind.INTERFACE, argument)
    path = Path(argument).expanduser()
    if path.is_file():
        _require_capture(path)
        return Traffic(Kind.FILE, str(path.resolve()))
    raise StateError(
        f"{argument} is neither a capture file nor an interface of this machine ({', '.join(interfaces)}); "
        "say sample for built-in sample traffic, hep for what SIP servers send to port 9060"
    )


def _require_capture(path: Path) -> None:
    try:
        with path.open("rb") as file:
            reader_for(file.read(64))
    except OSError as error:
        raise StateError(f"{path} can't be read: {error.strerror}") from error
    except NotACaptureError as error:
        raise StateError(f"{path} is no capture: {error}") from error


def how_to_capture(argument: str | None) -> list[str]:
    """What to do where it may not."""
    again = f"{sys.argv[0]} up{f' {argument}' if argument else ''}"
    return [
        "Not capturing: that needs root or the capability CAP_NET_RAW. Everything else runs.",
        "",
        "To capture as you, with that one capability (recommended):",
        f"  sudo -E setpriv --reuid={os.getuid()} --regid={os.getgid()} --init-groups \\",
        f"    --inh-caps=+net_raw --ambient-caps=+net_raw {again}",
        "To capture as root:     sudo make run",
        "To see it work without: make run TRAFFIC=sample",
    ]
