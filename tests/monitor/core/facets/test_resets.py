"""Connections that were reset after a request: what that means for the call or the registration."""

from collectors.wire.events import Observation, SideEvent, SipEvent
from monitor.core.updates import Severity
from tests.support.messages import hop, request, response, us
from tests.support.watch import Watch


def over_tcp(at: float = 0, method: str = "INVITE", **fields: int) -> SipEvent:
    return request(method, at, cseq=fields.get("cseq", 1), transport="tcp")


def reset_of(event: SipEvent, at: float, *, text: str = "connection reset", on: str = "alice>bob") -> SideEvent:
    return SideEvent(
        us(at),
        us(at),
        event.destination,
        event.destination_port,
        event.source,
        event.source_port,
        "tcp",
        "lab/eth0",
        "tcp",
        event.call_id,
        event.method,
        event.cseq,
        event.from_tag,
        event.branch,
        text,
        hop=hop(on),
    )


def test_an_invite_whose_connection_is_reset_has_failed() -> None:
    invite = over_tcp()
    watch = Watch([invite, reset_of(invite, 0.1)], until=3)
    assert watch.story("connection-failed") == [("confirmed", 0.1)]
    finding = watch.finding("connection-failed")
    assert (finding.severity, finding.hop, finding.messages, finding.variant) == (
        Severity.MAJOR,
        hop("alice>bob"),
        (1,),
        "reset",
    )
    assert finding.cause == (
        "10.0.0.3:5060 reset the connection after the INVITE of 10.0.0.1:5060, once, and before any response came: it "
        "had forgotten the connection, or the service behind it is gone."
    )


def test_another_try_that_comes_through_clears_it() -> None:
    first, again = over_tcp(), over_tcp(0.2, cseq=2)
    events: list[Observation] = [
        first,
        reset_of(first, 0.1),
        again,
        response(100, 0.3, cseq=2),
        response(180, 1, cseq=2),
    ]
    assert Watch(events, until=20).story("connection-failed") == [("confirmed", 0.1), ("cleared", 1.0)]


def test_the_same_request_over_another_connection_clears_it_by_its_response() -> None:
    invite = over_tcp()
    events: list[Observation] = [invite, reset_of(invite, 0.1), over_tcp(0.2), response(180, 1, transport="tcp")]
    assert Watch(events, until=20).story("connection-failed") == [("confirmed", 0.1), ("cleared", 1.0)]


def test_a_response_that_was_there_before_makes_it_none() -> None:
    invite = over_tcp()
    events: list[Observation] = [invite, response(180, 0.1, transport="tcp"), reset_of(invite, 0.2)]
    assert Watch(events, until=20).story("connection-failed") == []


def test_a_reset_that_is_told_before_its_request_is_judged_with_it() -> None:
    invite, ringing = over_tcp(), response(180, 0.3, "alice>carol", transport="tcp")
    watch = Watch([ringing, reset_of(invite, 0.1), invite], until=0.2)
    assert watch.story("connection-failed")[0][0] == "confirmed"


def test_what_is_no_reset_of_such_a_request_on_this_hop_says_nothing() -> None:
    invite, bye = over_tcp(), over_tcp(9, "BYE", cseq=2)
    events: list[Observation] = [
        invite,
        reset_of(invite, 0.1, text="else"),
        reset_of(invite, 0.1, on="alice>carol"),
        bye,
        reset_of(bye, 9.1),
    ]
    assert Watch(events, until=20).story("connection-failed") == []


def test_resets_are_counted_up_to_a_bound() -> None:
    invite = over_tcp()
    watch = Watch([invite, *(reset_of(invite, 0.1 + turn / 100) for turn in range(20))], until=3)
    assert "16 times" in watch.finding("connection-failed").cause


def test_a_register_likewise() -> None:
    register = over_tcp(0, "REGISTER")
    watch = Watch([register, reset_of(register, 0.1)], until=3)
    assert watch.findings()["connection-failed"] == "confirmed"
    again = [over_tcp(1, "REGISTER", cseq=2), response(200, 1.1, method="REGISTER", cseq=2, transport="tcp")]
    assert watch.see(again).wait(60).findings()["connection-failed"] == "cleared"
