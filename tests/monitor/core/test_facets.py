"""What a facet is shown of a record, and when."""

from typing import Any

from msgspec.structs import replace

from collectors.sip.reading import Reading
from monitor.core.call import Call
from monitor.core.correlator import Correlator
from monitor.core.diagnosis.teardown import SHORT_CALL
from monitor.core.facet import Facet, Families, Openers
from monitor.core.message import Message, message_of
from monitor.core.transaction import Transaction
from monitor.core.updates import FindingState, Kind, Update
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
    def begins(event: Message) -> bool:
        return event.status == 180 and event.first("from") != ""

    def news(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        owner = transaction.method if transaction else "none"
        self.seen.append(f"{number} {event.method or event.status} of {owner}")

    def again(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        self.seen.append(f"{number} again")

    def fire(self, about: Any, due_us: int, out: list[Update]) -> None:
        self.seen.append(f"fired {about}")


class Silent(Facet[Call]):
    """Begins with each message and keeps the defaults."""

    __slots__ = ()

    @staticmethod
    def begins(event: Message) -> bool:
        return True

    def news(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        self.fold.wake_facet(event.captured_us + 1, self)


class Teller(Facet[Call]):
    """Finds something in the first 180, and hears of nothing else."""

    __slots__ = ()

    @staticmethod
    def hears(method: str, status: int, cseq_method: str, *, found: bool) -> bool:
        return status == 180

    @staticmethod
    def begins(event: Message) -> bool:
        return True

    def news(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        verdict = SHORT_CALL.finding(
            subject="", state=FindingState.CONFIRMED, at_us=event.captured_us, hop="", messages={number}, cause="Told."
        )
        self.fold.judge(SHORT_CALL, "", verdict, 0, event.captured_us, out)


class Listener(Facet[Call]):
    """Hears of a message only where there are findings."""

    __slots__ = ()

    def __init__(self, fold: Call) -> None:
        super().__init__(fold)
        SEEN.append([])

    @staticmethod
    def hears(method: str, status: int, cseq_method: str, *, found: bool) -> bool:
        return found

    @staticmethod
    def begins(event: Message) -> bool:
        return True

    def news(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        SEEN[-1].append(f"{number}")


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
        kept = correlator.take(message_of(event), []).asked
        asked.append(kept.method if kept else "none")
    assert asked == ["INVITE", "INVITE", "none", "none", "none", "INFO", "INFO"]


def test_of_methods_without_number_only_some_are_remembered() -> None:
    openers = Openers((Silent,))
    events = [message_of(request(f"M{number}", 0)) for number in range(5_000)]
    assert {openers.of(event).audience(openers.none).ask for event in events} == {((0b1, Silent.begins),)}
    assert len(openers._known) == 4_096
    assert len(openers._kindreds) == 1


def test_of_the_combinations_of_families_only_some_are_remembered() -> None:
    openers = Openers((Silent,) * 11)
    kindred = openers.of(message_of(request("INVITE", 0)))
    combinations = [openers.combination(bits) for bits in range(2_048)]
    asked = [tuple(bit for bit, _ in kindred.audience(begun).ask) for begun in combinations]
    assert [begun.bits for begun in combinations] == list(range(2_048))
    assert asked[0b111_1111_1011] == (0b100,)
    assert asked[-1] == ()
    assert openers.combination(0b1001) is combinations[0b1001]
    assert kindred.audience(combinations[0b1001]) is kindred.audience(combinations[0b1001])
    assert openers.combination(2_047) is not openers.combination(2_047)


def test_the_first_finding_is_heard_of_by_the_facets_behind_it_within_the_same_message() -> None:
    SEEN.clear()
    correlator = Correlator(families={**FAMILIES, Kind.CALL: (Teller, Listener)})

    for event in (request("INVITE", 0), response(180, 1), response(200, 2)):
        correlator.feed(event)

    assert SEEN == [["2", "3"]]


def test_a_malformed_message_is_shown_to_all_facets() -> None:
    correlator = Correlator()
    route = [("Session-Expires", "1800;refresher=uac"), ("Record-Route", "<sip:proxy;lr>")]
    events = (
        request("INVITE", 0, vias=4, headers=route),
        replace(request("INFO", 0.1, cseq=4, to_tag="b"), fault="no-via"),
        response(302, 0.1, "bob>carol", vias=5),
        response(183, 0.2, vias=4, headers=[("Require", "100rel"), ("RSeq", "1")]),
        response(200, 2, vias=4, headers=route),
        request("ACK", 2.1, to_tag="b", vias=4),
        request("REFER", 3, cseq=2, to_tag="b", headers=[("Refer-To", "<sip:carol@example.com>")]),
        response(202, 3.1, method="REFER", cseq=2),
        request("BYE", 9, cseq=3, to_tag="b", headers=[("P-RTP-Stat", "PS=9,OS=9,PR=9,OR=9,PL=0,JI=1")]),
        replace(request("ACK", 9.1, cseq=4, to_tag="b"), fault="no-via"),
        replace(response(183, 9.2, method="UPDATE", cseq=5), fault="no-via"),
    )
    records = [correlator.take(message_of(event), []) for event in events]
    assert sorted({code for code, _ in records[-1].findings}) == ["malformed", "redirected"]
