"""A batch as bytes and back: msgpack, then zstd. And where a message goes: its partition.

Decoding is total in the sense of `BatchError`: whatever bytes come in, the outcome is a `Batch` or
that one error with its reason, within a bounded amount of memory.
"""

from typing import Final
from zlib import crc32

import msgspec
import zstandard

from collectors.wire.events import SCHEMA, Batch

# The stream of a partition. The braces are a Redis Cluster hash tag: they let a cluster place
# partitions on different nodes.
STREAM: Final = "offhook:events:{%02d}"
# The key that fixes the number of partitions for the life of the streams.
PARTITIONS_KEY: Final = "offhook:partitions"
# The one field of a stream entry.
FIELD: Final = b"batch"
DEFAULT_PARTITIONS: Final = 8

# A batch holds at most some thousands of messages of at most 64 KiB; more is an attack or an error.
MAX_BATCH_BYTES: Final = 64 * 1024 * 1024

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Batch)
_schema_decoder = msgspec.msgpack.Decoder(list[msgspec.Raw])


class BatchError(ValueError):
    """These bytes are no batch that this version reads; trying again does not help."""


def stream(partition: int) -> str:
    """The stream key of a partition: 3 → "offhook:events:{03}"."""
    return STREAM % partition


def partition_of(call_id: str, source: str, partitions: int) -> int:
    """The partition of a message: by Call-ID, or by source address when it has none."""
    return crc32((call_id or source).encode("utf-8", "surrogatepass")) % partitions


def encode(batch: Batch) -> bytes:
    """Batch → bytes (zstd level 1 of msgpack; ~20–150 octets a message)."""
    return zstandard.compress(_encoder.encode(batch), 1)


def decode(data: bytes) -> Batch:
    """Bytes → Batch. Raises `BatchError` with a reason that can be shown."""
    try:
        # The frame says how large it becomes, and zstd allocates that: ask before unpacking.
        size = zstandard.frame_content_size(data)
        if not 0 <= size <= MAX_BATCH_BYTES:
            raise BatchError(f"a frame of {size} octets, where 0 to {MAX_BATCH_BYTES} are allowed")
        plain = zstandard.decompress(data)
    except zstandard.ZstdError as error:
        raise BatchError(f"not a zstd frame: {error}") from error
    try:
        batch = _decoder.decode(plain)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BatchError(_reason(plain, error)) from error
    if batch.schema > SCHEMA:
        raise BatchError(_newer(batch.schema))
    return batch


def _reason(plain: bytes, error: Exception) -> str:
    try:
        schema = msgspec.msgpack.decode(_schema_decoder.decode(plain)[0], type=int)
    except (msgspec.MsgspecError, IndexError, RecursionError):
        return f"not a batch: {error}"
    if schema > SCHEMA:
        return _newer(schema)
    return f"schema {schema}, damaged: {error}"


def _newer(schema: int) -> str:
    return f"schema {schema} is newer than {SCHEMA}: upgrade the server before its collectors"
