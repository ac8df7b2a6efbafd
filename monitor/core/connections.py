"""Connections that fail below SIP: those that never came about, and resets that cut a request short."""

from typing import NamedTuple

from collectors.wire.events import TCP, SideEvent
from collectors.wire.trouble import Connection
from monitor.core.updates import ConnectionFailed


class Reset(NamedTuple):
    """A connection was reset after a request, and before any response to it was seen there."""

    at_us: int
    method: str
    cseq: int
    branch: str
    hop: str  # of the request


def failure(side: SideEvent) -> ConnectionFailed | None:
    """The connection that did not come about; None for what tells of anything else."""
    if side.kind != TCP or side.call_id or side.text == Connection.RESET:
        return None
    client, _, server = side.hop.partition(">")
    alert = int(side.values.get("alert", -1))
    return ConnectionFailed(side.captured_us, client, server, side.text, alert, side.source)


def reset(side: SideEvent) -> Reset | None:
    """The reset that a record is told of; None for what is none."""
    if side.text != Connection.RESET:
        return None
    return Reset(side.captured_us, side.method, side.cseq, side.branch, side.hop)
