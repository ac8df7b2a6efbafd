"""Which record a message finds, how long records are held, and within which bounds."""

import gc

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.scenario.library import CALLS, play
from collectors.sip.message import METHODS
from collectors.sip.timers import SECOND
from collectors.wire.events import SipEvent
from monitor.core.call import Call
from monitor.core.correlator import Correlator
from monitor.core.message import message_of
from monitor.core.settings import Settings
from monitor.core.updates import CallRecord, Kind, MessageAdded, RecordClosed, RecordKey, Update
from tests.support.messages import PLACES, request, response, us
from tests.support.watch import Watch


def closed(updates: list[Update]) -> list[tuple[str, str]]:
    return [(update.key.call_id, update.reason) for update in updates if isinstance(update, RecordClosed)]


@pytest.mark.parametrize(
    ("event", "kind", "discriminator"),
    [
        (request("INVITE", 0), Kind.CALL, ""),
        (response(180, 0), Kind.CALL, ""),
        (request("REGISTER", 0), Kind.REGISTRATION, ""),
        (response(401, 0, method="REGISTER"), Kind.REGISTRATION, ""),
        (request("OPTIONS", 0, cseq=7), Kind.TRANSACTION, "7 OPTIONS a"),
        (response(200, 0, method="OPTIONS", cseq=7), Kind.TRANSACTION, "7 OPTIONS a"),
        (request("BYE", 0, to_tag="b"), Kind.TRANSACTION, ""),
        (request("SUBSCRIBE", 0), Kind.TRANSACTION, ""),
    ],
)
def test_a_message_names_its_record(event: SipEvent, kind: Kind, discriminator: str) -> None:
    (first,) = Correlator().feed(event)[:1]
    assert isinstance(first, MessageAdded)
    assert (first.key.kind, first.key.call_id, first.key.discriminator) == (kind, "call-1", discriminator)
    assert (first.key.day, first.key.incarnation, first.number, first.event) == (20260101, 1, 1, event)


def test_what_shares_a_call_id_with_a_call_joins_it_save_registrations() -> None:
    watch = Watch([request("INVITE", 0), request("OPTIONS", 1), request("REGISTER", 2), request("BYE", 3, to_tag="b")])
    assert [(key.kind, record.messages) for key, record in watch.records.items()] == [
        (Kind.CALL, 3),
        (Kind.REGISTRATION, 1),
    ]


def test_it_knows_what_it_holds() -> None:
    correlator = Correlator()
    invite, bye, other = request("INVITE", 0), request("BYE", 1, to_tag="b"), request("OPTIONS", 1, call_id="other")
    assert not correlator.knows(invite)
    key = correlator.feed(invite)[0].key
    assert correlator.knows(bye)
    assert not correlator.knows(other)
    assert (list(correlator.open_keys()), len(correlator)) == ([key], 1)
    assert isinstance(correlator.record(key), CallRecord)


def test_a_stored_record_may_go_by_the_name_of_a_call_or_its_own() -> None:
    correlator = Correlator()
    call, own = (Kind.CALL, "call-1", ""), (Kind.TRANSACTION, "call-1", "")
    assert correlator.names(request("BYE", 0)) == [call, own]
    assert correlator.names(request("INVITE", 0)) == [call]
    assert correlator.names(request("REGISTER", 0)) == [(Kind.REGISTRATION, "call-1", "")]
    nameless = request("BYE", 0, call_id="")
    assert correlator.names(nameless) == [(Kind.TRANSACTION, "", "10.0.0.1 5060 no-call-id")]


def test_a_record_that_was_just_closed_can_still_be_asked_for() -> None:
    correlator = Correlator()
    key = correlator.feed(request("OPTIONS", 0))[0].key
    correlator.advance(us(60))
    assert not correlator.record(key).open
    correlator.feed(request("OPTIONS", 61, call_id="next"))
    with pytest.raises(KeyError):
        correlator.record(key)


