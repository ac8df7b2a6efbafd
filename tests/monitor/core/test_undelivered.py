"""Requests that an ICMP error quotes: unanswered at once, with who reports it, unless they are answered after all."""

import pytest
from msgspec.structs import replace

from collectors.wire.events import SideEvent, SipEvent
from collectors.wire.trouble import FATAL, Trouble
from monitor.core.updates import Finding
from tests.support.beside import beside
from tests.support.messages import PLACES, hop, request, response
from tests.support.watch import Watch

INVITE = request("INVITE", 0)
REGISTER = request("REGISTER", 0, "alice>proxy")
CODES = ("invite-unanswered", "registration-unanswered")


def report(
    quoted: SipEvent, trouble: str = Trouble.PORT, *, after: float = 0.01, by: str = "", on: str = "", status: int = 0
) -> SideEvent:
    """An ICMP error about a request, from where it went or `by` another; `on` another hop, or about a response."""
    values: dict[str, float] = {"type": 3, "code": 3, **({"status": status} if status else {})}
    side = beside(quoted, after=after, text=trouble)
    return replace(side, source=PLACES.get(by, by) or quoted.destination, hop=hop(on) if on else "", values=values)


def story(watch: Watch) -> list[tuple[str, float]]:
    return [step for code in CODES for step in watch.story(code)]


def finding(watch: Watch) -> Finding:
    (found,) = (each for record in watch.records.values() for each in record.findings if each.code in CODES)
    return found


@pytest.mark.parametrize("trouble", sorted(FATAL))
@pytest.mark.parametrize("quoted", [INVITE, REGISTER], ids=["INVITE", "REGISTER"])
def test_an_error_confirms_at_once_that_a_request_stays_unanswered(quoted: SipEvent, trouble: Trouble) -> None:
    watch = Watch([quoted, report(quoted, trouble)], until=5)
    assert story(watch) == [("confirmed", 0.01)]
    found = finding(watch)
    assert found.variant == trouble.replace(" ", "-")
    assert f"itself reports that it was not delivered: {trouble} (ICMP)" in found.cause
    assert found.messages == (1,)


@pytest.mark.parametrize("trouble", [*(set(Trouble) - FATAL), "something new"])
def test_time_exceeded_or_a_packet_too_big_is_no_end(trouble: str) -> None:
    assert story(Watch([INVITE, report(INVITE, trouble)], until=5)) == []


@pytest.mark.parametrize(
    ("trouble", "by", "remedy"),
    [
        (Trouble.PORT, "bob", "Start the SIP service on 10.0.0.3:5060"),
        (Trouble.HOST, "edge", "10.0.0.5, the last router before it"),
        (Trouble.NETWORK, "edge", "10.0.0.5 has no route to 10.0.0.3:5060"),
        (Trouble.PROHIBITED, "edge", "A firewall rejects it, at 10.0.0.5 or beside it"),
        (Trouble.PROTOCOL, "bob", "10.0.0.3 does not speak this transport"),
    ],
)
def test_the_remedy_fits_what_was_reported_and_by_whom(trouble: Trouble, by: str, remedy: str) -> None:
    found = finding(Watch([INVITE, report(INVITE, trouble, by=by)]))
    assert remedy in found.remedy
    assert f"{PLACES[by]}{' itself' * (by == 'bob')} reports" in found.cause


def test_the_cause_names_who_sent_what_and_who_reports() -> None:
    watch = Watch([INVITE, report(INVITE, by="edge")], until=5)
    assert finding(watch).cause == (
        "10.0.0.3:5060 answers nothing: 10.0.0.1:5060 sent one INVITE, and 10.0.0.5 reports that it was not delivered: "
        "port unreachable (ICMP)."
    )


def test_a_response_to_a_later_send_clears_it() -> None:
    again = request("INVITE", 0.5)
    watch = Watch([INVITE, report(INVITE), again, response(100, 0.6), response(200, 2)], until=60)
    assert story(watch) == [("confirmed", 0.01), ("cleared", 0.6)]


def test_an_error_about_a_copy_of_what_was_answered_says_nothing() -> None:
    watch = Watch([INVITE, response(100, 0.1), request("INVITE", 0.5), report(INVITE, after=0.6)], until=60)
    assert story(watch) == []


def test_an_error_after_the_third_send_confirms_what_was_suspected() -> None:
    sends = [request("INVITE", at) for at in (0, 0.5, 1.5)]
    watch = Watch([*sends, report(INVITE, after=1.6), report(INVITE, after=1.7)], until=5)
    assert story(watch) == [("suspected", 1.5), ("confirmed", 1.6)]


def test_an_error_that_comes_before_its_request_counts_too() -> None:
    """Two collectors: one sees the request, the other the error."""
    first = request("INVITE", -1, cseq=1)
    challenged = response(407, -0.9, cseq=1)
    retry = request("INVITE", 0, cseq=2)
    watch = Watch([first, challenged, report(retry), retry], until=1)
    assert story(watch) == [("confirmed", 0.0)]
    assert Watch([first, report(retry), challenged], until=1).story("invite-unanswered") == []


@pytest.mark.parametrize(
    "side",
    [
        report(request("INVITE", 0, branch="z9hG4bKother")),
        report(request("INVITE", 0, cseq=2)),
        report(request("BYE", 0)),
        report(INVITE, on="alice>carol"),
        report(INVITE, status=180),
    ],
    ids=["another branch", "another CSeq", "another method", "another destination", "a response"],
)
def test_an_error_about_something_else_says_nothing_of_it(side: SideEvent) -> None:
    assert story(Watch([INVITE, side], until=5)) == []


def test_behind_a_nat_the_end_of_the_hop_is_enough() -> None:
    assert story(Watch([INVITE, report(INVITE, on="edge>bob")], until=5)) == [("confirmed", 0.01)]


def test_an_error_about_another_request_of_the_call_is_no_finding_here() -> None:
    bye = request("BYE", 5, cseq=2, to_tag="b")
    watch = Watch([INVITE, response(200, 1), request("ACK", 1.1, to_tag="b"), bye, report(bye)], until=6)
    assert story(watch) == []


def test_only_the_first_errors_of_a_record_are_kept() -> None:
    others = [report(request("INVITE", 0, branch=f"z9hG4bK{number}"), after=0.01) for number in range(16)]
    assert story(Watch([INVITE, *others, report(INVITE)], until=1)) == []


def test_where_messages_were_lost_it_is_no_more_than_a_suspicion() -> None:
    watch = Watch().lose(0, 2)
    watch.see([INVITE, report(INVITE)]).wait(1)
    assert story(watch) == [("suspected", 0.01)]


def test_a_record_fed_from_storage_says_the_same() -> None:
    live = Watch([INVITE, report(INVITE)]).correlator
    (key,) = live.open_keys()
    again = Watch().correlator
    again.refold(key, [(0, [INVITE, report(INVITE)])], 0)
    assert again.record(key).findings == live.record(key).findings != ()
