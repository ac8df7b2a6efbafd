"""Where something happened, in the words that an alert uses for it, and by which it is grouped."""

from typing import Final, assert_never

from monitor.core.alerting.rules import GroupBy
from monitor.core.alerting.values import Signal

# The system chose such a port for one connection (Linux from 32768, IANA from 49152): it says
# nothing of a place, and would make a group of each connection.
EPHEMERAL_FROM: Final = 32768
NOWHERE: Final = "an unknown place"
ELSEWHERE: Final = "many places"


def place(group_by: GroupBy, signal: Signal) -> str:
    """What a signal has in common with others of its group.

    "10.0.0.1:5060>10.0.0.2:5060" → "10.0.0.1:5060 → 10.0.0.2:5060" by hop.
    """
    source, _, destination = signal.hop.partition(">")
    match group_by:
        case GroupBy.HOP:
            return f"{endpoint(source)} → {endpoint(destination)}" if signal.hop else NOWHERE
        case GroupBy.SOURCE:
            return endpoint(source) or NOWHERE
        case GroupBy.DESTINATION:
            return endpoint(destination) or NOWHERE
        case GroupBy.RECORD:
            return signal.slug
        case _:
            assert_never(group_by)


def endpoint(text: str) -> str:
    """An endpoint without a port that means nothing: "10.0.0.7:49152" → "10.0.0.7"."""
    host, colon, port = text.rpartition(":")
    return host if colon and port.isdecimal() and int(port) >= EPHEMERAL_FROM else text