def test_the_next_deadline_is_when_something_may_be_said() -> None:
    correlator = Correlator()
    assert correlator.next_deadline() is None
    correlator.feed(request("INVITE", 0, transport="tcp"))
    assert correlator.next_deadline() == us(0)
    correlator.advance(us(0))
    assert correlator.next_deadline() == us(4)
    assert correlator.advance(us(3.9)) == []
    assert [type(update).__name__ for update in correlator.advance(us(4))] == ["FindingRaised"]
    assert correlator.next_deadline() == us(32)


def test_the_deadlines_of_what_was_evicted_pass_in_silence() -> None:
    correlator = Correlator(settings=Settings(max_records=30))
    evicted, *others = [correlator.feed(request("INVITE", 0, call_id=f"call-{n}"))[0].key for n in range(31)]
    assert {update.key for update in correlator.advance(us(400))} == set(others)
    assert evicted not in others


def test_an_ended_call_lingers_for_stragglers_and_leaves() -> None:
    ended = [request("INVITE", 0), response(200, 1), request("BYE", 2, to_tag="b")]
    watch = Watch(ended, until=34.4)
    assert watch.call.open
    watch.see([response(200, 34.4, method="BYE")]).wait(66.8)
    assert watch.call.open  # the straggler is given its time too
    watch.wait(66.9)
    assert (watch.call.open, closed(watch.told)) == (False, [("call-1", "over")])


@pytest.mark.parametrize("dropped", [False, True])
def test_what_leaves_memory_needs_no_garbage_collection(*, dropped: bool) -> None:
    """An ingest worker collects hardly ever: what waited for that would be there for hours."""
    played = {name: play(name).events() for name in CALLS}
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        for name, events in played.items():
            correlator = Correlator()
            for event in events:
                correlator.feed(event)
            for _ in range(0 if dropped else 2):  # the second lets go of what the first has closed
                correlator.advance(events[-1].captured_us + 13 * 3600 * SECOND)
            if dropped:
                correlator.release()
            assert len(correlator) == 0 or dropped, name
            del correlator
            assert gc.collect() == 0, name
    finally:
        gc.enable()
        gc.unfreeze()


def test_a_call_that_begins_again_while_it_lingers_stays() -> None:
    events = [request("INVITE", 0), response(404, 1), request("INVITE", 20, cseq=2), response(180, 21, cseq=2)]
    assert Watch(events, until=100).call.open


def test_a_capture_file_lets_nothing_leave() -> None:
    watch = Watch([request("OPTIONS", 0)], until=10**6, settings=Settings(linger_us=None))
    assert watch.transactions[0].open


def test_what_hears_nothing_for_12_hours_leaves() -> None:
    register = request("REGISTER", 0, headers=[("Contact", "<sip:a@h>"), ("Expires", "90000")])
    watch = Watch([register, response(200, 1, method="REGISTER")], until=12 * 3600)
    assert watch.registration.open
    watch.wait(12 * 3600 + 1.1)
    assert (watch.registration.open, closed(watch.told)) == (False, [("call-1", "idle")])


def test_of_too_many_records_the_one_that_was_silent_for_longest_leaves() -> None:
    correlator = Correlator(Settings(max_records=2))
    for at, name in enumerate(("a", "b", "a")):
        assert closed(correlator.feed(request("INVITE", at, call_id=name))) == []
    updates = correlator.feed(request("INVITE", 3, call_id="c"))
    assert closed(updates) == [("b", "evicted")]
    assert not correlator.record(updates[-1].key).open
    assert len(correlator) == 2


@given(st.lists(st.sampled_from("abcd"), max_size=12))
def test_records_are_in_the_order_in_which_they_were_fed(names: list[str]) -> None:
    correlator = Correlator()
    for at, name in enumerate(names):
        correlator.feed(request("INVITE", at, call_id=name))
    latest_first = list(dict.fromkeys(reversed(names)))
    assert [key.call_id for key in correlator.open_keys()] == latest_first[::-1]


