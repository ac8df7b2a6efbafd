"""The collector's settings: typed, from arguments and environment variables, all problems reported at once.

`docs/collector.md` has a heading for each option; a test holds it to that.
"""

import os
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

from collectors.exporters.hep import Target, target
from collectors.processors.filter import Network, network
from collectors.receivers.carriers import TUNNELS
from collectors.receivers.listen import Place, place
from collectors.wire.cluster import is_cluster, seeds
from collectors.wire.codec import DEFAULT_PARTITIONS

RECEIVERS: Final = ("libpcap", "tshark", "file", "hep", "scenario")
MEDIA: Final = ("off", "rtcp", "presence")
OUTPUTS: Final = ("redis", "console")
LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
_UNITS: Final = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}


class ConfigError(ValueError):
    """The configuration is wrong; `problems` has one line each that says what to do."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that arguments and environment decide. Field `batch_ms` is option `--batch-ms`."""

    receiver: str
    interface: tuple[str, ...]
    file: str  # "" for none, "-" for standard input
    pace: int  # 1: as it happened, 0: as fast as possible
    ports: tuple[tuple[int, int], ...]
    tunnels: tuple[str, ...]  # whose content is captured, too
    filter: str  # "" for SIP on `ports`
    media: str
    promiscuous: bool
    key_log: str
    decode_as: dict[str, str]
    listen: tuple[Place, ...]  # for HEP
    allow: tuple[Network, ...]  # agents; none: all
    hep_key: dict[str, str]  # by agent, "" for all others; none: no key is asked for
    tls_certificate: str
    tls_key: str
    calls_per_second: float
    output: str
    stream_url: str
    id: str
    mirror: Target | None
    mirror_key: str
    partitions: int
    spool: Path  # of this collector alone
    spool_size: int  # octets
    batch_ms: int
    no_redact: bool
    drop_method: tuple[str, ...]
    drop_address: tuple[Network, ...]
    log_level: str


class Option(NamedTuple):
    """One setting: its flags, how it is read, what it is for."""

    field: str
    convert: Callable[[str], Any]
    default: str
    metavar: str  # "" for a switch
    text: str
    named: str = ""  # its variable, when it is not the collector's alone
    synonyms: tuple[str, ...] = ()
    repeated: bool = False

    @property
    def flag(self) -> str:
        """Its argument."""
        return "--" + self.field.replace("_", "-")

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return self.named or f"OFFHOOK_COLLECTOR_{self.field.upper()}"


def _choice(*allowed: str) -> Callable[[str], str]:
    def convert(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"{text!r} is none of {', '.join(allowed)}")
        return text

    return convert


def _number(low: int, high: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and low <= int(text) <= high):
            raise ValueError(f"{text!r} is no number from {low} to {high}")
        return int(text)

    return convert


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate <= 1000:
        raise ValueError(f"{text!r} is no number above 0 and up to 1000")
    return rate


def _switch(text: str) -> bool:
    values = {"1": True, "yes": True, "true": True, "on": True, "0": False, "no": False, "false": False, "off": False}
    if text.lower() not in values:
        raise ValueError(f"{text!r} is neither yes nor no")
    return values[text.lower()]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


