"""A connection to a Redis Cluster, for both ends of the streams: redirections followed, and no hidden retries."""

from typing import Any, Final
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.crc import key_slot
from redis.exceptions import RedisClusterException
from redis.retry import Retry

from collectors.wire.cluster import seeds

# What a command on a cluster may raise: the library's own complaints are no `RedisError`.
ERRORS: Final = (redis.RedisError, RedisClusterException)
_PORT: Final = 6379
_node: Any = ClusterNode  # the library leaves it untyped
_OURS: Final = "offhook:"  # how all our keys begin
_NO_CLUSTER: Final = "cluster support disabled"


class Cluster(RedisCluster):
    """The library's client, made for callers that know by themselves what to try again, and when.

    It may be shared by threads: each command takes a connection of its own from the pool of its node.
    """

    def __init__(self, url: str, *, timeout_s: float, client_name: str | None = None) -> None:
        """Learn the map of slots. Raises one of `ERRORS`, or `ValueError` for an unreadable URL."""
        first, *others = seeds(url)
        parts = [urlsplit(other) for other in others]
        super().__init__(
            url=first,
            startup_nodes=[_node(part.hostname, part.port or _PORT) for part in parts],
            # A node that is away with its slots is no reason to leave the others alone.
            require_full_coverage=False,
            # At first it asks one of the nodes what commands there are, and that one may be away.
            retry=Retry(NoBackoff(), 2 * len(parts) + 2),
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            client_name=client_name,
            protocol=2,
        )
        self.set_retry(Retry(NoBackoff(), 0))

    def determine_slot(self, *args: Any) -> int:
        """The slot of a command's key. The library would ask a node where keys stand, and fail if that is away."""
        key = next(each for each in args if isinstance(each, str) and each.startswith(_OURS))
        return key_slot(key.encode())

    def get_node(self, host: str | None = None, port: int | None = None, node_name: str | None = None) -> Any:
        """A node by its name, one that owns no slots yet too: no map has it, and ASK names it all the same."""
        found: Any = super().get_node(host, port, node_name)  # type: ignore[no-untyped-call]  # it is untyped there
        if found is None and node_name:
            name, _, number = node_name.rpartition(":")
            found = _node(name, int(number), "primary")
            self.nodes_manager.nodes_cache[node_name] = found
        return found


def answer(error: BaseException) -> BaseException:
    """What a server said, or the connection to it, where the library wrapped it in a complaint of its own."""
    while isinstance(error, RedisClusterException) and (inner := error.__cause__ or error.__context__):
        error = inner
    return error


def is_single(error: BaseException) -> bool:
    """Whether a server refuses because it is no node of a cluster."""
    return _NO_CLUSTER in str(answer(error))