def test_those_that_leave_keep_the_others_in_their_order() -> None:
    correlator = Correlator()
    for at, name in enumerate("abcde"):
        correlator.feed(request("OPTIONS" if name in "ace" else "INVITE", at, call_id=name))
    correlator.advance(us(50))
    assert [key.call_id for key in correlator.open_keys()] == ["b", "d"]


def test_a_call_keeps_each_of_its_tags_once_however_many_messages_have_it() -> None:
    correlator, out = Correlator(), list[Update]()
    talk = [request("INVITE", 0), response(180, 1), response(200, 2), request("BYE", 9, from_tag="b", to_tag="a")]
    decoded = [msgspec.msgpack.decode(msgspec.msgpack.encode(event), type=SipEvent) for event in talk]
    call, *_ = [correlator.take(message_of(event), out) for event in decoded]
    assert isinstance(call, Call)
    (answer,), dialog = call.dialogs.answers(), call.dialogs.find("a", "b")
    assert dialog is not None
    assert call.attempts.current.from_tag is answer.from_tag is dialog.from_tag
    assert answer.to_tag is dialog.to_tag is dialog.bye_tag


def test_nobody_is_woken_for_what_left() -> None:
    correlator = Correlator(Settings(max_records=1))
    correlator.feed(request("INVITE", 0, call_id="a"))
    correlator.feed(request("OPTIONS", 1, call_id="b"))
    correlator.advance(us(40))
    assert (len(correlator), correlator.next_deadline()) == (0, None)


def test_days_stay_within_the_calendar() -> None:
    """A capture's clock may be anywhere."""
    for captured_us, day in ((0, 19700101), (-1, 19700101), (2**62, 99991231)):
        event = msgspec.structs.replace(request("OPTIONS", 0), captured_us=captured_us)
        assert Correlator().feed(event)[0].key.day == day


def test_a_slug_is_a_name_for_a_url() -> None:
    key = Correlator().feed(request("INVITE", 0, call_id="a b/?\N{GREEK SMALL LETTER ALPHA}"))[0].key
    assert key.slug == f"20260101-{key.hash:016x}-1"
    assert 0 <= key.hash < 2**63


def test_a_stored_record_without_messages_is_none() -> None:
    correlator = Correlator()
    key = Correlator().feed(request("INVITE", 0))[0].key
    correlator.refold(key, [], us(9))
    assert len(correlator) == 0


# --- bounds


def flooded(events: list[SipEvent]) -> CallRecord:
    watch = Watch(events, until=1)
    return watch.call


def test_a_flood_of_anything_in_one_call_is_held_within_bounds() -> None:
    invite = request("INVITE", 0)
    floods = {
        "forks": [response(200, 0.1, to_tag=f"t{n}") for n in range(600)],
        "early forks": [response(180, 0.1, to_tag=f"t{n}") for n in range(600)],
        "ACKs": [request("ACK", 0.1, to_tag=f"t{n}", branch=f"b{n}") for n in range(600)],
        "BYEs": [request("BYE", 0.1, to_tag=f"t{n}") for n in range(600)],
        "attempts": [request("INVITE", 0.1, cseq=n) for n in range(2, 600)],
        "reinvites": [request("INVITE", 0.1, cseq=n, to_tag="b") for n in range(2, 600)],
        "hops": [request("INVITE", 0.1, branch=f"b{n}", ports=(n + 1, 5060)) for n in range(600)],
        "one branch": [request("INVITE", 0.1, branch="b", ports=(n + 1, 5060)) for n in range(3_000)],
        "refusals": [response(404, 0.1, cseq=n, branch=f"b{n}") for n in range(2, 600)],
        "options": [request("OPTIONS", 0.1, cseq=n) for n in range(3_000)],
        "resent forks": [response(200, at, to_tag=f"t{n}") for n in range(300) for at in (0.1, 0.7)],
    }
    for events in floods.values():
        call = flooded([invite, *events])
        assert call.messages == len(events) + 1
        assert len(call.hops) <= 64
        assert len(call.findings) <= 64
    # What comes after a flood is still seen for what it is.
    end = [response(200, 0.2), request("BYE", 0.3, to_tag="b")]
    assert flooded([invite, *floods["options"], *end]).state == "ended"
    forgotten = [request("INVITE", 0.1, cseq=5, to_tag="b"), response(500, 0.2, cseq=5)]
    assert flooded([invite, *floods["reinvites"], *forgotten, *end]).state == "ended"


