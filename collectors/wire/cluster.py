"""The URL of a Redis Cluster: `redis+cluster://user:password@host:7000,host:7001,host:7002?ssl_ca_certs=…`.

It names some of the nodes, one of which must answer at the start; the others are learnt from it.
`rediss+cluster://` is the same with TLS.
"""

from typing import Final
from urllib.parse import urlsplit, urlunsplit

SCHEMES: Final = {"redis+cluster": "redis", "rediss+cluster": "rediss"}


def is_cluster(url: str) -> bool:
    """Whether a URL names a cluster."""
    return url.partition("://")[0].lower() in SCHEMES


def seeds(url: str) -> list[str]:
    """A plain URL for each node that a cluster's URL names. Raises `ValueError`, which quotes nothing of it."""
    try:
        parts = urlsplit(url)
        user, at, hosts = parts.netloc.rpartition("@")
        plain = [
            urlunsplit((SCHEMES[parts.scheme], user + at + host, "", parts.query, "")) for host in hosts.split(",")
        ]
        whole = all(urlsplit(each).hostname and urlsplit(each).port != 0 for each in plain)
    except (KeyError, ValueError):
        raise ValueError("not readable as a cluster, like redis+cluster://:password@host:7000,host:7001") from None
    if not whole:
        raise ValueError("a node of the cluster has no name or no port, like host:7000")
    if parts.path.strip("/") not in ("", "0"):
        raise ValueError("a cluster has no databases: leave the path away")
    return plain
