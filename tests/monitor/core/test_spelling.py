"""Header names in any letter case (RFC 3261 §7.3.1) give the same records and findings."""

from collections.abc import Callable

import msgspec
import pytest

from collectors.scenario.library import SITUATIONS
from collectors.sip.message import parse
from collectors.wire.events import SipEvent
from tests.monitor.core.stories import STORIES
from tests.monitor.core.test_order import events_of, found, run, values

_PARSED = SipEvent.__struct_fields__[-len(parse(b"")) :]


def respelled(event: SipEvent, spell: Callable[[bytes], bytes]) -> SipEvent:
    """The same message, its header names spelled otherwise."""
    head, blank, body = event.raw.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    parts = [line.partition(b":") for line in lines]
    raw = b"\r\n".join([first, *(spell(name) + colon + value for name, colon, value in parts)]) + blank + body
    return msgspec.structs.replace(event, raw=raw, **dict(zip(_PARSED, parse(raw), strict=True)))


@pytest.mark.parametrize("spell", [bytes.upper, bytes.lower], ids=["upper", "lower"])
@pytest.mark.parametrize("name", sorted({*SITUATIONS, *STORIES}))
def test_header_names_in_any_letter_case_say_the_same(name: str, spell: Callable[[bytes], bytes]) -> None:
    events = events_of(name, 0)
    other, usual = run([respelled(event, spell) for event in events]), run(events)
    assert values(other) == values(usual)
    for cleared in (False, True):
        assert found(other, cleared=cleared) == found(usual, cleared=cleared)