def test_a_flood_of_refused_attempts_is_told_up_to_a_bound() -> None:
    refused = [event for n in range(1, 100) for event in (request("INVITE", n, cseq=n), response(404, n + 0.1, cseq=n))]
    call = Watch(refused).call
    assert len(call.findings) == 64
    assert (call.state, call.status) == ("failed", 404)


def open_keys(watch: Watch) -> list[RecordKey]:
    return list(watch.correlator.open_keys())


EVENTS = st.builds(
    lambda method, status, *rest: (
        response(status, rest[0], rest[1], method=method, **rest[2])
        if status
        else request(method, rest[0], rest[1], **rest[2])
    ),
    st.sampled_from(sorted(METHODS)),
    st.sampled_from((0, 0, 0, 100, 180, 183, 200, 202, 302, 401, 404, 408, 423, 486, 487, 503, 603)),
    st.integers(0, 400).map(lambda tenths: tenths / 10),
    st.tuples(st.sampled_from(sorted(PLACES)), st.sampled_from(sorted(PLACES))).map(">".join),
    st.fixed_dictionaries(
        {
            "call_id": st.sampled_from(("one", "two", "")),
            "cseq": st.integers(1, 3),
            "from_tag": st.sampled_from(("a", "b", "")),
            "to_tag": st.sampled_from(("", "a", "b", "c")),
            "branch": st.sampled_from(("", "x", "y")),
            "vias": st.integers(1, 3),
            "transport": st.sampled_from(("udp", "tcp")),
            "observer": st.sampled_from(("lab/eth0", "far/eth0")),
        }
    ),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(EVENTS, max_size=25))
def test_any_messages_in_any_order_are_taken(events: list[SipEvent]) -> None:
    watch = Watch(events, until=400)
    assert sum(record.messages for record in watch.records.values()) == len(events)
    # What may yet be heard of: calls that were answered, and bindings.
    waiting = {
        getattr(watch.records[key], "state", getattr(watch.records[key], "outcome", "")) for key in open_keys(watch)
    }
    assert waiting <= {"answered", "registered"}
    watch.wait(13 * 3600)
    assert not open_keys(watch)
    for record in watch.records.values():
        assert not record.open
        assert record.first_us <= record.last_us
        assert record.retransmissions < record.messages


RUNG = [request("INVITE", 0), response(100, 0.1), response(180, 1)]
ANSWERED = response(200, 5)
RESENT = [response(200, at) for at in (5.5, 6.5, 8.5, 12.5)]


@pytest.mark.parametrize(
    ("more", "awaited"),
    [
        ([], True),
        ([ANSWERED], True),  # it may not have reached the caller
        ([ANSWERED, request("ACK", 6, to_tag="b")], False),
        ([response(200, 182), request("ACK", 183, to_tag="b")], True),  # too late
        ([ANSWERED, *RESENT, request("ACK", 14, to_tag="b")], True),  # the call has a finding, which it may end
    ],
)
def test_no_final_response_is_awaited_once_one_was_acknowledged(more: list[SipEvent], awaited: bool) -> None:
    correlator, passed = Correlator(), list[int]()
    for event in (*RUNG, *more):
        correlator.feed(event)
    while (at_us := correlator.next_deadline()) is not None:
        passed.append(at_us)
        correlator.advance(at_us)
    assert (us(180.1) in passed) is awaited


def test_nobody_waits_for_an_answer_that_came_while_it_rang() -> None:
    correlator = Correlator()
    for event in (*RUNG, response(200, 5), request("ACK", 6, to_tag="b")):
        correlator.feed(event)
    correlator.advance(us(33))
    assert correlator.next_deadline() is None
