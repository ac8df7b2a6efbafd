"""Calls as RFC 3261 and its extensions have them: what belongs together is one record, with nothing wrong."""

import pytest

from collectors.wire.events import SipEvent
from monitor.core.updates import CallState
from tests.support.messages import Headers, hop, request, response, us
from tests.support.watch import Watch

RELIABLE: Headers = [("Require", "100rel"), ("RSeq", "1")]
ACK = request("ACK", 2.1, to_tag="b", branch="own")


def bye(at: float = 30, cseq: int = 20) -> list[SipEvent]:
    return [request("BYE", at, to_tag="b", cseq=cseq), response(200, at + 0.1, method="BYE", cseq=cseq)]


def exchange(method: str, at: float, cseq: int, status: int = 200, *, on: str = "alice>bob") -> list[SipEvent]:
    """A request within the dialog and its response."""
    from_tag, to_tag = ("a", "b") if on.startswith("alice") else ("b", "a")
    return [
        request(method, at, on, cseq=cseq, from_tag=from_tag, to_tag=to_tag),
        response(status, at + 0.1, on, method=method, cseq=cseq, from_tag=from_tag, to_tag=to_tag),
    ]


def answered(at: float = 2) -> list[SipEvent]:
    return [request("INVITE", 0), response(100, 0.05), response(180, 1), response(200, at), ACK]


