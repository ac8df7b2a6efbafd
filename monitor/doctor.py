"""`offhook check`: can this installation work as it is configured?"""

import redis
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import DatabaseError

from monitor.conf import Config, load
from monitor.services import schema


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
        try:
            with redis.Redis.from_url(url, retry=None, socket_timeout=5) as client:
                client.ping()
        except redis.RedisError as error:
            # redis-py's messages name host and port, and never the password.
            problems.append(f"{name} does not answer: {error}")
    return problems
