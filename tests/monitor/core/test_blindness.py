"""Where an observer lost messages, absence proves nothing; what was seen remains evidence."""

from collections.abc import Callable

import pytest

from collectors.wire.events import SipEvent
from tests.support.messages import request, response
from tests.support.watch import Watch

ACK_TIMES = [2.0, 2.5, 3.5, 5.5, *range(9, 34, 4)]


def unacknowledged() -> list[SipEvent]:
    return [request("INVITE", 0), *(response(200, at) for at in ACK_TIMES)]


def unanswered() -> list[SipEvent]:
    heard = response(200, -5, "alice>bob", method="OPTIONS", call_id="other")
    return [heard, *(request("INVITE", at) for at in (0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5))]


def unregistered() -> list[SipEvent]:
    heard = response(200, -5, "alice>edge", method="OPTIONS", call_id="other")
    return [heard, *(request("REGISTER", at, "alice>edge") for at in (0, 0.5, 1.5, *range(3, 32, 4)))]


def undecided() -> list[SipEvent]:
    return [request("INVITE", 0), response(180, 1)]


def refused() -> list[SipEvent]:
    return [request("INVITE", 0), response(503, 1)]


def slow() -> list[SipEvent]:
    return [request("INVITE", 0), response(180, 9)]


def wrong_password() -> list[SipEvent]:
    challenge = [("WWW-Authenticate", 'Digest realm="r", nonce="n"')]
    login = [("Authorization", 'Digest realm="r", nonce="n", response="0f"')]
    return [
        request("REGISTER", 0, "alice>edge"),
        response(401, 0.1, "alice>edge", method="REGISTER", headers=challenge),
        request("REGISTER", 2, "alice>edge", cseq=2, headers=login),
        response(401, 2.1, "alice>edge", method="REGISTER", cseq=2, headers=challenge),
    ]


# code, its messages, and when a loss matters to it
CLAIMS: list[tuple[str, Callable[[], list[SipEvent]], tuple[float, float]]] = [
    ("missing-ack", unacknowledged, (4, 4)),
    ("missing-ack", unacknowledged, (33, 33.5)),
    ("dropped-at-32s", lambda: [*unacknowledged(), *(response(200, at) for at in (25, 29, 33))], (10, 10)),
    ("invite-unanswered", unanswered, (20, 20)),
    ("registration-unanswered", unregistered, (20, 20)),
    ("no-final-response", undecided, (100, 100)),
    ("rejected", refused, (3, 3)),
    ("slow-setup", slow, (4, 4)),
    ("registration-auth-failed", wrong_password, (1, 1)),
]


@pytest.mark.parametrize(("code", "events", "lost"), CLAIMS)
def test_what_rests_on_absence_stays_a_suspicion_where_messages_were_lost(
    code: str, events: Callable[[], list[SipEvent]], lost: tuple[float, float]
) -> None:
    watch = Watch().lose(*lost).see(events()).wait(250)
    assert watch.findings()[code] == "suspected"


@pytest.mark.parametrize(("code", "events", "lost"), CLAIMS)
def test_losses_elsewhere_or_at_another_time_do_not_matter(
    code: str, events: Callable[[], list[SipEvent]], lost: tuple[float, float]
) -> None:
    watch = Watch().lose(*lost, observer="other/eth0").lose(-100, -50).lose(240, 241)
    assert watch.see(events()).wait(239).findings()[code] == "confirmed"


def test_resends_that_were_seen_are_evidence_although_the_ack_may_have_been_lost() -> None:
    watch = Watch().lose(2, 40).see(unacknowledged())
    assert watch.story("missing-ack") == [("suspected", 5.5)]
    assert watch.wait(60).story("missing-ack") == [("suspected", 5.5)]


def test_a_loss_of_the_whole_collector_counts_too() -> None:
    watch = Watch().lose(4, 4, observer="lab/*").see(unacknowledged()).wait(60)
    assert watch.findings()["missing-ack"] == "suspected"


def test_any_observer_of_the_record_may_have_lost_it() -> None:
    seen_by_two = [request("INVITE", 0, "proxy>bob", vias=2, observer="far/eth1"), *unacknowledged()]
    watch = Watch().lose(4, 4, observer="far/eth1").see(seen_by_two).wait(60)
    assert watch.findings()["missing-ack"] == "suspected"


def test_what_is_certain_stays_so_when_messages_are_lost_later() -> None:
    watch = Watch(unacknowledged(), until=34)
    watch.lose(35, 36).see([request("BYE", 40, to_tag="b")]).wait(60)
    assert watch.findings()["missing-ack"] == "confirmed"
    assert watch.story("missing-ack") == [("suspected", 5.5), ("confirmed", 34.0)]


def test_the_callees_bye_proves_no_missing_ack_where_the_ack_may_have_been_lost() -> None:
    events = [
        request("INVITE", 0),
        *(response(200, at) for at in (2, 2.5)),
        request("BYE", 3, "bob>alice", from_tag="b", to_tag="a"),
    ]
    assert Watch(events).findings()["missing-ack"] == "confirmed"
    assert Watch().lose(2.6, 2.6).see(events).findings()["missing-ack"] == "suspected"


def test_losses_without_end_are_one_and_none_is_forgotten() -> None:
    watch = Watch()
    for tenth in range(20_000):
        watch.lose(tenth / 10, tenth / 10 + 0.1)
    assert watch.see(unacknowledged()).wait(60).findings()["missing-ack"] == "suspected"


@pytest.mark.parametrize(("code", "events"), [("missing-ack", unacknowledged), ("no-final-response", undecided)])
def test_of_a_caller_out_of_sight_nothing_is_certain(code: str, events: Callable[[], list[SipEvent]]) -> None:
    """Requests and responses may go different ways: then their ACK or CANCEL would not have been seen either."""
    watch = Watch(events()[1:], until=250)
    assert watch.findings()[code] == "suspected"