STORIES: dict[str, list[SipEvent]] = {
    "early media, then the answer": [request("INVITE", 0), response(183, 0.5), response(200, 2), ACK, *bye()],
    "reliable early media and PRACK": [
        request("INVITE", 0),
        response(183, 0.5, headers=RELIABLE),
        request("PRACK", 0.6, cseq=2, to_tag="b", headers=[("RAck", "1 1 INVITE")]),
        response(200, 0.7, method="PRACK", cseq=2),
        *exchange("UPDATE", 0.8, 3),
        response(180, 1),
        response(200, 2),
        ACK,
        *bye(),
    ],
    "INFO, UPDATE and MESSAGE within the call": [
        *answered(),
        *exchange("INFO", 5, 2),
        *exchange("UPDATE", 6, 7, on="bob>alice"),
        *exchange("MESSAGE", 7, 3),
        *bye(),
    ],
    "re-INVITEs that collide, and one that comes again": [
        *answered(),
        request("INVITE", 5, cseq=2, to_tag="b"),
        request("INVITE", 5.01, "bob>alice", cseq=7, from_tag="b", to_tag="a"),
        response(491, 5.1, cseq=2),
        response(491, 5.11, "bob>alice", cseq=7, from_tag="b", to_tag="a"),
        request("ACK", 5.12, cseq=2, to_tag="b"),
        request("ACK", 5.13, "bob>alice", cseq=7, from_tag="b", to_tag="a"),
        request("INVITE", 8, cseq=3, to_tag="b"),
        response(200, 8.1, cseq=3),
        request("ACK", 8.2, cseq=3, to_tag="b", branch="own-3"),
        *bye(),
    ],
    "transfer to a third place": [
        *answered(),
        request(
            "REFER",
            5,
            cseq=2,
            to_tag="b",
            headers=[("Refer-To", "<sip:carol@h?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2>")],
        ),
        response(202, 5.1, method="REFER", cseq=2),
        *exchange("NOTIFY", 5.2, 7, on="bob>alice"),
        *exchange("NOTIFY", 9, 8, on="bob>alice"),
        *bye(),
    ],
    "challenged by two proxies in turn": [
        *(
            event
            for cseq in (1, 2)
            for event in (
                request("INVITE", cseq / 10, cseq=cseq),
                response(407, cseq / 10 + 0.02, cseq=cseq, to_tag=f"p{cseq}"),
                request("ACK", cseq / 10 + 0.03, cseq=cseq, to_tag=f"p{cseq}"),
            )
        ),
        request("INVITE", 0.4, cseq=3),
        response(200, 2, cseq=3),
        request("ACK", 2.1, cseq=3, to_tag="b", branch="own"),
        *bye(),
    ],
    "a session interval that is raised": [
        request("INVITE", 0, headers=[("Session-Expires", "90")]),
        response(422, 0.1, headers=[("Min-SE", "1800")]),
        request("ACK", 0.15, to_tag="b"),
        request("INVITE", 0.2, cseq=2, headers=[("Session-Expires", "1800"), ("Min-SE", "1800")]),
        response(200, 2, cseq=2, headers=[("Session-Expires", "1800;refresher=uas")]),
        request("ACK", 2.1, cseq=2, to_tag="b", branch="own"),
        *bye(),
    ],
    "parallel forks with early dialogs of their own": [
        request("INVITE", 0, "alice>proxy"),
        *(request("INVITE", 0.01, on, vias=2, branch=on) for on in ("proxy>bob", "proxy>carol")),
        response(100, 0.02, "alice>proxy", to_tag=""),
        response(180, 0.5, "proxy>bob", vias=2, branch="proxy>bob"),
        response(180, 0.51, "alice>proxy"),
        response(183, 0.6, "proxy>carol", to_tag="c", vias=2, branch="proxy>carol"),
        response(183, 0.61, "alice>proxy", to_tag="c"),
        response(200, 2, "proxy>bob", vias=2, branch="proxy>bob"),
        response(200, 2.01, "alice>proxy"),
        request("CANCEL", 2.02, "proxy>carol", vias=1, branch="proxy>carol"),
        response(200, 2.03, "proxy>carol", method="CANCEL", to_tag="c", branch="proxy>carol"),
        response(487, 2.04, "proxy>carol", to_tag="c", vias=2, branch="proxy>carol"),
        request("ACK", 2.05, "proxy>carol", to_tag="c", branch="proxy>carol"),
        request("ACK", 2.1, "alice>proxy", to_tag="b", branch="own"),
        request("ACK", 2.11, "proxy>bob", to_tag="b", branch="own-2", vias=2),
        *bye(),
    ],
    "two forks that answer, and one that is hung up": [
        request("INVITE", 0, "alice>proxy"),
        response(200, 2, "alice>proxy"),
        request("ACK", 2.1, "alice>proxy", to_tag="b", branch="own"),
        response(200, 2.2, "alice>proxy", to_tag="c"),
        request("ACK", 2.3, "alice>proxy", to_tag="c", branch="own-c"),
        request("BYE", 2.4, "alice>proxy", to_tag="c", cseq=2),
        response(200, 2.5, "alice>proxy", method="BYE", to_tag="c", cseq=2),
        *bye(),
    ],
    "the callee hangs up, and the BYE is challenged": [
        *answered(),
        *exchange("BYE", 30, 7, 407, on="bob>alice"),
        *exchange("BYE", 30.2, 8, on="bob>alice"),
    ],
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_a_call_as_it_should_be_is_one_record_that_ended_with_nothing_wrong(story: list[SipEvent]) -> None:
    watch = Watch(sorted(story, key=lambda event: event.captured_us), until=200)
    call = watch.call
    assert (call.state, call.status, call.acked, call.open) == (CallState.ENDED, 200, True, False)
    assert call.messages == len(story)
    assert (watch.standing(), call.anomalies, watch.transactions) == (set(), (), [])
    assert call.answered_us == us(2)


def test_serial_forking_ends_where_it_was_answered() -> None:
    events = [
        request("INVITE", 0, "alice>proxy"),
        request("INVITE", 0.01, "proxy>bob", vias=2),
        response(486, 1, "proxy>bob", vias=2),
        request("ACK", 1.1, "proxy>bob", to_tag="b", vias=1),
        request("INVITE", 1.2, "proxy>carol", vias=2),
        response(180, 2, "proxy>carol", to_tag="c", vias=2),
        response(180, 2.01, "alice>proxy", to_tag="c"),
        response(200, 4, "proxy>carol", to_tag="c", vias=2),
        response(200, 4.01, "alice>proxy", to_tag="c"),
        request("ACK", 4.1, "alice>carol", to_tag="c", branch="own"),
    ]
    watch = Watch(events, until=60)
    assert (watch.call.state, watch.call.callee, watch.findings()) == (CallState.ANSWERED, "10.0.0.4:5060", {})
    assert watch.call.hops == (hop("alice>proxy"), hop("proxy>bob"), hop("proxy>carol"))


def test_a_dialog_that_is_joined_at_its_bye_makes_no_claims() -> None:
    watch = Watch(bye(), until=60)
    assert (watch.findings(), [record.method for record in watch.transactions]) == ({}, ["BYE"])


@pytest.mark.parametrize("method", ["SUBSCRIBE", "PUBLISH", "MESSAGE"])
def test_other_requests_that_are_challenged_once_are_one_record_with_nothing_wrong(method: str) -> None:
    asked = [("Proxy-Authenticate", 'Digest realm="r", nonce="n"')]
    proof = [("Proxy-Authorization", 'Digest realm="r", nonce="n", response="0f"')]
    events = [
        request(method, 0),
        response(407, 0.1, method=method, headers=asked),
        request(method, 0.2, cseq=2, headers=proof),
        response(200, 0.3, method=method, cseq=2),
    ]
    watch = Watch(events, until=200)
    (record,) = watch.transactions
    assert (record.method, record.status, record.messages, record.findings) == (method, 200, 4, ())


def test_a_call_that_takes_the_place_of_another_is_a_call_of_its_own() -> None:
    first = [request("INVITE", 0), response(200, 2), ACK]
    replaces = [("Replaces", "call-1;to-tag=b;from-tag=a")]
    second = [
        request("INVITE", 5, "carol>bob", call_id="call-2", from_tag="a2", headers=replaces),
        response(200, 5.1, "carol>bob", call_id="call-2", from_tag="a2", to_tag="b2"),
        request("ACK", 5.2, "carol>bob", call_id="call-2", from_tag="a2", to_tag="b2", branch="own"),
    ]
    hung_up = request("BYE", 5.3, "bob>alice", from_tag="b", to_tag="a", cseq=7)
    watch = Watch(
        [*first, *second, hung_up, response(200, 5.4, "bob>alice", method="BYE", from_tag="b", to_tag="a", cseq=7)]
    )
    states = {record.key.call_id: record.state for record in watch.records.values() if hasattr(record, "state")}
    assert states == {"call-1": CallState.ENDED, "call-2": CallState.ANSWERED}
