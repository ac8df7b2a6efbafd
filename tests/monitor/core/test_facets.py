"""What a facet is shown of a record, and when."""

from typing import Any

from collectors.sip.reading import Reading
from collectors.wire.events import SipEvent
from monitor.core.call import Call
from monitor.core.correlator import Correlator
from monitor.core.facet import Facet, Families, Openers
from monitor.core.transaction import Transaction
from monitor.core.updates import Kind, Update
from tests.support.messages import request, response, us


class Witness(Facet[Call]):
    """Begins with a ringing phone, and writes down what it is shown."""

    __slots__ = ("seen",)

    def __init__(self, fold: Call) -> None:
        super().__init__(fold)
        self.seen: list[str] = []
        fold.wake_facet(us(10), self, "ten")
        SEEN.append(self.seen)

    @staticmethod
    def begins(event: SipEvent, reading: Reading) -> bool:
        return event.status == 180 and reading.first("from") != ""

    def news(
        self, event: SipEvent, reading: Reading, number: int, transaction: Transaction | None, out: list[Update]
    ) -> None:
        owner = transaction.method if transaction else "none"
        self.seen.append(f"{number} {event.method or event.status} of {owner}")

    def again(self, event: SipEvent, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        self.seen.append(f"{number} again")

    def fire(self, about: Any, due_us: int, out: list[Update]) -> None:
        self.seen.append(f"fired {about}")


class Silent(Facet[Call]):
    """Begins with each message and keeps the defaults."""

    __slots__ = ()

    @staticmethod
    def begins(event: SipEvent, reading: Reading) -> bool:
        return True

    def news(
        self, event: SipEvent, reading: Reading, number: int, transaction: Transaction | None, out: list[Update]
    ) -> None:
        self.fold.wake_facet(event.captured_us + 1, self)


SEEN: list[list[str]] = []
FAMILIES: Families = {Kind.CALL: (Witness, Silent), Kind.REGISTRATION: (), Kind.TRANSACTION: ()}


def test_a_facet_is_made_when_it_is_needed_and_shown_what_is_news() -> None:
    SEEN.clear()
    correlator = Correlator(families=FAMILIES)
    for event in (
        request("INVITE", 0),
        response(100, 0.1),
        response(180, 1),
        response(200, 2),
        response(200, 2.5),
        response(200, 2.5),
        request("ACK", 2.6, to_tag="b"),
        request("BYE", 8, cseq=2, to_tag="b"),
    ):
        correlator.feed(event)
    correlator.advance(us(11))
    assert SEEN == [["3 180 of INVITE", "4 200 of INVITE", "5 again", "7 ACK of none", "8 BYE of BYE", "fired ten"]]


def test_a_reading_gives_all_values_of_a_header_by_its_long_name() -> None:
    reading = Reading(
        b"INVITE sip:b SIP/2.0\r\nr: <sip:c>\r\nRoute: <sip:1>\r\nroute: <sip:2>,\r\n <sip:3>\r\n\r\nbody"
    )
    assert reading.first("refer-to") == "<sip:c>"
    assert reading.all("route") == ["<sip:1>", "<sip:2>, <sip:3>"]
    assert (reading.first("reason"), reading.body) == ("", b"body")


def test_only_a_request_that_waits_for_its_answer_is_kept() -> None:
    correlator = Correlator()
    asked = []
    for event in (
        request("INVITE", 0),
        response(100, 0.1),
        response(180, 1),
        response(200, 2),
        request("ACK", 2.1, to_tag="b"),
        request("INFO", 3, cseq=2, to_tag="b"),
        response(400, 3.1, method="INFO", cseq=2),
    ):
        kept = correlator.take(event, []).asked
        asked.append(kept.method if kept else "none")
    assert asked == ["INVITE", "INVITE", "none", "none", "none", "INFO", "INFO"]


def test_of_methods_without_number_only_some_are_remembered() -> None:
    openers = Openers((Silent,))
    events = [request(f"M{number}", 0) for number in range(5_000)]
    assert {openers.of(event) for event in events} == {(0,)}
    assert len(openers._known) == 4_096
