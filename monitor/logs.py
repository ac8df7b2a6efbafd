"""What the log leaves out."""

import logging
from typing import Final

# As uvicorn and websockets say it of each page that somebody opens or leaves.
_COMINGS_AND_GOINGS: Final = frozenset({"connection open", "connection closed", '%s - "WebSocket %s" [accepted]'})


class WithoutSockets(logging.Filter):
    """Drops the lines of every live page that comes or goes; what goes wrong with one stays."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is kept."""
        return record.msg not in _COMINGS_AND_GOINGS
