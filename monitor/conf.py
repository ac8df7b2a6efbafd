"""The server's settings: typed, from environment variables, read once, all problems reported at once.

`docs/configuration.md` has a heading for each variable; a test holds it to that.
"""

import os
import re
from collections.abc import Callable, Mapping
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
from msgspec.structs import replace

from collectors.wire.cluster import is_cluster, seeds
from monitor.core.retention import DEFAULTS, DataKind, Keep, Policy, keep
from monitor.core.settings import Settings
from monitor.core.thresholds import THRESHOLDS, configured

_TOKEN = re.compile(r"[!%'*+.^_`|~\w-]+", re.ASCII)  # RFC 3261 §25.1


class ConfigError(ValueError):
    """The configuration is wrong; `problems` has one line each that says what to do."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Smtp(msgspec.Struct, frozen=True, kw_only=True):
    """A mail server, from smtp://user:password@host:port, smtps:// or smtp+starttls://."""

    host: str
    port: int
    username: str = ""
    password: str = ""
    tls: str = ""  # "", "tls" (from the start), "starttls"


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the environment decides. Field `state_dir` is variable `OFFHOOK_STATE_DIR`."""

    state_dir: Path
    stream_url: str
    bus_url: str
    database_url: str
    bind: str = "127.0.0.1"
    port: int = 8600
    public_url: str = "http://127.0.0.1:8600"
    allowed_hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "[::1]")
    secret_key: str = ""
    debug: bool = False
    partitions: int = 8
    keep_messages: Keep = DEFAULTS.kinds[DataKind.MESSAGES]
    keep_records: Keep = DEFAULTS.kinds[DataKind.RECORDS]
    keep_alerts: Keep = DEFAULTS.kinds[DataKind.ALERTS]
    keep_measures: Keep = DEFAULTS.kinds[DataKind.MEASURES]
    keep_imports: Keep = DEFAULTS.kinds[DataKind.IMPORTS]
    keep_letters: Keep = DEFAULTS.kinds[DataKind.LETTERS]
    keep_log: Keep = DEFAULTS.kinds[DataKind.LOG]
    storage_limit: int = DEFAULTS.total
    smtp: Smtp | None = None
    mail_from: str = "Offhook <offhook@localhost>"
    mail_to: tuple[str, ...] = ()
    log_level: str = "INFO"
    thresholds: Settings = Settings()  # of diagnosis: a variable each, see `monitor.core.thresholds`

    @property
    def policy(self) -> Policy:
        """The limits of retention."""
        return Policy({kind: getattr(self, f"keep_{kind}") for kind in DataKind}, self.storage_limit)


def load(env: Mapping[str, str] = os.environ) -> Config:
    """The configuration that `env` describes. Raises `ConfigError` with every problem in it."""
    problems: list[str] = []

    def read(name: str, default: Any, convert: Callable[[str], Any] = str) -> Any:
        text = env.get(f"OFFHOOK_{name}", "").strip()
        if not text:
            return default
        try:
            return convert(text)
        except ValueError as error:
            problems.append(f"OFFHOOK_{name}: {error}")
            return default

    state_dir = Path(read("STATE_DIR", Path.cwd() / "var", _path))
    socket = f"unix://{state_dir}/valkey.sock"
    stream_url = read("STREAM_URL", socket, _stream_url)
    port = read("PORT", 8600, _port)
    bind = read("BIND", "127.0.0.1")
    public_url = read("PUBLIC_URL", f"http://{_shown_host(bind)}:{port}", _http_url)
    hosts = ("127.0.0.1", "localhost", "[::1]", urlsplit(public_url).hostname or "localhost")
    config = Config(
        state_dir=state_dir,
        stream_url=stream_url,
        bus_url=read("BUS_URL", socket if is_cluster(stream_url) else stream_url, _redis_url),
        database_url=read("DATABASE_URL", f"sqlite:///{state_dir}/offhook.sqlite3", _database_url),
        bind=bind,
        port=port,
        public_url=public_url,
        allowed_hosts=read("ALLOWED_HOSTS", tuple(dict.fromkeys(hosts)), _words),
        secret_key=read("SECRET_KEY", ""),
        debug=read("DEBUG", default=False, convert=_boolean),
        partitions=read("PARTITIONS", 8, _partitions),
        storage_limit=read("STORAGE_LIMIT", DEFAULTS.total, _size),
        smtp=read("SMTP_URL", None, _smtp),
        mail_from=read("MAIL_FROM", "Offhook <offhook@localhost>"),
        mail_to=read("MAIL_TO", (), _words),
        log_level=read("LOG_LEVEL", "INFO", _log_level),
        thresholds=_thresholds(env, problems),
        **{
            f"keep_{kind}": read(f"KEEP_{kind.upper()}", default, partial(keep, default=default))
            for kind, default in DEFAULTS.kinds.items()
        },
    )
    if problems:
        raise ConfigError(problems)
    return config


def thresholds(env: Mapping[str, str] = os.environ) -> Settings:
    """The thresholds of diagnosis alone. Raises `ConfigError` with every problem in them."""
    problems: list[str] = []
    settings = _thresholds(env, problems)
    if problems:
        raise ConfigError(problems)
    return settings


def _thresholds(env: Mapping[str, str], problems: list[str]) -> Settings:
    values: dict[str, int] = {}
    for threshold in THRESHOLDS:
        text = env.get(f"OFFHOOK_{threshold.variable}", "").strip()
        try:
            if text:
                values[threshold.field] = threshold.read(text)
        except ValueError as error:
            problems.append(f"OFFHOOK_{threshold.variable}: {error}")
    settings = configured(values)
    limits = replace(
        settings.limits, trusted_peers=_trusted_peers(env, problems), home_prefixes=_home_prefixes(env, problems)
    )
    return replace(settings, leg_headers=_leg_headers(env, problems), limits=limits)


def _home_prefixes(env: Mapping[str, str], problems: list[str]) -> tuple[str, ...]:
    prefixes = tuple(text for text in re.split(r"[\s,]+", env.get("OFFHOOK_HOME_PREFIXES", "").strip()) if text)
    problems += [
        f"OFFHOOK_HOME_PREFIXES: {text!r} is no country code like +421"
        for text in prefixes
        if not re.fullmatch(r"\+\d{1,6}", text, re.ASCII)
    ]
    return prefixes


def _trusted_peers(env: Mapping[str, str], problems: list[str]) -> tuple[str, ...]:
    networks = []
    for text in re.split(r"[\s,]+", env.get("OFFHOOK_TRUSTED_PEERS", "").strip()):
        try:
            networks += [str(ip_network(text, strict=False))] if text else []
        except ValueError:
            problems.append(f"OFFHOOK_TRUSTED_PEERS: {text!r} is no network like 198.51.100.0/24 or 2001:db8::/32")
    return tuple(networks)


def _leg_headers(env: Mapping[str, str], problems: list[str]) -> tuple[str, ...]:
    names = tuple(name.lower() for name in re.split(r"[\s,]+", env.get("OFFHOOK_LEG_HEADERS", "").strip()) if name)
    problems += [f"OFFHOOK_LEG_HEADERS: {name!r} is no header name" for name in names if not _TOKEN.fullmatch(name)]
    return names


def _shown_host(bind: str) -> str:
    if bind in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{bind}]" if ":" in bind else bind


def _path(text: str) -> Path:
    return Path(text).expanduser().resolve()


def _words(text: str) -> tuple[str, ...]:
    return tuple(re.split(r"[\s,]+", text))


def _boolean(text: str) -> bool:
    values = {"1": True, "yes": True, "true": True, "on": True, "0": False, "no": False, "false": False, "off": False}
    if text.lower() not in values:
        raise ValueError(f"{text!r} is neither yes nor no")
    return values[text.lower()]


def _number(text: str, low: int, high: int) -> int:
    if not text.isdecimal() or not low <= int(text) <= high:
        raise ValueError(f"{text!r} is no number from {low} to {high}")
    return int(text)


def _port(text: str) -> int:
    return _number(text, 1, 65535)


def _partitions(text: str) -> int:
    return _number(text, 1, 64)


def _size(text: str) -> int:
    if not re.fullmatch(r"\d+(MB|GB|TB)", text, re.ASCII | re.IGNORECASE):
        raise ValueError(f"{text!r} is no size like 50GB or 500MB")
    return keep(text, Keep(1, 0)).octets


def _log_level(text: str) -> str:
    if text.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ValueError(f"{text!r} is none of DEBUG, INFO, WARNING, ERROR")
    return text.upper()


def _scheme(text: str, schemes: tuple[str, ...], example: str) -> str:
    # The value may hold a password: it is never part of the message.
    if urlsplit(text).scheme not in schemes:
        raise ValueError(f"expected a URL that begins with {' or '.join(f'{s}://' for s in schemes)}, like {example}")
    return text


def _redis_url(text: str) -> str:
    if is_cluster(text):
        raise ValueError("the bus can't be a cluster (Celery and Channels need a single server), only the streams can")
    return _scheme(text, ("redis", "rediss", "unix"), "redis://:password@127.0.0.1:6379/0")


def _stream_url(text: str) -> str:
    if is_cluster(text):
        seeds(text)
        return text
    return _redis_url(text)


def _http_url(text: str) -> str:
    return _scheme(text, ("http", "https"), "https://offhook.example.com").rstrip("/")


def _database_url(text: str) -> str:
    return _scheme(text, ("sqlite", "postgresql", "postgres"), "postgresql://user:password@host:5432/offhook")


def _smtp(text: str) -> Smtp:
    parts = urlsplit(_scheme(text, ("smtp", "smtps", "smtp+starttls"), "smtp+starttls://user:password@host:587"))
    if not parts.hostname:
        raise ValueError("the mail server's host is missing, like in smtp://host:25")
    tls = {"smtp": "", "smtps": "tls", "smtp+starttls": "starttls"}[parts.scheme]
    return Smtp(
        host=parts.hostname,
        port=parts.port or {"": 25, "tls": 465, "starttls": 587}[tls],
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        tls=tls,
    )
