"""Frames to the browsers: what changed with the last commit, read again as it stands.

Only the overview announces, one frame a commit and at most ten a second. A frame that is lost (the bus
is away, the process dies before it) leaves a gap in `sequence`, and a browser that sees one starts afresh.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, NotRequired, Required, TypedDict

import msgspec
import redis
from channels.layers import get_channel_layer
from django.db import Error
from redis.backoff import NoBackoff
from redis.retry import Retry

from monitor import queries
from monitor.conf import load
from monitor.core.metrics import Metrics
from monitor.core.updates import (
    AlertAcknowledged,
    CollectorReported,
    Committed,
    ConditionChanged,
    ConnectionFailed,
    FindingCleared,
    FindingConfirmed,
    FindingRaised,
    Kind,
    LossRecorded,
    RecordKey,
    Severity,
)

log = logging.getLogger(__name__)

LIVE: Final = "live"
RECORD: Final = "record."  # and the slug
# More changed rows than this in one list: a frame has those that tell of a serious failure, and the browser gets the
# others with a snapshot now and then. A thousand rows a second are more than anybody reads, or draws in vain.
ROWS: Final = 100
_GROUP: Final = "__group__"  # before its name, in that of the layer's channel
_TIMEOUT_S: Final = 2.0
_RETRY_S: Final = 2.0

Row = dict[str, Any]
_RANK: Final = {severity: rank for rank, severity in enumerate(Severity)}
_MILD: Final = _RANK[Severity.MINOR]


class Delta(TypedDict):
    """What group `live` gets; the snapshot has the same shape. Rows are whole values: upserts by slug, id, name."""

    type: Required[Literal["delta"]]
    sequence: int
    watermark_us: int
    metrics: dict[str, Any]  # core.metrics.Metrics
    calls: list[Row]
    registrations: list[Row]
    alerts: list[Row]
    collectors: list[Row]
    thin: NotRequired[list[str]]  # lists of which more changed than is here: a snapshot has it


class RecordChanged(TypedDict):
    """What group `record.SLUG` gets: read it again."""

    type: Literal["record"]
    slug: str
    version: int


class Touched(msgspec.Struct, frozen=True):
    """What a commit changed, by name."""

    calls: list[str]
    registrations: list[str]
    transactions: list[str]
    alerts: list[int]
    collectors: list[str]
    judged: dict[str, int]  # of the records those of which a finding came, stands now, or went: 0 is the worst

    @classmethod
    def by(cls, commits: Iterable[Committed], alerts: Iterable[int] = ()) -> "Touched":
        """Everything that these commits name, and these alerts."""
        keys: dict[RecordKey, None] = {}
        collectors: dict[str, None] = {}
        numbers = dict.fromkeys(alerts)
        judged: dict[str, int] = {}
        for committed in commits:
            keys.update(dict.fromkeys(committed.touched))
            for update in committed.updates:
                match update:
                    case CollectorReported() | LossRecorded():
                        collectors[update.collector] = None
                    case ConnectionFailed() | ConditionChanged():
                        pass  # of no record
                    case AlertAcknowledged():
                        numbers[update.alert_id] = None
                    case FindingRaised() | FindingConfirmed() | FindingCleared():
                        keys[update.key] = None
                        slug, rank = update.key.slug, _RANK[update.finding.severity]
                        judged[slug] = min(judged.get(slug, rank), rank)
                    case _:
                        keys[update.key] = None
        slugs: dict[Kind, list[str]] = {kind: [] for kind in Kind}
        for key in keys:
            slugs[key.kind].append(key.slug)
        return cls(
            calls=slugs[Kind.CALL],
            registrations=slugs[Kind.REGISTRATION],
            transactions=slugs[Kind.TRANSACTION],
            alerts=list(numbers),
            collectors=list(collectors),
            judged=judged,
        )


def delta(sequence: int, metrics: Metrics, touched: Touched) -> Delta:
    """The frame of a commit, its rows read now."""
    frame = Delta(
        type="delta",
        sequence=sequence,
        watermark_us=metrics.at_us,
        metrics=msgspec.to_builtins(metrics),
        calls=[],
        registrations=[],
        alerts=[],
        collectors=[],
    )
    frame["calls"] = _read(queries.call_rows, _most(touched.calls, touched.judged))
    frame["registrations"] = _read(queries.registration_rows, _most(touched.registrations, touched.judged))
    frame["alerts"] = _read(queries.alert_rows, touched.alerts[-ROWS:])
    frame["collectors"] = _read(queries.collector_rows, touched.collectors[:ROWS])
    thin = [name for name in queries.LISTS if len(getattr(touched, name)) > ROWS]
    if thin:
        frame["thin"] = thin
    return frame


def _most(slugs: Sequence[str], judged: Mapping[str, int]) -> Sequence[str]:
    """All, or where they are too many those that tell of a serious failure, the worst first."""
    if len(slugs) <= ROWS:
        return slugs
    return sorted((slug for slug in slugs if judged.get(slug, _MILD) < _MILD), key=judged.__getitem__)[:ROWS]


def _read(rows: Callable[[Sequence[Any]], list[Row]], names: Sequence[Any]) -> list[Row]:
    return rows(names) if names else []


class Announcer:
    """Sends frames over the channel layer. Never raises: who misses a frame gets a snapshot."""

    def __init__(self) -> None:
        # One loop for life: the layer keeps a connection for each.
        self._runner = asyncio.Runner()
        self._layer: Any = get_channel_layer()
        self._bus: Any = redis.Redis.from_url(
            load().bus_url,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            decode_responses=True,
        )
        self._try_again_at = 0.0
        self._lost = False

    def announce(self, sequence: int, metrics: Metrics, touched: Touched) -> None:
        """Tell every page what this commit changed."""
        if time.monotonic() < self._try_again_at:
            return
        try:
            # Who joins behind this look reads a snapshot behind it, too, and that has what is committed.
            groups = self._groups()
            slugs = (*touched.calls, *touched.registrations, *touched.transactions)
            self._send(
                [
                    *([(LIVE, delta(sequence, metrics, touched))] if LIVE in groups else ()),
                    *(
                        (f"{RECORD}{slug}", RecordChanged(type="record", slug=slug, version=sequence))
                        for slug in slugs
                        if f"{RECORD}{slug}" in groups
                    ),
                ]
            )
            self._lost = False
        except Error as error:
            # The commit stands; whoever asks the database next finds out what is wrong with it.
            log.warning("what changed can't be read for the pages: %s", error)
        except (redis.RedisError, OSError, TimeoutError) as error:
            if not self._lost:
                log.warning("the bus does not take frames, pages are not live: %s", error)
            self._lost = True
            self._try_again_at = time.monotonic() + _RETRY_S

    def close(self) -> None:
        """End the loop and the connections."""
        self._runner.close()
        self._bus.close()

    def _groups(self) -> set[str]:
        """Those in which somebody is: hundreds of records change at a time, and few are open in a browser, or none."""
        return {name.partition(_GROUP)[2] for name in self._bus.pubsub_channels(f"*{_GROUP}*")}

    def _send(self, frames: Sequence[tuple[str, Delta | RecordChanged]]) -> None:
        async def send() -> None:
            async with asyncio.timeout(_TIMEOUT_S):
                for group, frame in frames:
                    await self._layer.group_send(group, frame)

        self._runner.run(send())
