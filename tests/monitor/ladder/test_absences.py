"""What never came is drawn where it should have come, with the timer that ran meanwhile."""

import pytest

from collectors.wire.events import SipEvent
from monitor.ladder.layout import lay_out
from monitor.ladder.text import write
from tests.support.messages import request, response
from tests.support.watch import Watch

INVITE = request("INVITE", 0)
ACK = request("ACK", 2.1, to_tag="b", branch="own")
RELIABLE = [("Require", "100rel"), ("RSeq", "7")]
TIMER = [("Session-Expires", "90;refresher=uac")]


@pytest.mark.parametrize(
    ("events", "until", "pin", "absence"),
    [
        (
            [INVITE, *(response(183, at, headers=RELIABLE) for at in (1, 1.5, 2.5, 4.5))],
            40,
            "missing-prack confirmed, 32.0 s = 64·T1",
            "╌ PRACK never came ╌╌✗",
        ),
        (
            [INVITE, *(response(486, at) for at in (1, 1.5, 2.5, 4.5))],
            6,
            "unacked-failure suspected, 3.50 s of 32.0 s = 64·T1",
            "╌ no ACK yet ╌╌✗",
        ),
        (
            [
                *(INVITE, response(200, 2), ACK),
                *(
                    request("BYE", 9 + at, to_tag="b")
                    for at in (0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5)
                ),
            ],
            60,
            "bye-unanswered confirmed, 32.0 s = 64·T1",
            "✗╌ no response ╌╌",
        ),
        (
            [INVITE, response(100, 0.1), response(200, 2), ACK, *(response(200, at) for at in (2.5, 3.5, 5.5))],
            8,
            "ack-ignored suspected, 3.50 s of 32.0 s = 64·T1",
            "",
        ),
        (
            [INVITE, response(200, 2, headers=TIMER), ACK],
            140,
            "session-expired confirmed, 1 min 30 s session interval",
            "",
        ),
        ([INVITE, request("INVITE", 0.5), response(100, 0.9)], 2, "no-trying confirmed, 900 ms without a response", ""),
        ([INVITE, response(180, 1)], 70, "unanswered-ringing confirmed", ""),
    ],
)
def test_a_finding_stands_at_its_message_with_its_timer(
    events: list[SipEvent], until: float, pin: str, absence: str
) -> None:
    call = Watch(events, until=until).call
    text = write(lay_out(events, call.findings), width=140)
    assert pin in text
    assert absence in text
