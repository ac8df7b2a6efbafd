"""Where the rows of a record lie: `OPEN` until it is put away, `IMPORTED` where an import made it, else the UTC day
(YYYYMMDD) of its last message. All rows of a record lie on one shelf.
"""

from datetime import UTC, datetime
from typing import Final

from collectors.sip.timers import SECOND

OPEN: Final = 0
IMPORTED: Final = -1
# As SQL: what no import made. Whoever looks for rows by their keys says so, and not "import_id = 0", for which SQLite
# would look through all that is live: it knows nothing of how many rows that are.
LIVE: Final = f"shelf >= {OPEN}"
_LAST_S: Final = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())


def day_of(time_us: int) -> int:
    """The UTC day of a time as YYYYMMDD, held within the calendar."""
    moment = datetime.fromtimestamp(min(max(time_us // SECOND, 0), _LAST_S), UTC)
    return moment.year * 10_000 + moment.month * 100 + moment.day
