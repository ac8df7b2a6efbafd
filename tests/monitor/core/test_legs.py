"""Which calls are legs of one conversation: what proves it, and what does not."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from collectors.wire.events import SipEvent
from monitor.core.correlator import Correlator
from monitor.core.leg import Leg, Link
from monitor.core.legs import link, links
from monitor.core.marks import Mark, MarkKind
from monitor.core.updates import CallRecord, Kind, LegMarked, RecordKey
from tests.support.messages import PLACES, Headers, hop, request, response, us

UUID = "ab30317f1a784dc48ff824d0d3715d86"


def legs_of(events: Sequence[SipEvent]) -> list[Leg]:
    """The calls of a timeline as the second look at them sees them."""
    correlator = Correlator()
    marks: dict[RecordKey, list[Mark]] = {}
    for event in sorted(events, key=lambda event: event.captured_us):
        for update in correlator.feed(event):
            marks.setdefault(update.key, [])
            if isinstance(update, LegMarked):
                marks[update.key] += update.marks
    return [Leg.of(record, marks[key]) for key in marks if isinstance(record := correlator.record(key), CallRecord)]


def found(events: Sequence[SipEvent]) -> list[tuple[int, str]]:
    return [(link.confidence, link.reason) for link in links(legs_of(events))]


def sdp(origin: str, address: str, port: int, *, late: bool = False) -> bytes:
    at_session, at_media = ("", f"c=IN IP4 {address}\r\n") if late else (f"c=IN IP4 {address}\r\n", "")
    text = f"v=0\r\no={origin}\r\ns=-\r\n{at_session}t=0 0\r\nm=audio {port} RTP/AVP 8\r\n{at_media}a=sendrecv\r\n"
    return text.encode()


def invite(
    at: float,
    on: str,
    call_id: str,
    *,
    headers: Headers = (),
    body: bytes = b"",
    called: str = "bob",
    calling: str = "alice",
) -> SipEvent:
    """An INVITE whose parties are named as one wishes."""
    event = request("INVITE", at, on, call_id=call_id, headers=headers)
    raw = event.raw.replace(b"sip:bob@", f"sip:{called}@".encode()).replace(b"sip:alice@", f"sip:{calling}@".encode())
    return SipEvent(
        event.captured_us,
        event.received_us,
        event.source,
        event.source_port,
        event.destination,
        event.destination_port,
        event.transport,
        event.observer,
        raw.replace(b"Content-Length: 0\r\n\r\n", b"\r\n") + body,
        "",
        "INVITE",
        0,
        call_id,
        f"sip:{calling}@example.com",
        event.from_tag,
        f"sip:{called}@example.com",
        "",
        event.cseq,
        "INVITE",
        event.branch,
        1,
        "",
    )


@pytest.mark.parametrize(
    ("one", "other", "confidence"),
    [
        ([("Session-ID", f"{UUID};remote={'0' * 32}")], [("session-id", f"{'1' * 32};remote={UUID.upper()}")], 99),
        ([], [("X-CID", "one")], 98),
        ([("X-Call-ID", "secret")], [("x-cid", "secret")], 98),
        ([], [("Replaces", "one;to-tag=1;from-tag=2")], 98),
        ([("Cisco-Guid", "1-2-3-4")], [("Cisco-Guid", "1-2-3-4")], 97),
        ([("P-Charging-Vector", 'icid-value="A1"')], [("P-Charging-Vector", "a=b;icid-value=A1;x=y")], 97),
    ],
)
def test_a_header_that_both_carry_joins_two_calls(one: Headers, other: Headers, confidence: int) -> None:
    legs = [
        invite(0, "alice>proxy", "one", headers=one, called="1", calling="2"),
        invite(60, "carol>bob", "two", headers=other, called="3", calling="4"),
    ]
    assert [sure for sure, _ in found(legs)] == [confidence]


def test_an_operator_names_a_header_of_his_own() -> None:
    from monitor.core.settings import Settings

    correlator = Correlator(Settings(leg_headers=("x-mine",)))
    updates = correlator.feed(invite(0, "alice>bob", "one", headers=[("X-Mine", "7")]))
    marks = [mark for update in updates if isinstance(update, LegMarked) for mark in update.marks]
    assert Mark(MarkKind.GUID, "x-mine 7") in marks


def test_a_suffix_of_a_b2bua_names_the_other_leg() -> None:
    calls = [
        invite(0, "alice>proxy", "abc@host", called="1", calling="2"),
        invite(1, "carol>bob", "abc@host_b2b-1", called="3", calling="4"),
    ]
    assert found(calls) == [(98, "the one carries the Call-ID of the other")]


def test_the_same_sdp_joins_two_calls_that_overlap_and_come_from_different_places() -> None:
    def call(at: float, on: str, name: str, origin: str, port: int, *, late: bool = False) -> SipEvent:
        body = sdp(origin, "10.0.0.1", port, late=late)
        return invite(at, on, name, body=body, called=name, calling=name + "x")

    through = [call(0, "alice>proxy", "one", "- 1 1 IN IP4 10.0.0.1", 4000)]
    assert found([*through, call(0.1, "proxy>bob", "two", "- 1 1 IN IP4 10.0.0.1", 5000)])[0][0] == 92
    assert found([*through, call(0.1, "proxy>bob", "two", "b2b 7 7 IN IP4 10.0.0.2", 4000, late=True)])[0][0] == 90
    assert not found([*through, call(0.1, "alice>bob", "two", "- 1 1 IN IP4 10.0.0.1", 4000)])
    over = [response(486, 1, "alice>proxy", call_id="one")]
    assert not found([*through, *over, call(5, "proxy>bob", "two", "- 1 1 IN IP4 10.0.0.1", 4000)])
    on_hold = [call(0, "alice>proxy", "one", "a", 0), call(0, "proxy>bob", "two", "b", 0)]
    assert not found(on_hold)


def test_a_body_that_is_no_sdp_says_nothing() -> None:
    bodies = [invite(0, "alice>proxy", "one", body=b"o=x", called="1"), invite(0, "proxy>bob", "two", body=b"o=x")]
    assert not [mark for leg in legs_of(bodies) for mark in leg.marks if mark.kind in (MarkKind.ORIGIN, MarkKind.MEDIA)]
    no_audio = invite(0, "alice>proxy", "one", body=b"v=0\r\no=x\r\nm=video 1 RTP/AVP 9\r\n")
    kinds = {mark.kind for leg in legs_of([no_audio]) for mark in leg.marks}
    assert (MarkKind.ORIGIN in kinds, MarkKind.MEDIA in kinds) == (True, False)
    without_origin = invite(0, "alice>proxy", "one", body=b"v=0\nc=IN IP4 10.0.0.1\nm=audio 4000 RTP/AVP 8\n")
    (leg,) = legs_of([without_origin])
    assert Mark(MarkKind.MEDIA, "10.0.0.1 4000") in leg.marks
    assert MarkKind.ORIGIN not in {mark.kind for mark in leg.marks}


def test_numbers_join_what_goes_into_an_element_with_what_comes_out_of_it() -> None:
    into = invite(0, "alice>proxy", "one", called="+43 1 58858-0".replace(" ", ""), calling="00431234567")
    both = invite(0.2, "proxy>bob", "two", called="431588580", calling="+431234567")
    assert found([into, both]) == [
        (
            80,
            f"the same numbers, the one into {PLACES['proxy']} and the other out of it, "
            "0.2 s apart while the first was being set up",
        )
    ]
    one = invite(0.2, "proxy>bob", "two", called="reception", calling="+431234567")
    assert found([into, one]) == [
        (
            60,
            f"the same calling number, the one into {PLACES['proxy']} and the other out of it, "
            "0.2 s apart while the first was being set up",
        )
    ]
    elsewhere = invite(0.2, "carol>bob", "two", called="431588580", calling="+431234567")
    assert [sure for sure, _ in found([into, elsewhere])] == [50]


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ([invite(0, "alice>proxy", "1"), invite(11, "proxy>bob", "2")], "too late"),
        ([invite(0, "alice>proxy", "1"), response(200, 1, "alice>proxy", call_id="1"), invite(2, "proxy>bob", "2")],
         "the first was answered before"),
        ([invite(0, "alice>proxy", "1"), invite(0.1, "alice>proxy", "2")], "the same phone calls again"),
        ([invite(0, "alice>proxy", "1", called="x"), invite(0.1, "carol>bob", "2", called="y")],
         "one number, and no element that both pass"),
        ([invite(0, "alice>proxy", "1", calling="anonymous", called="x"),
          invite(0.1, "proxy>bob", "2", calling="anonymous", called="y")], "nobody is no number"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_numbers_alone_join_nothing(events: list[SipEvent], why: str) -> None:
    assert not found(events), why


def test_a_re_invite_of_the_callee_does_not_hide_the_element() -> None:
    again = request("INVITE", 3, "proxy>alice", call_id="one", cseq=9, from_tag="b", to_tag="a")
    calls = [invite(0, "alice>proxy", "one", called="x"), again, invite(0.2, "proxy>bob", "two", called="y")]
    assert [sure for sure, _ in found(calls)] == [60]


def test_a_transfer_joins_the_call_that_it_makes() -> None:
    refer = request("REFER", 5, "alice>bob", call_id="one", cseq=2, headers=[("Refer-To", "<sip:carol@example.com>")])
    made = invite(5.5, "bob>carol", "two", called="carol", calling="b", headers=[("Referred-By", "<sip:alice@x>")])
    calls = [invite(0, "alice>bob", "one"), response(200, 1, call_id="one"), refer, made]
    assert found(calls) == [(90, "the one was asked by REFER to make the other")]
    nowhere = request("REFER", 5, "alice>bob", call_id="one", cseq=2)
    assert not found([invite(0, "alice>bob", "one"), nowhere, made])


def test_a_call_has_one_origin_and_the_surest_and_nearest_wins() -> None:
    first, second = invite(0, "alice>proxy", "1", called="x"), invite(1, "carol>proxy", "2", called="y")
    made = [leg.key for leg in legs_of([first, second, invite(2, "proxy>bob", "3", called="z")])]
    near = links(legs_of([first, second, invite(2, "proxy>bob", "3", called="z")]))
    assert [(link.one, link.other) for link in near] == [(made[1], made[2])]
    surer = invite(2, "proxy>bob", "3", called="z", headers=[("X-CID", "1")])
    assert [
        (link.one.call_id, link.other.call_id, link.confidence) for link in links(legs_of([first, second, surer]))
    ] == [("1", "3", 98)]


def test_an_answer_tells_the_session_id_of_the_other_side_and_each_mark_is_told_once() -> None:
    header = [("Session-ID", f"{UUID};remote={'0' * 32}")]
    told = []
    correlator = Correlator()
    for event in (
        request("INVITE", 0, headers=header),
        response(180, 1, headers=header),
        response(200, 2, headers=[("Session-ID", f"{'2' * 32};remote={UUID}")]),
        request("INVITE", 9, cseq=2, to_tag="b", headers=header),
    ):
        told += [update for update in correlator.feed(event) if isinstance(update, LegMarked)]
    texts = [[mark.text for mark in update.marks if mark.kind == MarkKind.SESSION_ID] for update in told]
    assert texts == [[UUID], ["2" * 32]]


def test_a_mark_that_everybody_shows_joins_nobody() -> None:
    shared = frozenset({Mark(MarkKind.GUID, "constant")})
    many = [
        Leg(
            key=RecordKey(Kind.CALL, str(number), "", 20260101),
            marks=shared,
            begun_us=us(number),
            set_up_us=None,
            over_us=None,
            hops=(hop("alice>bob"),) if number else (),
        )
        for number in range(65)
    ]
    assert links(many) == []
    assert len(links(many[:3])) == 3
    assert isinstance(links(many[:2])[0], Link)


def test_a_call_without_call_id_has_no_mark_of_it_and_marks_are_bounded() -> None:
    headers = [("X-CID", "a"), *(("Session-ID", f"{number:032x}") for number in range(1, 2))]
    event = request("INVITE", 0, call_id="", headers=headers)
    (update,) = [each for each in Correlator().feed(event) if isinstance(each, LegMarked)]
    assert MarkKind.CALL_ID in {mark.kind for mark in update.marks}
    correlator, count = Correlator(), 0
    for number in range(40):
        headers = [("X-CID", f"other {number}")]
        event = request("INVITE", number, cseq=number + 1, headers=headers)
        count += sum(len(each.marks) for each in correlator.feed(event) if isinstance(each, LegMarked))
    assert count == 32


def test_a_mark_is_stored_by_a_hash_of_its_kind_and_text() -> None:
    marks = [Mark(MarkKind.CALLED, "1"), Mark(MarkKind.CALLING, "1"), Mark(MarkKind.CALLED, "\ud800")]
    assert len({mark.hash for mark in marks}) == 3
    assert all(0 <= mark.hash < 2**63 for mark in marks)


def test_two_calls_are_linked_whichever_is_named_first() -> None:
    one, other = legs_of([invite(0, "alice>proxy", "1"), invite(1, "proxy>bob", "2")])
    assert link(one, other) == link(other, one) is not None


def test_a_tel_target_is_a_called_number_and_a_target_of_nobody_none() -> None:
    event = invite(0, "alice>proxy", "1")
    moved = event.raw.replace(b"INVITE sip:bob@example.com", b"INVITE tel:+4315550123")
    nobody = event.raw.replace(b"INVITE sip:bob@example.com", b"INVITE sip:example.com")
    texts = [
        {mark.text for leg in legs_of([replace(event, raw=raw)]) for mark in leg.marks if mark.kind == MarkKind.CALLED}
        for raw in (moved, nobody)
    ]
    assert texts == [{"bob", "15550123"}, {"bob"}]


def test_of_the_same_invite_on_another_hop_only_what_proxies_change_is_told() -> None:
    body, moved = sdp("a", "10.0.0.1", 4000), sdp("b", "10.0.0.9", 6000)
    first = invite(0, "alice>proxy", "1", body=body)
    onwards = [invite(0.1, "proxy>bob", "1", body=body), invite(0.2, "proxy>carol", "1", body=moved)]
    onwards[1] = replace(onwards[1], raw=onwards[1].raw.replace(b"INVITE sip:bob", b"INVITE sip:carol"))
    correlator, told = Correlator(), []
    for event in (first, *onwards):
        updates = correlator.feed(event)
        told.append(
            [(mark.kind.value, mark.text) for each in updates if isinstance(each, LegMarked) for mark in each.marks]
        )
    assert len(told[0]) == 5
    assert told[1] == []
    assert told[2] == [("called", "carol"), ("origin", "b"), ("media", "10.0.0.9 6000")]


def test_nobody_called_is_no_mark() -> None:
    kinds = {mark.kind for leg in legs_of([invite(0, "alice>proxy", "1", called="anonymous")]) for mark in leg.marks}
    assert MarkKind.CALLED not in kinds
