"""The same packet seen again, and the same message sent again."""

import pytest

from collectors.wire.events import SipEvent
from monitor.core.copies import Copies, Sight, place_of
from monitor.core.message import message_of
from tests.support.messages import request

NEW, COPY, AGAIN = Sight.NEW, Sight.COPY, Sight.RETRANSMISSION


def sights(*seen: tuple[float, str]) -> list[Sight]:
    """What each sight of one message is: (seconds, observer)."""
    copies, observers, found = Copies(), tuple[str, ...](), []
    for at, observer in seen:
        if observer not in observers:
            observers += (observer,)
        found.append(copies.add(message_of(request("INVITE", at, observer=observer)), observers, 10))
    return found


@pytest.mark.parametrize(
    ("seen", "kinds"),
    [
        ([(0, "a")], [NEW]),
        ([(0, "a"), (0.099, "a")], [NEW, COPY]),
        ([(0, "a"), (0.1, "a")], [NEW, AGAIN]),
        ([(0.5, "a"), (0, "a")], [NEW, AGAIN]),  # out of order
        ([(0, "a"), (0.5, "a"), (0.01, "a"), (0.51, "a")], [NEW, AGAIN, COPY, COPY]),
        # Two observers: the nth sight of one is the nth of the other, whatever the clocks say.
        ([(0, "a"), (0.2, "b"), (0.5, "a"), (0.7, "b")], [NEW, COPY, AGAIN, COPY]),
        ([(0, "a"), (7, "b"), (0.5, "a"), (7.5, "b")], [NEW, COPY, AGAIN, COPY]),
        # Sent as often as the one saw it who saw most.
        ([(0, "a"), (0, "b"), (0.5, "b"), (1.5, "b"), (1.5, "a")], [NEW, COPY, AGAIN, AGAIN, COPY]),
        ([(0, "b"), (0.5, "a"), (0.5, "b")], [NEW, COPY, AGAIN]),  # a missed the first
        ([(0, "a"), (0.01, "b"), (0.02, "c"), (0.5, "c")], [NEW, COPY, COPY, AGAIN]),
    ],
)
def test_a_sight_is_new_or_a_copy_or_a_retransmission(seen: list[tuple[float, str]], kinds: list[Sight]) -> None:
    assert sights(*seen) == kinds


def test_another_way_or_another_text_is_another_message() -> None:
    messages = [
        request("INVITE", 0),
        request("INVITE", 0, "bob>alice"),
        request("INVITE", 0, ports=(41000, 5060)),
        request("INVITE", 0, ports=(5060, 41000)),
        request("INVITE", 0, cseq=2),
    ]
    copies = Copies()
    assert {copies.add(message_of(message), ("lab/eth0",), 10) for message in messages} == {NEW}


def test_of_too_many_messages_the_oldest_is_forgotten() -> None:
    copies = Copies()

    def seen(event: SipEvent) -> Sight:
        return copies.add(message_of(event), ("lab/eth0",), 2)

    for cseq in (1, 2, 3):
        assert seen(request("INVITE", 0, cseq=cseq)) == NEW
    assert seen(request("INVITE", 0, cseq=3)) == COPY
    assert seen(request("INVITE", 0, cseq=1)) == NEW


def test_a_message_sent_for_ever_is_a_retransmission_each_time() -> None:
    assert sights(*((at, "a") for at in range(100)))[1:] == [AGAIN] * 99


def test_a_digest_is_looked_for_where_entries_begin() -> None:
    digest = b"12345678"
    across = bytes(8) + digest
    assert place_of(digest, across, 16) == -1
    assert place_of(digest, across + digest + bytes(8), 16) == 16
