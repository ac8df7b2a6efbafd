"""Dead letters: entries that were set aside, kept whole, and taken once more when what failed on them is mended.

A letter goes through the stream of its partition again, as an entry that only names it. So it has its place among
the others, and the commit that writes what is in it deletes it. Asked for twice, it is taken once. What was set aside
of the commit log goes into that again.
"""

from collections.abc import Collection

from msgspec.structs import replace

from monitor.ingest.cluster import open_streams
from monitor.ingest.stream import Entry
from monitor.models import DeadLetter
from monitor.services import commit_log, database


def replay(url: str, ids: Collection[int] | None = None) -> int:
    """Send these letters (all, when none are named) through ingest again, the oldest first; how many they are.

    Raises `StoreAway`; then none, or some, are on their way.
    """
    folded = commit_log.take_again(database.now_us(), ids)
    letters = DeadLetter.objects.exclude(entry_id__startswith=commit_log.ASIDE).order_by("stored_us", "id")
    if ids is not None:
        letters = letters.filter(id__in=ids)
    named = list(letters.values_list("partition", "entry_id"))
    streams = open_streams(url)
    try:
        streams.send_again(named)
    finally:
        streams.close()
    return len(named) + folded


def opened(number: int, entry: Entry) -> Entry:
    """An entry of this partition that names a letter, with what is in that: nothing, where there is none (any more)."""
    letter = DeadLetter.objects.filter(partition=number, entry_id=entry.again).first()
    if letter is None:
        return entry
    return replace(entry, data=bytes(letter.data), kept_us=letter.stored_us, lost_us=letter.lost_us)
