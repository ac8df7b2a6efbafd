"""The measures of ended calls over a span of time, by one dimension."""

from typing import Any, Final

import msgspec

from monitor.core.measures import Dimension, Tally, figures, most_first
from monitor.models import MeasureBucket
from monitor.models.measures import BUCKET_US

MOST_SHOWN: Final = 100
_ALL: Final = Dimension.DIRECTION  # every call has one of four: the cheapest way to add up all
_WHOLE: Final = frozenset({_ALL, Dimension.REGISTRAR})  # whose keys add up to all that they are of


def measures(dimension: Dimension, since_us: int) -> tuple[dict[str, Any], list[dict[str, Any]], int]:
    """(figures of all calls, figures by key with `key`, how many keys there are), of calls that ended since then; by
    registrar, of the registrations that began since then.

    The keys with the most calls, or registrations, come first.
    """
    tallies = _tallies(dimension, since_us)
    whole = Tally()
    for tally in (tallies if dimension in _WHOLE else _tallies(_ALL, since_us)).values():
        whole.merge(tally)
    rows = sorted(tallies.items(), key=most_first)
    shown = [msgspec.to_builtins(figures(tally)) | {"key": key} for key, tally in rows[:MOST_SHOWN]]
    return msgspec.to_builtins(figures(whole)), shown, len(rows)


def _tallies(dimension: Dimension, since_us: int) -> dict[str, Tally]:
    found: dict[str, Tally] = {}
    rows = MeasureBucket.objects.filter(dimension=dimension.value, bucket__gte=since_us // BUCKET_US)
    decode = msgspec.msgpack.Decoder(Tally).decode
    for key, data in rows.values_list("key", "tally").iterator(chunk_size=500):
        found.setdefault(key, Tally()).merge(decode(bytes(data)))
    return found
