"""How tests read what a scenario sent: as lines of "seconds source>destination message"."""

from collectors.scenario import START_US
from collectors.wire.events import SipEvent


def seconds(event: SipEvent) -> float:
    return (event.captured_us - START_US) / 1_000_000


def name(event: SipEvent) -> str:
    """ "INVITE", or "200 INVITE" for a response."""
    return event.method or f"{event.status} {event.cseq_method}"


def hop(event: SipEvent) -> str:
    """The last parts of both addresses: "1>2"."""
    return f"{event.source.rsplit('.', 1)[-1]}>{event.destination.rsplit('.', 1)[-1]}"


def flow(events: list[SipEvent]) -> list[str]:
    """["1>2 INVITE", "2>1 100 INVITE", …]"""
    return [f"{hop(event)} {name(event)}" for event in events]


def times(events: list[SipEvent], what: str, on: str) -> list[float]:
    """When a message was sent on a hop, in seconds."""
    return [seconds(event) for event in events if name(event) == what and hop(event) == on]
