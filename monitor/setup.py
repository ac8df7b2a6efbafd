"""What settings need made first: the secret key on disk, and the database as Django describes it."""

import secrets
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from urllib.parse import unquote, urlsplit


def secret_key(state_dir: Path) -> str:
    """The installation's own secret, made at the first start and kept in the state directory."""
    path = state_dir / "secret-key"
    if not path.exists():
        # Complete before it has its name: processes that start together all read the same one.
        with NamedTemporaryFile("w", dir=state_dir) as draft:
            draft.write(secrets.token_urlsafe(48))
            draft.flush()
            with suppress(FileExistsError):
                path.hardlink_to(draft.name)
    return path.read_text().strip()


def database(url: str) -> dict[str, Any]:
    """Django's DATABASES entry for sqlite:///path or postgresql://user:password@host:port/name.

    A host that begins with a slash (percent-encoded, or ?host=/run/postgresql) is a socket directory.
    """
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": unquote(parts.path[1:]) if parts.path.startswith("//") else unquote(parts.path),
            "OPTIONS": {
                # IMMEDIATE: a transaction that reads and then writes waits its turn instead of failing.
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                # Nothing here may write: who only reads must not wait for who commits.
                # The log is cut when it was longer than usual.
                "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA journal_size_limit=8388608;"
                "PRAGMA mmap_size=134217728;PRAGMA cache_size=-65536",
            },
        }
    query = dict(pair.split("=", 1) for pair in parts.query.split("&") if "=" in pair)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path[1:]) or "offhook",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(query.get("host") or parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "OPTIONS": {
            # A worker frozen inside a transaction must not hold its partition for ever.
            # Compiling a query takes longer than any of ours should.
            "options": "-c idle_in_transaction_session_timeout=15000 -c jit=off",
            # And no process must wait for hours for a server whose power failed, or whose network.
            "connect_timeout": 10,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 30_000,
        },
    }
