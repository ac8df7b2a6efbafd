"""Requests outside of calls and registrations, and messages that fit nowhere else."""

from msgspec.structs import replace

from collectors.sip.message import parse
from collectors.wire.events import SipEvent
from monitor.core.updates import Kind, MessageAdded, RecordClosed
from tests.support.messages import hop, request, response
from tests.support.watch import Watch


def test_a_request_with_its_response_is_a_transaction() -> None:
    watch = Watch([request("OPTIONS", 0), response(200, 0.1, method="OPTIONS")])
    (record,) = watch.transactions
    assert (record.method, record.status, record.client, record.server) == (
        "OPTIONS",
        200,
        "10.0.0.1:5060",
        "10.0.0.3:5060",
    )
    assert (record.messages, record.fault, record.hops) == (2, "", (hop("alice>bob"),))


def test_without_a_response_it_has_no_status() -> None:
    (record,) = Watch([request("OPTIONS", at) for at in (0, 0.5, 1.5)], until=10).transactions
    assert (record.status, record.messages, record.retransmissions) == (None, 3, 2)


def test_its_hops_are_one_transaction_and_another_number_is_another() -> None:
    events = [
        request("OPTIONS", 0, "alice>proxy"),
        request("OPTIONS", 0.01, "proxy>bob", vias=2),
        response(404, 0.02, "proxy>bob", method="OPTIONS", vias=2),
        response(404, 0.03, "alice>proxy", method="OPTIONS"),
        request("OPTIONS", 30, "alice>proxy", cseq=2),
    ]
    first, second = Watch(events).transactions
    assert (first.status, first.messages, first.hops) == (404, 4, (hop("alice>proxy"), hop("proxy>bob")))
    assert (second.status, second.messages) == (None, 1)


def test_a_subscription_and_its_notifications_are_one_record() -> None:
    events = [
        request("SUBSCRIBE", 0),
        response(407, 0.1, method="SUBSCRIBE"),
        request("SUBSCRIBE", 0.2, cseq=2),
        response(202, 0.3, method="SUBSCRIBE", cseq=2),
        request("NOTIFY", 0.4, "bob>alice", cseq=9, from_tag="b", to_tag="a"),
        response(200, 0.5, "bob>alice", method="NOTIFY", cseq=9, from_tag="b", to_tag="a"),
        request("SUBSCRIBE", 20, cseq=3, to_tag="b"),
        response(481, 20.1, method="SUBSCRIBE", cseq=3),
    ]
    (record,) = Watch(events).transactions
    assert (record.method, record.status, record.messages, record.client) == ("SUBSCRIBE", 202, 8, "10.0.0.1:5060")


def test_a_dialog_that_was_joined_in_the_middle_is_one_record() -> None:
    events = [
        request("NOTIFY", 0, "bob>alice", cseq=9, from_tag="b", to_tag="a"),
        request("INFO", 1, cseq=4, to_tag="b"),
        response(200, 1.1, method="INFO", cseq=4),
        request("NOTIFY", 2, "bob>alice", cseq=10, from_tag="b", to_tag="a"),
        response(481, 2.1, "bob>alice", method="NOTIFY", cseq=10, from_tag="b", to_tag="a"),
    ]
    (record,) = Watch(events).transactions
    assert (record.method, record.status, record.messages) == ("NOTIFY", 481, 5)


def test_it_leaves_memory_when_it_has_been_silent_for_some_time() -> None:
    watch = Watch([request("OPTIONS", 0), response(200, 10, method="OPTIONS")], until=42.4)
    lingering = watch.transactions[0].open
    watch.wait(42.5)
    assert (lingering, watch.transactions[0].open) == (True, False)
    assert isinstance(watch.told[-1], RecordClosed)


def test_an_ack_without_its_call_is_kept_and_has_no_status() -> None:
    (record,) = Watch([request("ACK", 0, to_tag="b")]).transactions
    assert (record.method, record.status, record.hops) == ("ACK", None, ())


def test_what_the_rfc_forbids_is_noted_there_too() -> None:
    events = [request("OPTIONS", 0), response(200, 1, method="OPTIONS"), response(100, 2, method="OPTIONS")]
    assert Watch(events).transactions[0].anomalies == ("provisional-after-final",)


def test_of_two_final_responses_the_last_counts_and_a_2xx_outranks() -> None:
    def status(*responses: SipEvent) -> int | None:
        return Watch([request("OPTIONS", 0), *responses]).transactions[0].status

    assert status(response(500, 1, method="OPTIONS"), response(404, 2, method="OPTIONS")) == 404
    assert status(response(200, 1, method="OPTIONS"), response(404, 2, method="OPTIONS")) == 200
    assert status(response(404, 1, method="OPTIONS"), response(200, 2, method="OPTIONS")) == 200


def test_messages_without_call_id_are_kept_by_sender_kind_and_fault() -> None:
    nameless = [
        request("OPTIONS", 0, call_id=""),
        request("OPTIONS", 1, call_id=""),
        request("OPTIONS", 2, call_id="", ports=(41000, 5060)),
        request("INVITE", 3, call_id=""),
        request("REGISTER", 4, call_id=""),
    ]
    watch = Watch(nameless)
    assert [(key.kind, record.messages) for key, record in watch.records.items()] == [
        (Kind.TRANSACTION, 2),
        (Kind.TRANSACTION, 1),
        (Kind.CALL, 1),
        (Kind.REGISTRATION, 1),
    ]
    assert {record.fault for record in watch.transactions} == {"no-call-id"}


def test_messages_without_cseq_are_kept_under_what_they_say() -> None:
    def without_cseq(event: SipEvent) -> SipEvent:
        fault, method, status, call_id, from_uri, from_tag, to_uri, to_tag, cseq, cseq_method, *_ = parse(
            event.raw.replace(b"CSeq", b"X-CSeq")
        )
        assert (from_uri, from_tag, to_uri, to_tag) == (event.from_uri, event.from_tag, event.to_uri, event.to_tag)
        assert (call_id, method, status) == (event.call_id, event.method, event.status)
        return replace(event, fault=fault, cseq=cseq, cseq_method=cseq_method)

    watch = Watch([without_cseq(request("OPTIONS", 0)), without_cseq(response(200, 1))])
    assert [(record.method, record.fault) for record in watch.transactions] == [("OPTIONS", "no-cseq"), ("", "no-cseq")]


def test_every_message_is_told_with_its_number() -> None:
    watch = Watch([request("OPTIONS", at) for at in (0, 0.5, 1.5)])
    assert [update.number for update in watch.told if isinstance(update, MessageAdded)] == [1, 2, 3]
