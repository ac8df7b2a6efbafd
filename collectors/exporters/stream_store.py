"""The stream store as a collector sees it: the number of partitions, and entries appended to them.

The client's own retries are off: only the exporter knows that a retry must resend the same batch.
"""

from typing import Final
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

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

    def __init__(self, url: str, client_name: str) -> None:
        self.shown = shown(url)
        try:
            self._client = redis.Redis.from_url(
                url,
                retry=Retry(NoBackoff(), 0),
                socket_timeout=_TIMEOUT_S,
                socket_connect_timeout=_TIMEOUT_S,
                client_name=client_name,
            )
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
        except redis.RedisError as error:
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

    def _error(self, error: redis.RedisError) -> StoreError:
        if isinstance(error, redis.AuthenticationError):
            reason = "refuses the user name or password, or wants one that the URL doesn't have"
        elif isinstance(error, redis.exceptions.NoPermissionError):
            reason = f"does not permit this: {_ACL}"
        elif isinstance(error, redis.exceptions.OutOfMemoryError):
            return StoreError(f"{self.shown} is full")
        elif isinstance(error, (redis.ConnectionError, redis.TimeoutError)):
            return StoreError(f"{self.shown} does not answer: {error}")
        else:
            return StoreError(f"{self.shown} refuses: {error}")
        return StoreError(f"{self.shown} {reason}", permanent=True)


def shown(url: str) -> str:
    """A URL for people: without user and password, and without its query, which may hold them too."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
