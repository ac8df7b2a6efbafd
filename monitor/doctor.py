"""`offhook check`: can this installation work as it is configured?"""

import time
from contextlib import suppress
from typing import Any, Final

import redis
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import DatabaseError

from collectors.redis_cluster import ERRORS, Cluster, answer, is_single
from collectors.wire.cluster import is_cluster
from monitor.conf import Config, load
from monitor.services import schema

_TIMEOUT_S: Final = 5.0
_APART_S: Final = 1.0  # clocks of a cluster's nodes


def examine() -> list[str]:
    """One line a problem, none when all is well."""
    return [*_configuration(), *_database(), *_stores(load())]


def _configuration() -> list[str]:
    try:
        call_command("check", verbosity=0)
    except SystemCheckError as error:
        return [str(error).strip()]
    return []


def _database() -> list[str]:
    try:
        schema.require()
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except schema.OtherSchemaError as error:
        return [str(error)]
    except DatabaseError as error:
        return [f"the database can't be used: {str(error).strip()}"]
    return [f"the database lacks {len(missing)} migrations: run offhook migrate"] if missing else []


def _stores(config: Config) -> list[str]:
    problems = []
    for url, name in {config.bus_url: "the bus", config.stream_url: "the stream store"}.items():
        if is_cluster(url):
            problems += _cluster(url)
            continue
        try:
            with redis.Redis.from_url(url, retry=None, socket_timeout=5) as client:
                client.ping()
        except redis.RedisError as error:
            # redis-py's messages name host and port, and never the password.
            problems.append(f"{name} does not answer: {error}")
    return problems


def _cluster(url: str) -> list[str]:
    """What keeps a Redis Cluster from carrying the streams."""
    try:
        cluster: Any = Cluster(url, timeout_s=_TIMEOUT_S)
    except ERRORS as error:
        if is_single(error):
            return ["the stream store is a single server and no cluster: name it in a URL that begins with redis://"]
        return [f"the stream store does not answer: {answer(error)}"]
    problems, clocks = [], []
    for node in cluster.get_primaries():
        client = cluster.get_redis_connection(node)
        try:
            before_s = time.time()
            seconds, microseconds = client.time()
            clocks.append(seconds + microseconds / 1e6 - (before_s + time.time()) / 2)
            with suppress(redis.ResponseError):  # it need not be permitted
                if client.config_get("cluster-require-full-coverage").get("cluster-require-full-coverage") == "yes":
                    problems.append(
                        f"the stream store's node {node.name} stops when another is away: "
                        "set cluster-require-full-coverage no"
                    )
        except redis.RedisError as error:
            problems.append(f"the stream store's node {node.name} does not answer: {error}")
    cluster.close()
    if clocks and max(clocks) - min(clocks) > _APART_S:
        problems.append(
            f"the clocks of the stream store's nodes are {max(clocks) - min(clocks):.1f} s apart: set them by NTP"
        )
    return problems
