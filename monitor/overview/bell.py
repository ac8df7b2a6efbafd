"""The doorbell: waits for ingest's word that something was committed; where it can't be heard, for the time."""

import logging
import time
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

log = logging.getLogger(__name__)

DOORBELL: Final = "offhook:committed"
# How long without a bell: the commit log is looked into so often at least.
POLL_S: Final = 0.25
_RETRY_S: Final = 2.0
_TIMEOUT_S: Final = 2.0


class Bell:
    """A subscription, made when needed and again when it broke. Never raises: without a bell one polls."""

    def __init__(self, url: str) -> None:
        # No retries of the client's own: a hidden wait here would delay every alert.
        self._client: Any = redis.Redis.from_url(
            url, retry=Retry(NoBackoff(), 0), socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S
        )
        self._subscription: Any = None
        self._try_again_at = 0.0
        self._lost = False

    def wait(self, seconds: float = POLL_S) -> None:
        """Until it was rung since the last call, `seconds` at most."""
        until = time.monotonic() + seconds
        try:
            self._listen(until)
        except (redis.RedisError, OSError) as error:
            self._lose(error)
        if self._subscription is None:
            time.sleep(max(0.0, until - time.monotonic()))

    def close(self) -> None:
        """Let go of the connection."""
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None
        self._client.close()

    def _listen(self, until: float) -> None:
        if self._subscription is None:
            if time.monotonic() < self._try_again_at:
                return
            subscription: Any = self._client.pubsub(ignore_subscribe_messages=True)
            subscription.subscribe(DOORBELL)
            self._subscription = subscription
            self._lost = False
        rung = False
        while not rung:
            left = until - time.monotonic()
            if left <= 0:
                return
            rung = self._subscription.get_message(timeout=left) is not None
        # One look into the log answers all that rang.
        while self._subscription.get_message(timeout=0) is not None:
            pass

    def _lose(self, error: Exception) -> None:
        if not self._lost:
            log.warning("no doorbell, polling the commit log instead: %s", error)
        self._lost = True
        self._try_again_at = time.monotonic() + _RETRY_S
        self.close()