def _optional(convert: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: convert(text) if text else ""


def _methods(text: str) -> tuple[str, ...]:
    words = _words(text.upper())
    for word in words:
        if not re.fullmatch(r"[A-Z0-9.!%*_+`'~-]{1,64}", word):
            raise ValueError(f"{word!r} is no method, like OPTIONS")
    return words


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(map(network, _words(text)))


def _ports(text: str) -> tuple[tuple[int, int], ...]:
    ranges = []
    for word in _words(text):
        first, dash, last = word.partition("-")
        ends = (first, last if dash else first)
        if not all(end.isascii() and end.isdecimal() and 0 < int(end) < 65_536 for end in ends):
            raise ValueError(f"{word!r} is neither a port nor a range of ports, like 5060-5061")
        ranges.append((min(map(int, ends)), max(map(int, ends))))
    return tuple(ranges)


def _tunnels(text: str) -> tuple[str, ...]:
    words = _words(text.lower())
    if "all" in words:
        return TUNNELS
    for word in words:
        if word not in TUNNELS:
            raise ValueError(f"{word!r} is none of all, {', '.join(TUNNELS)}")
    return words


def _places(text: str) -> tuple[Place, ...]:
    return tuple(map(place, _words(text)))


def _mirror(text: str) -> Target | None:
    return target(text) if text else None


def _keys(text: str) -> dict[str, str]:
    # The value holds secrets: it is never part of the message.
    keys = {}
    for word in _words(text):
        agent, equals, key = word.partition("=") if "=" in word else ("", "", word)
        if not key or (equals and not agent):
            raise ValueError("expected KEY, or AGENT=KEY with the agent's name or number")
        keys[agent] = key
    return keys


def _decode_as(text: str) -> dict[str, str]:
    rules = {}
    for word in _words(text):
        selector, comma, protocol = word.rpartition(":")
        if not comma or "==" not in selector:
            raise ValueError(f"{word!r} is no rule like tcp.port==5063:tls")
        rules[selector] = protocol
    return rules


def _size(text: str) -> int:
    found = re.fullmatch(r"(\d{1,12})\s*([KMG]?)(?:i?B)?", text, re.IGNORECASE)
    if not found or int(found[1]) * _UNITS[found[2].upper()] < 1024**2:
        raise ValueError(f"{text!r} is no size of a megabyte or more, like 512M or 2G")
    return int(found[1]) * _UNITS[found[2].upper()]


def _redis_url(text: str) -> str:
    # The value may hold a password: it is never part of the message.
    try:
        scheme = urlsplit(text).scheme
    except ValueError:
        scheme = ""
    if is_cluster(text):
        seeds(text)
    elif scheme not in ("redis", "rediss", "unix"):
        raise ValueError("expected a URL that begins with redis://, rediss:// or unix://, or redis+cluster://")
    return text


def _id(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", text):
        raise ValueError(f"{text!r} is no name of letters, digits, dots, dashes and underscores (64 at most)")
    return text


def _log_level(text: str) -> str:
    return _choice(*LOG_LEVELS)(text.upper())


OPTIONS: Final = (
    Option(
        "receiver",
        _optional(_choice(*RECEIVERS)),
        "",
        "KIND",
        "libpcap (live), tshark (live or a file; TLS and WebSocket over TLS), hep (from Kamailio, Asterisk, …), "
        "file, or scenario (sample traffic); libpcap when not given, or file with --file",
    ),
    Option(
        "interface",
        _words,
        "any",
        "NAME",
        "the interface to capture; several may be given, one handle each",
        repeated=True,
    ),
    Option("file", str, "", "FILE", "the capture file to replay; - is standard input", synonyms=("--read",)),
    Option(
        "pace",
        _number(0, 1),
        "1",
        "0|1",
        "of a file: 1 as it happened, moved to now; 0 as fast as possible, times kept",
    ),
    # SIP and SIP over TLS; WebSocket, in clear and over TLS, of FreeSWITCH and of Asterisk.
    Option("ports", _ports, "5060-5061,5066,7443,8088-8089", "PORTS", "the ports of SIP: 5060-5061,5080"),
    Option(
        "tunnels",
        _tunnels,
        "",
        "NAME",
        f"also capture what is in these tunnels, whatever its ports: all, or {', '.join(TUNNELS)}",
        repeated=True,
    ),
    Option(
        "filter",
        str,
        "",
        "BPF",
        "capture what passes this filter (pcap-filter(7)) instead of SIP on --ports and in --tunnels",
    ),
    Option(
        "media",
        _choice(*MEDIA),
        "off",
        "WHAT",
        "off; rtcp: also take RTCP, for loss, jitter and delay of calls; presence: and look whether RTP flows",
    ),
    Option("promiscuous", _switch, "no", "", "also capture what is not for this host, on a mirror port"),
    Option(
        "key_log", str, "", "FILE", "of TLS secrets (SSLKEYLOGFILE), for tshark, or for a file", synonyms=("--keylog",)
    ),
    Option("decode_as", _decode_as, "", "RULE", "for tshark: tcp.port==5063:tls, tls.port==5063:sip", repeated=True),
    Option(
        "listen",
        _places,
        "udp:0.0.0.0:9060,tcp:0.0.0.0:9060",
        "PLACE",
        "where the receiver hep listens: udp:, tcp: or tls: with address and port",
        repeated=True,
    ),
    Option("allow", _networks, "", "NETWORK", "take HEP from 192.0.2.0/24 only", repeated=True),
    Option(
        "hep_key",
        _keys,
        "",
        "KEY",
        "that agents must know, or AGENT=KEY for one by its name or number; "
        "use the variable: arguments are seen by every user of the machine",
        repeated=True,
    ),
    Option("tls_certificate", str, "", "FILE", "of this host, in PEM with its chain, for tls: places"),
    Option("tls_key", str, "", "FILE", "of that certificate, in PEM, where it is not in the same file"),
    Option("calls_per_second", _rate, "1.5", "RATE", "of the receiver scenario"),
    Option("output", _choice(*OUTPUTS), "redis", "WHERE", "redis (the stream store), or console (JSON lines)"),
    Option(
        "stream_url",
        _optional(_redis_url),
        "",
        "URL",
        "of the Valkey or Redis that the server reads; "
        "with a password, use the variable: arguments are seen by every user of the machine",
        "OFFHOOK_STREAM_URL",
        ("--redis",),
    ),
    Option(
        "id",
        _optional(_id),
        "",
        "NAME",
        "of this collector, by which it is known for ever; the host's name when not given",
    ),
    Option("mirror", _mirror, "", "WHERE", "send a copy as HEP 3 to hep:HOST:PORT (UDP) or hep+tcp:HOST:PORT"),
    Option(
        "mirror_key",
        str,
        "",
        "KEY",
        "the authentication key of that copy; use the variable: arguments are seen by every user of the machine",
    ),
    Option(
        "partitions",
        _number(1, 64),
        str(DEFAULT_PARTITIONS),
        "N",
        "of the streams, if nobody has fixed it yet",
        "OFFHOOK_PARTITIONS",
    ),
    Option(
        "spool",
        str,
        "",
        "DIR",
        "where events wait while the stream store is away; spool in the state directory when not given",
    ),
    Option("spool_size", _size, "1G", "SIZE", "at most this much; then the oldest are dropped, and counted"),
    Option("batch_ms", _number(0, 10_000), "100", "MS", "how long an event may wait for others before it is sent"),
    Option("no_redact", _switch, "no", "", "send credentials, keys and passwords as they are"),
    Option(
        "drop_method",
        _methods,
        "",
        "METHOD",
        "don't send requests of this method, nor responses to them",
        repeated=True,
    ),
    Option(
        "drop_address", _networks, "", "NETWORK", "don't send what comes from or goes to 192.0.2.0/24", repeated=True
    ),
    Option("log_level", _log_level, "INFO", "LEVEL", "DEBUG, INFO, WARNING or ERROR", "OFFHOOK_LOG_LEVEL"),
)


_TAKEN_BY: Final = {
    "key_log": ("tshark", "file"),
    "decode_as": ("tshark",),
    "allow": ("hep",),
    "hep_key": ("hep",),
    "tls_certificate": ("hep",),
    "tls_key": ("hep",),
}


def load(arguments: Mapping[str, str], env: Mapping[str, str] = os.environ) -> Config:
    """The configuration of these arguments (text by field) and variables; arguments come first.

    Raises `ConfigError` with every problem in it.
    """
    problems: list[str] = []
    values: dict[str, Any] = {}
    for option in OPTIONS:
        given = arguments.get(option.field, "").strip()
        text = given or env.get(option.variable, "").strip()
        try:
            values[option.field] = option.convert(text or option.default)
        except ValueError as error:
            problems.append(f"{option.flag if given else option.variable}: {error}")
            values[option.field] = option.convert(option.default)
    state = Path(env.get("OFFHOOK_STATE_DIR") or "var").expanduser().resolve()
    values["receiver"] = values["receiver"] or ("file" if values["file"] else "libpcap")
    values["stream_url"] = values["stream_url"] or f"unix://{state}/valkey.sock"
    values["id"] = values["id"] or re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname()).strip(".-")[:64] or "collector"
    # By name, so that two collectors of one machine don't meet in the folder.
    values["spool"] = Path(values["spool"] or state / "spool").expanduser().resolve() / values["id"]
    problems += _contradictions(values)
    if problems:
        raise ConfigError(problems)
    return Config(**values)


def _contradictions(values: Mapping[str, Any]) -> Iterator[str]:
    receiver = values["receiver"]
    if receiver == "file" and not values["file"]:
        yield "--receiver file: say which, by --file"
    if values["file"] and receiver not in ("file", "tshark"):
        yield f"--file: the receiver {receiver} reads no file; file and tshark do"
    if values["file"] == "-" and receiver == "tshark":
        yield "--file: only the receiver file reads standard input"
    for field, takers in _TAKEN_BY.items():
        if values[field] and receiver not in takers:
            yield f"--{field.replace('_', '-')}: only the receiver {' or '.join(takers)} takes it"
    over_tls = any(each.transport == "tls" for each in values["listen"])
    if receiver == "hep" and over_tls and not values["tls_certificate"]:
        yield "--listen tls: needs --tls-certificate"
