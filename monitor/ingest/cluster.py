"""The reader's end of streams on a Redis Cluster: each node is asked for the partitions that it has now.

Nodes are asked at the same time, each by a thread of its own, and none waits for another: a node that is away, or
frozen, stops its own partitions. Their map is learnt anew when a node is away or says that a partition has moved.
What a cluster can't do is to wait for entries of several partitions at once, so nobody waits here: the worker looks
ten times a second.
"""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import Any, Final, TypeAlias, TypeVar

from redis.exceptions import AskError, MovedError

from collectors.redis_cluster import ERRORS, Cluster, answer, is_single
from collectors.sip.timers import SECOND
from collectors.wire.cluster import is_cluster
from collectors.wire.codec import stream
from monitor.ingest.stream import COUNT, Clock, Entry, StoreAway, Streams, after, entry, last_id

log = logging.getLogger(__name__)

_TIMEOUT_S: Final = 5.0
_GRACE_S: Final = 0.5  # for an answer, before the others go on without it
_REFRESH_S: Final = 0.5  # between two looks at the map
_MOST_NODES: Final = 64

_Command: TypeAlias = tuple[Any, ...]
_T = TypeVar("_T")


class ClusterStreams(Streams):
    """Connections to the nodes, made when needed. Of one thread, but for its own."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._cluster: Any = None  # a Cluster; the library leaves most of it untyped
        self._pool = ThreadPoolExecutor(_MOST_NODES, thread_name_prefix="node")
        self._asked: dict[str, Future[Any]] = {}  # what each node was last asked
        self._away: dict[str, str] = {}  # nodes that don't answer, and why
        self._refreshed_s = 0.0
        self._outdated = threading.Event()  # the map

    def clocks(self, numbers: Iterable[int]) -> dict[int, Clock]:
        """The clocks of those partitions whose nodes answer now."""
        by_node = self._by_node(numbers)
        answers = self._ask_each({node: [("TIME",)] for node in by_node})
        found: dict[int, Clock] = {}
        for node, (said,) in answers.items():
            if isinstance(said, Exception):
                continue
            clock = Clock(int(said[0]) * SECOND + int(said[1]), node)
            found |= dict.fromkeys(by_node[node], clock)
        return found

    def read(self, offsets: Mapping[int, str], block_ms: int) -> dict[int, list[Entry]]:
        """What follows the offset in each partition whose node answers; waits for no entry."""
        answers = self._of_each(offsets, lambda n: ("XREAD", "COUNT", COUNT, "STREAMS", stream(n), offsets[n]))
        return {
            number: [entry(*pair) for _, entries in said or () for pair in entries] for number, said in answers.items()
        }

    def last_ids(self, numbers: Iterable[int]) -> dict[int, str]:
        """The last id of each stream whose node answers."""
        answers = self._of_each(numbers, lambda n: ("XINFO STREAM", stream(n)), missing="no such key")
        return {number: last_id(said) for number, said in answers.items()}

    def trim(self, committed: Mapping[int, str]) -> None:
        """Drop everything up to these offsets, where nodes answer; elsewhere it is done with the next commit."""
        with suppress(StoreAway):
            self._of_each(committed, lambda n: ("XTRIM", stream(n), "MINID", after(committed[n])))

    def close(self) -> None:
        """Let go of the connections; the next command makes new ones."""
        if self._cluster is not None:
            self._cluster.close()
            self._cluster = None

    # --- one key

    def _ask(self, *command: Any) -> Any:
        try:
            return self._connected().execute_command(*command)
        except ERRORS as error:
            self._outdated.set()
            raise StoreAway(_reason(error)) from error

    def _pipeline(self, commands: list[_Command]) -> None:
        for command in commands:
            self._ask(*command)

    # --- all nodes

    def _connected(self) -> Any:
        if self._cluster is None:
            try:
                self._cluster = Cluster(self._url, timeout_s=_TIMEOUT_S)
            except ERRORS as error:
                if is_single(error):
                    raise StoreAway("OFFHOOK_STREAM_URL names a cluster, but this is a single server") from error
                raise StoreAway(_reason(error)) from error
        return self._cluster

    def _by_node(self, numbers: Iterable[int]) -> dict[str, list[int]]:
        """The names of the nodes that have these partitions, as far as the map says."""
        cluster = self._connected()
        if self._outdated.is_set() and time.monotonic() - self._refreshed_s > _REFRESH_S:
            self._refreshed_s = time.monotonic()
            self._outdated.clear()
            self._in_time({"the map": lambda: cluster.nodes_manager.initialize()})
        found: dict[str, list[int]] = defaultdict(list)
        for number in numbers:
            try:
                node = cluster.nodes_manager.get_node_from_slot(cluster.determine_slot(stream(number)))
            except ERRORS:  # nobody has the slot
                self._outdated.set()
            else:
                found[str(node.name)].append(number)
        return found

    def _of_each(self, numbers: Iterable[int], command: Callable[[int], _Command], missing: str = "") -> dict[int, Any]:
        """The answers to a command about each partition; None where it says that the stream is missing."""
        by_node = self._by_node(numbers)
        answers = self._ask_each({node: [command(number) for number in some] for node, some in by_node.items()})
        found = {}
        for node, said in answers.items():
            for number, each in zip(by_node[node], said, strict=True):
                result = self._redirected(command(number)) if isinstance(each, AskError) else each
                if missing and missing in str(result) and isinstance(result, Exception):
                    result = None
                if not isinstance(result, Exception):
                    found[number] = result
                elif not isinstance(result, MovedError):
                    log.error("partition %d can't be read: %s", number, _reason(result))
        return found

    def _redirected(self, command: _Command) -> Any:
        """A command once more, by whoever has the key now: it is on its way from one node to another."""
        self._outdated.set()
        try:
            return self._connected().execute_command(*command)
        except ERRORS as error:
            return error if isinstance(error, MovedError) else MovedError("0 nowhere:0")

    def _ask_each(self, commands: Mapping[str, list[_Command]]) -> dict[str, list[Any]]:
        """The answers of those nodes that give them in time, errors among them. Raises `StoreAway` if none does."""
        cluster = self._connected()

        def asking(name: str, some: list[_Command]) -> Callable[[], list[Any]]:
            def ask() -> list[Any]:
                client: Any = cluster.get_redis_connection(cluster.get_node(node_name=name))
                pipeline = client.pipeline(transaction=False)
                for command in some:
                    pipeline.execute_command(*command)
                answers: list[Any] = pipeline.execute(raise_on_error=False)
                return answers

            return ask

        answers = self._in_time({name: asking(name, some) for name, some in commands.items()})
        if not answers:
            raise StoreAway("; ".join(sorted(set(self._away.values()))) or "no node has any of these partitions")
        return answers

    def _in_time(self, jobs: Mapping[str, Callable[[], _T]]) -> dict[str, _T]:
        """What came of these in time, by node. Who has not answered yet what it was asked before is not asked again."""
        begun: dict[str, Future[_T]] = {}
        for name, job in jobs.items():
            if name not in self._asked or self._asked[name].done():
                begun[name] = self._asked[name] = self._pool.submit(job)
        wait(begun.values(), timeout=_GRACE_S)
        found = {}
        for name in jobs:
            future = begun.get(name)
            if future is None or not future.done():
                self._note(name, f"{name} does not answer")
                continue
            try:
                found[name] = future.result()
            except ERRORS as error:
                self._note(name, _reason(error))
            else:
                self._note(name, "")
        return found

    def _note(self, name: str, reason: str) -> None:
        """Remember, and say once, that a node is away or back."""
        if reason:
            self._outdated.set()
        if reason and name not in self._away:
            log.warning("a node of the stream store is away: %s; the other partitions go on", reason)
        elif not reason and name in self._away:
            log.warning("the stream store's node %s answers again", name)
        if reason:
            self._away[name] = reason
        else:
            self._away.pop(name, None)


def open_streams(url: str) -> Streams:
    """The reader's end of the streams that a URL names."""
    return ClusterStreams(url) if is_cluster(url) else Streams(url)


def _reason(error: BaseException) -> str:
    said = answer(error)
    return f"{type(said).__name__}: {said}"
