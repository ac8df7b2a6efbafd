"""The members of `offhook analyze --json`, schema 1, that each record has. `docs/analyze.md` defines them.

Plain Python: msgspec Structs lose their options when compiled. They are trees: no garbage is looked for in them.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import msgspec

from monitor.core.quality import QualityRow
from monitor.core.stream_row import Side


class LegEntry(msgspec.Struct, frozen=True, gc=False):
    """Another leg of a call's conversation."""

    call_id: str
    confidence: int
    reason: str


class FindingEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A finding about a record."""

    code: str
    variant: str
    state: str
    severity: str
    at: str | None
    hop: str
    messages: tuple[int, ...]
    cause: str
    remedy: str


class SideEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What was seen beside the messages of a record."""

    at: str | None
    kind: str
    source: str
    destination: str
    text: str
    values: Mapping[str, float]


class StreamEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A stream of an offer, with both sides beside each other."""

    at: str | None
    messages: tuple[int, ...]
    method: str
    kind: str
    state: str
    offer: Side
    answer: Side | None
    common: tuple[str, ...]


class CallEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A call."""

    call_id: str
    from_uri: str = msgspec.field(name="from")
    to_uri: str = msgspec.field(name="to")
    caller: str
    callee: str
    state: str
    status: int | None
    answered: bool
    acked: bool | None
    first: str | None
    setup_ms: float | None
    pdd_ms: float | None
    duration_ms: float | None
    disconnect_ms: float | None
    user_agent: str
    legs: Sequence[LegEntry]
    messages: int
    retransmissions: int
    hops: tuple[str, ...]
    findings: Sequence[FindingEntry]
    anomalies: tuple[str, ...]
    media: Sequence[StreamEntry]
    quality: Sequence[QualityRow]
    side: Sequence[SideEntry]


class RegistrationEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A registration session."""

    call_id: str
    aor: str
    contact: str
    client: str
    registrar: str
    outcome: str
    status: int | None
    first: str | None
    messages: int
    retransmissions: int
    hops: tuple[str, ...]
    findings: Sequence[FindingEntry]
    anomalies: tuple[str, ...]
    side: Sequence[SideEntry]


class TransactionEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Any other transaction."""

    call_id: str
    method: str
    from_uri: str = msgspec.field(name="from")
    to_uri: str = msgspec.field(name="to")
    client: str
    server: str
    status: int | None
    first: str | None
    fault: str | None
    messages: int
    retransmissions: int
    hops: tuple[str, ...]
    findings: Sequence[FindingEntry]
    anomalies: tuple[str, ...]
    side: Sequence[SideEntry]


Entry: TypeAlias = CallEntry | RegistrationEntry | TransactionEntry
