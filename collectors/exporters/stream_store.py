"""The stream store as a collector sees it: the number of partitions, and entries appended to them.

The client's own retries are off: only the exporter knows that a retry must resend the same batch.
"""

import threading
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from collectors.redis_cluster import ERRORS, Cluster, answer, is_single
from collectors.wire.cluster import is_cluster, seeds
from collectors.wire.codec import FIELD, PARTITIONS_KEY, stream

_TIMEOUT_S: Final = 2.0
_MAX_PARTITIONS: Final = 64
_ACL: Final = "its ACL needs +get +set on ~offhook:partitions and +xadd on ~offhook:events:*"


class StoreError(Exception):
    """The store took nothing. The text says why, and never holds a password."""

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent  # only the operator can mend it


class StreamStore:
    """One connection to a Redis or Valkey server."""

    _acl = _ACL

    def __init__(self, url: str, client_name: str) -> None:
        """Raises `StoreError`."""
        self.shown = shown(url)
        try:
            self._client: Any = self._new_client(url, client_name)
        except ValueError as error:
            # The error may quote the URL, and with it the password.
            raise StoreError("the stream store's URL is none that can be read", permanent=True) from error

    def connect(self, partitions: int) -> int:
        """The number of partitions, which is `partitions` when nobody has fixed it yet. Raises `StoreError`."""
        try:
            known = self._client.get(PARTITIONS_KEY)
            if known is None:
                self._client.set(PARTITIONS_KEY, partitions, nx=True)
                known = self._client.get(PARTITIONS_KEY)
        except ERRORS as error:
            raise self._error(error) from error
        text = known.decode("ascii", "replace") if isinstance(known, bytes) else str(known)
        if not text.isdecimal() or not 1 <= int(text) <= _MAX_PARTITIONS:
            raise StoreError(f"{PARTITIONS_KEY} in {self.shown} is {text!r}, which is no count", permanent=True)
        return int(text)

    def append(self, entries: list[tuple[int, bytes]]) -> list[StoreError | None]:
        """Append (partition, batch) in one round trip: for each None, or why it was refused.

        Raises `StoreError` when the answer didn't come: then any of them may have been accepted.
        """
        pipeline = self._client.pipeline(transaction=False)
        for partition, data in entries:
            pipeline.xadd(stream(partition), {FIELD: data})
        try:
            answers = pipeline.execute(raise_on_error=False)
        except redis.RedisError as error:
            raise self._error(error) from error
        return [self._error(answer) if isinstance(answer, redis.RedisError) else None for answer in answers]

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _new_client(self, url: str, client_name: str) -> Any:
        return redis.Redis.from_url(
            url,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            client_name=client_name,
        )

    def _error(self, error: Exception) -> StoreError:
        said = answer(error)
        if isinstance(said, redis.AuthenticationError):
            reason = "refuses the user name or password, or wants one that the URL doesn't have"
        elif isinstance(said, redis.exceptions.NoPermissionError):
            reason = f"does not permit this: {self._acl}"
        elif is_single(error):
            reason = "is a single server and no cluster: name it in a URL that begins with redis://"
        elif isinstance(said, redis.exceptions.MovedError) and not isinstance(self._client, Cluster):
            reason = "is one node of a cluster: name its nodes in a URL that begins with redis+cluster://"
        elif isinstance(said, redis.exceptions.OutOfMemoryError):
            return StoreError(f"{self.shown} is full")
        elif isinstance(said, (redis.ConnectionError, redis.TimeoutError)):
            return StoreError(f"{self.shown} does not answer: {said}")
        else:
            return StoreError(f"{self.shown} refuses: {said}")
        return StoreError(f"{self.shown} {reason}", permanent=True)


class ClusterStore(StreamStore):
    """The nodes of a Redis Cluster, of which each has some of the partitions. For several threads."""

    _acl = f"{_ACL}, and +command +cluster|slots +asking"

    def __init__(self, url: str, client_name: str) -> None:
        """Raises `StoreError`."""
        self._connecting = threading.Lock()
        self._known = 0  # partitions, once a node has told
        super().__init__(url, client_name)

    def connect(self, partitions: int) -> int:
        """The same. Once known, it is not asked of its node again while that is away: others go on."""
        with self._connecting:
            if self._client is None:
                try:
                    url, client_name = self._named
                    self._client = Cluster(url, timeout_s=_TIMEOUT_S, client_name=client_name)
                except ERRORS as error:
                    raise self._error(error) from error
        try:
            self._known = super().connect(partitions)
        except StoreError as error:
            if error.permanent or not self._known:
                raise
        return self._known

    def append(self, entries: list[tuple[int, bytes]]) -> list[StoreError | None]:
        """Append (partition, batch), one after the other, each to the node that has its partition now."""
        errors: list[StoreError | None] = []
        for partition, data in entries:
            try:
                self._client.xadd(stream(partition), {FIELD: data})
                errors.append(None)
            except ERRORS as error:
                errors.append(self._error(error))
        return errors

    def close(self) -> None:
        """Close all connections."""
        if self._client is not None:
            with suppress(OSError):
                self._client.close()

    def _new_client(self, url: str, client_name: str) -> Any:
        seeds(url)  # raises what is wrong with it
        self._named = url, client_name
        return None  # made by the first that connects: it asks a node for its map


def open_store(url: str, client_name: str) -> StreamStore:
    """The stream store that a URL names. Raises `StoreError`."""
    return (ClusterStore if is_cluster(url) else StreamStore)(url, client_name)


def shown(url: str) -> str:
    """A URL for people: without user and password, and without its query, which may hold them too."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
