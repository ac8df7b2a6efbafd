"""The reader's end of the event streams: read from an offset, trim what is committed, ring the bell.

Built on a client without retries (an XREAD sent twice is harmless, but a hidden wait is not) and with
explicit time-outs. Whatever keeps the store from answering is one error, `StoreAway`.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
import redis

from collectors.sip.timers import SECOND
from collectors.wire.codec import FIELD, PARTITIONS_KEY, stream

DOORBELL: Final = "offhook:committed"
BEGINNING: Final = "0-0"
AGAIN: Final = b"again"  # the one field of an entry that names a dead letter
COUNT: Final = 16  # entries of a partition and read
_TIMEOUT_S: Final = 5.0  # longer than any block


class StoreAway(Exception):  # noqa: N818 - a state of the world, said in one word
    """The stream store doesn't answer, or not as it should; trying again later may help."""


class PartitionsDifferError(ValueError):
    """The streams were made with another number of partitions; trying again does not help."""


class Entry(msgspec.Struct, frozen=True):
    """One entry of a partition's stream. `data` is None where the entry has not the one field it must have."""

    id: str  # "MILLISECONDS-SERIAL"
    data: bytes | None
    again: str = ""  # the id of the entry that was set aside, and is to be taken now
    kept_us: int = 0  # stream time of that one
    lost_us: int = 0  # when the loss begins that was told of it; 0: none was

    @property
    def stored_us(self) -> int:
        """When the store took it, by its clock, µs since the epoch."""
        return position(self.id)[0] * 1_000


class Clock(msgspec.Struct, frozen=True):
    """What the clock of a partition's server says."""

    now_us: int  # µs since the epoch
    server: str = ""  # which one, where there are several


def position(entry_id: str) -> tuple[int, int]:
    """An entry's id in the order of the stream: "1700000000000-3" → (1700000000000, 3)."""
    milliseconds, _, serial = entry_id.partition("-")
    return int(milliseconds), int(serial or 0)


def after(entry_id: str) -> str:
    """The smallest id that follows."""
    milliseconds, serial = position(entry_id)
    return f"{milliseconds}-{serial + 1}"


class Streams:
    """A connection to the stream store, made when needed."""

    def __init__(self, url: str) -> None:
        # Any: its stubs know answers of typed methods only, and some of them may be awaitable.
        self._client: Any = redis.Redis.from_url(
            url, retry=None, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S, protocol=2
        )

    def fix_partitions(self, partitions: int) -> None:
        """Set the number of partitions for the streams' life, or hold it against the one that is set."""
        self._ask("SET", PARTITIONS_KEY, partitions, "NX")
        there = self._ask("GET", PARTITIONS_KEY)
        if there != str(partitions).encode():
            raise PartitionsDifferError(
                f"OFFHOOK_PARTITIONS is {partitions}, but these streams were made with {there.decode()}: "
                "set it to that, or empty the stream store while nothing runs"
            )

    def now_us(self) -> int:
        """The store's clock, µs since the epoch."""
        seconds, microseconds = self._ask("TIME")
        return int(seconds) * SECOND + int(microseconds)

    def clocks(self, numbers: Iterable[int]) -> dict[int, Clock]:
        """The clocks of those partitions that can be read now."""
        return dict.fromkeys(numbers, Clock(self.now_us()))

    def read(self, offsets: Mapping[int, str], block_ms: int) -> dict[int, list[Entry]]:
        """What follows the offset in each partition that was read, which may be nothing.

        Waits up to `block_ms` (> 0) for the first entry. Who had to wait is told of that one alone, though a
        collector appends to all partitions in one go: so the others are asked once more.
        """
        found = self._xread(offsets, "BLOCK", block_ms)
        if 0 < len(found) < len(offsets):
            found |= self._xread({number: offsets[number] for number in offsets if number not in found})
        return {number: found.get(number, []) for number in offsets}

    def last_ids(self, numbers: Iterable[int]) -> dict[int, str]:
        """The last id that each stream ever gave out, where that can be told; "0-0" where there is no stream."""
        return {number: self._last_id(number) for number in numbers}

    def trim(self, committed: Mapping[int, str]) -> None:
        """Drop everything up to these offsets."""
        self._pipeline([("XTRIM", stream(number), "MINID", after(offset)) for number, offset in committed.items()])

    def send_again(self, letters: Iterable[tuple[int, str]]) -> None:
        """Append an entry for each of these dead letters: (partition, id of the entry that was set aside)."""
        self._pipeline([("XADD", stream(number), "*", AGAIN, entry_id) for number, entry_id in letters])

    def ring(self) -> None:
        """Tell whoever listens that something was committed."""
        self._ask("PUBLISH", DOORBELL, "")

    def close(self) -> None:
        """Let go of the connection; the next command makes a new one."""
        self._client.close()

    def _xread(self, offsets: Mapping[int, str], *options: str | int) -> dict[int, list[Entry]]:
        names = {stream(number).encode(): number for number in offsets}
        answer = self._ask("XREAD", "COUNT", COUNT, *options, "STREAMS", *names, *(offsets[n] for n in names.values()))
        return {names[name]: [entry(*pair) for pair in entries] for name, entries in answer or ()}

    def _last_id(self, number: int) -> str:
        try:
            information = self._client.xinfo_stream(stream(number))
        except redis.ResponseError as error:
            if "no such key" in str(error):
                return BEGINNING
            raise StoreAway(str(error)) from error
        except redis.RedisError as error:
            raise StoreAway(_reason(error)) from error
        return last_id(information)

    def _ask(self, *command: Any) -> Any:
        try:
            return self._client.execute_command(*command)
        except redis.RedisError as error:
            raise StoreAway(_reason(error)) from error

    def _pipeline(self, commands: list[tuple[Any, ...]]) -> None:
        try:
            pipeline = self._client.pipeline(transaction=False)
            for command in commands:
                pipeline.execute_command(*command)
            pipeline.execute()
        except redis.RedisError as error:
            raise StoreAway(_reason(error)) from error


def last_id(information: Any) -> str:
    """The last id that a stream gave out, of what XINFO says of it, which is None where there is none."""
    return str(information["last-generated-id"].decode()) if information else BEGINNING


def entry(entry_id: bytes, fields: Any) -> Entry:
    """An entry as the client gives it."""
    return Entry(entry_id.decode(), fields.get(FIELD), fields.get(AGAIN, b"").decode("ascii", "replace"))


def _reason(error: Exception) -> str:
    if isinstance(error, redis.exceptions.MovedError):
        return (
            "OFFHOOK_STREAM_URL names one node of a cluster: name its nodes, in a URL that begins with redis+cluster://"
        )
    return f"{type(error).__name__}: {error}"
