"""Waiting for what is away: longer each time, and said once, not each time."""

import logging
import time
from typing import Final

_FIRST_S: Final = 0.1
_LONGEST_S: Final = 2.0
_REMIND_S: Final = 60.0

log = logging.getLogger(__name__)


class Patience:
    """One for each loop. `failed` says how long to wait, `succeeded` that it is over."""

    def __init__(self) -> None:
        self._wait_s = 0.0
        self._since = 0.0  # time.monotonic()
        self._said = 0.0
        self._what = self._why = ""

    def failed(self, what: str, error: BaseException) -> float:
        """`what` ("the database is away") for this reason; how many seconds to wait before the next try."""
        now, why = time.monotonic(), str(error)
        if not self._what:
            self._since = now
        if (what, why) != (self._what, self._why) or now - self._said > _REMIND_S:
            log.warning("%s: %s; trying again", what, why)
            self._what, self._why, self._said = what, why, now
        self._wait_s = min(max(2 * self._wait_s, _FIRST_S), _LONGEST_S)
        return self._wait_s

    def succeeded(self) -> None:
        """It works (again)."""
        if self._what:
            log.warning("no longer %r, after %.1f s", self._what, time.monotonic() - self._since)
        self._wait_s, self._what, self._why = 0.0, "", ""
