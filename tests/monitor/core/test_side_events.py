"""What was seen beside messages finds its record, and is never taken for one of its messages."""

from typing import Any

import msgspec
import pytest

from collectors.scenario.library import play
from collectors.wire.events import ICMP, LOG, RTCP, SideEvent, SipEvent
from monitor.core.correlator import Correlator
from monitor.core.facet import Facet, Families
from monitor.core.fold import Fold
from monitor.core.message import Message
from monitor.core.transaction import Transaction
from monitor.core.updates import EvidenceAdded, Kind, MessageAdded, RecordClosed, Update
from tests.support.beside import beside
from tests.support.messages import request, response, us


def fed(*events: SipEvent, families: Families | None = None) -> Correlator:
    correlator = Correlator(families=families) if families else Correlator()
    for event in events:
        correlator.feed(event)
    return correlator


def test_an_icmp_error_joins_the_call_whose_request_it_quotes_and_counts_as_no_message() -> None:
    invite = request("INVITE", 0)
    correlator = fed(invite, request("INVITE", 0.5))
    (key,) = correlator.open_keys()
    before = correlator.record(key)

    first, second = beside(invite), beside(invite, after=0.51)
    told = [*correlator.witness(first), *correlator.witness(second)]

    assert told == [
        EvidenceAdded(key, first.captured_us, 1, first),
        EvidenceAdded(key, second.captured_us, 2, second),
    ]
    after = correlator.record(key)
    assert (after.messages, after.retransmissions) == (2, before.retransmissions)
    assert after == msgspec.structs.replace(before, last_us=second.captured_us)
    trying = response(100, 0.6)
    assert correlator.feed(trying)[0] == MessageAdded(key, trying.captured_us, 3, trying)
    assert correlator.unmatched == 0


@pytest.mark.parametrize(
    ("event", "method", "kind"),
    [
        (request("INVITE", 0), "INVITE", Kind.CALL),
        (request("INVITE", 0), "BYE", Kind.CALL),  # of the same Call-ID
        (request("INVITE", 0), "", Kind.CALL),
        (request("REGISTER", 0), "REGISTER", Kind.REGISTRATION),
        (request("REGISTER", 0), "", Kind.REGISTRATION),
        (request("OPTIONS", 0), "OPTIONS", Kind.TRANSACTION),
    ],
)
def test_a_side_event_is_named_as_messages_are(event: SipEvent, method: str, kind: Kind) -> None:
    correlator = fed(event)
    side = beside(event, method=method)
    assert correlator.misses(side) == []
    assert [update.key.kind for update in correlator.witness(side)] == [kind]


@pytest.mark.parametrize(
    "side",
    [
        beside(request("OPTIONS", 0, cseq=2)),
        beside(request("OPTIONS", 0), method=""),
        beside(request("INVITE", 0)),
        beside(request("REGISTER", 0)),
        beside(request("OPTIONS", 0, call_id="")),
    ],
)
def test_a_side_event_that_fits_no_record_is_counted(side: SideEvent) -> None:
    correlator = fed(request("OPTIONS", 0))
    assert correlator.witness(side) == []
    assert correlator.unmatched == 1
    names = correlator.misses(side)
    assert all((name[0], name[1]) in {(kind, "call-1") for kind in Kind} for name in names)
    assert bool(names) == bool(side.call_id)


def test_a_record_takes_so_many_side_events_and_no_more() -> None:
    invite = request("INVITE", 0)
    correlator = fed(invite)
    taken = [correlator.witness(beside(invite, RTCP, after=number)) for number in range(1_003)]
    assert [len(updates) for updates in taken] == [1] * 1_000 + [0] * 3
    assert correlator.unmatched == 3


def test_evidence_keeps_a_record_in_memory_as_a_message_does() -> None:
    options = request("OPTIONS", 0)
    correlator = fed(options, response(200, 0.1, "alice>bob", method="OPTIONS"))
    correlator.witness(beside(options, LOG, after=20))
    correlator.advance(us(0))
    assert correlator.advance(us(40)) == []
    assert [type(update) for update in correlator.advance(us(60))] == [RecordClosed]
    assert correlator.witness(beside(options, LOG, after=61)) == []


def test_a_record_that_is_fed_from_storage_takes_its_evidence_again() -> None:
    events = play("good", "stored").events()
    rung = beside(events[0], RTCP)
    live = fed(events[0])
    live.witness(rung)
    for event in events[1:]:
        live.feed(event)
    (key,) = live.open_keys()

    again = Correlator()
    again.refold(key, [(0, [rung, events[0], rung]), (0, events[1:])], 0)

    assert again.record(key) == live.record(key)
    late = beside(events[-1])
    assert again.witness(late) == live.witness(late) == [EvidenceAdded(key, late.captured_us, 2, late)]


class Unreachable(Facet[Fold]):
    """Begins with an ICMP error; writes down what it is shown."""

    __slots__ = ()
    beside = frozenset({ICMP})

    @staticmethod
    def begins(event: Message) -> bool:
        return False

    def news(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        SEEN.append(event.method or event.status)

    def witness(self, side: SideEvent, number: int, out: list[Update]) -> None:
        SEEN.append((side.kind, number))


class Indifferent(Facet[Fold]):
    """Begins with a report, and keeps the default."""

    __slots__ = ()
    beside = frozenset({RTCP})
    begins = Unreachable.begins

    def news(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """Nothing."""


SEEN: list[Any] = []


def test_a_facet_is_shown_the_kinds_that_concern_it_and_begins_with_the_first() -> None:
    SEEN.clear()
    facets = (Unreachable, Indifferent)
    invite = request("INVITE", 0)
    correlator = fed(invite, families={Kind.CALL: facets, Kind.REGISTRATION: (), Kind.TRANSACTION: ()})
    for kind in (RTCP, ICMP, LOG, ICMP, RTCP):
        correlator.witness(beside(invite, kind))
    correlator.feed(response(180, 1))
    assert SEEN == [(ICMP, 2), (ICMP, 4), 180]
