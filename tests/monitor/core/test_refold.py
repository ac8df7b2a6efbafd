"""A correlator that is made anew from what was stored of it goes on as if nothing had happened."""

import random
from collections import defaultdict

import pytest

from collectors.scenario import Scenario
from collectors.scenario.library import CALLS, REGISTRATIONS, play
from collectors.wire.events import Loss, Observation, SipEvent
from monitor.core.context import Peers
from monitor.core.correlator import Correlator
from monitor.core.updates import (
    EvidenceAdded,
    FindingRaised,
    FindingState,
    MessageAdded,
    RecordClosed,
    RecordKey,
    SourceSeen,
    Update,
)
from tests.support.beside import beside

STEP_US = 700_000


def traffic(seed: int) -> list[Observation]:
    """A mix of situations that begin within a minute of each other, and what was seen beside some messages."""
    dice = random.Random(seed)
    names = dice.sample(sorted([*CALLS, *REGISTRATIONS]), 12)
    events = [
        event
        for number, name in enumerate(names)
        for event in play(name, f"{seed}-{number}").events(start_us=1_767_225_600_000_000 + dice.randrange(60_000_000))
    ]
    side = [beside(event, after=dice.choice((0.01, 1, 30, 90))) for event in events if dice.random() < 0.2]
    return sorted([*events, *side], key=lambda seen: seen.captured_us)


class Store:
    """What ingest keeps: what was seen of each record with the watermarks at which it was fed."""

    def __init__(self) -> None:
        self.parts: dict[RecordKey, list[tuple[int, list[Observation]]]] = defaultdict(list)
        self.open: dict[RecordKey, None] = {}  # the least recently fed first

    def keep(self, updates: list[Update], watermark_us: int) -> None:
        for update in updates:
            if isinstance(update, (MessageAdded, EvidenceAdded)):
                seen = update.event if isinstance(update, MessageAdded) else update.side
                self.parts[update.key].append((watermark_us, [seen]))
                self.open.pop(update.key, None)
                self.open[update.key] = None
            elif isinstance(update, RecordClosed):
                self.open.pop(update.key, None)

    def restored(self, peers: Peers, losses: list[Loss], watermark_us: int) -> Correlator:
        correlator = Correlator(peers=peers)
        for loss in losses:
            correlator.lost(loss)
        for key in self.open:
            correlator.refold(key, self.parts[key], watermark_us)
        return correlator

    def reopen(self, correlator: Correlator, seen: Observation, watermark_us: int) -> None:
        """As ingest does: what is stored under the name of what was seen goes on."""
        if isinstance(seen, SipEvent):
            names = [] if correlator.knows(seen) else correlator.names(seen)[:1]
        else:
            names = correlator.misses(seen)
        for key in [key for key in self.parts if (key.kind, key.call_id, key.discriminator) in names]:
            correlator.refold(key, self.parts[key], watermark_us)


def passed(losses: list[Loss], since_us: int, until_us: int) -> list[Loss]:
    """What of them lies after the one time and not after the other."""
    spans = [(max(loss.from_us, since_us + 1), min(loss.to_us, until_us)) for loss in losses]
    return [Loss("lab/eth0", begin, end, "kernel", 0) for begin, end in spans if begin <= end]


def texts(updates: list[Update]) -> list[str]:
    return sorted(repr(update) for update in updates)


@pytest.mark.parametrize("seed", range(12))
def test_a_refolded_correlator_says_what_the_old_one_would_have_said(seed: int) -> None:
    dice = random.Random(seed)
    peers, store = Peers(), Store()
    losses: list[Loss] = []
    steady, again = Correlator(peers=peers), Correlator(peers=peers)
    watermark_us = 0
    for event in [*traffic(seed), None]:
        now_us = event.captured_us if event else watermark_us + 300_000_000
        while watermark_us < now_us - 500_000:
            before_us = watermark_us
            watermark_us = min(max(watermark_us, now_us - 2_000_000) + STEP_US, now_us - 500_000)
            if dice.random() < 0.05:
                begin_us = before_us + dice.randrange(2 * STEP_US)
                losses.append(Loss("lab/eth0", begin_us, begin_us + dice.randrange(STEP_US), "kernel", 1))
            for loss in passed(losses, before_us, watermark_us):
                steady.lost(loss)
                again.lost(loss)
            said, said_again = steady.advance(watermark_us), again.advance(watermark_us)
            assert texts(said) == texts(said_again)
            assert all(steady.record(update.key) == again.record(update.key) for update in said)
            store.keep(said, watermark_us)
            if dice.random() < 0.1:
                again = store.restored(peers, passed(losses, 0, watermark_us), watermark_us)
        if event:
            store.reopen(steady, event, watermark_us)
            store.reopen(again, event, watermark_us)
            if isinstance(event, SipEvent):
                said, said_again = steady.feed(event), again.feed(event)
            else:
                said, said_again = steady.witness(event), again.witness(event)
            assert texts(said) == texts(said_again)
            store.keep(said, watermark_us)
            assert steady.record(said[0].key) == again.record(said[0].key)
    assert not list(steady.open_keys())
    assert not list(again.open_keys())


def test_a_record_that_left_memory_goes_on_with_a_late_message_and_leaves_again() -> None:
    events = play("good", "late").events()
    correlator, store = Correlator(), Store()
    for event in events:
        store.keep(correlator.feed(event), 0)
    over_us = events[-1].captured_us + 60_000_000
    store.keep(correlator.advance(over_us), over_us)
    assert not list(correlator.open_keys())
    (key,) = store.parts

    late = events[-1]
    assert not correlator.knows(late)
    correlator.refold(key, store.parts[key], over_us)
    added = correlator.feed(late)[0]

    assert isinstance(added, MessageAdded)
    assert (added.key, added.number) == (key, len(events) + 1)
    assert correlator.record(key).open
    assert [type(update) for update in correlator.advance(over_us + 60_000_000)] == [RecordClosed]


def test_a_reserved_incarnation_names_the_next_call_of_that_call_id() -> None:
    events = play("good", "again").events()
    correlator = Correlator()
    first = correlator.feed(events[0])[0].key
    over = Correlator()
    over.reserve(first.kind, first.call_id, first.discriminator, 2)
    assert over.feed(events[0])[0].key.incarnation == 2


def test_messages_of_a_standalone_transaction_stay_with_it_when_a_call_has_taken_its_call_id() -> None:
    call = play("good", "mixed").events()
    bye = next(event for event in call if event.method == "BYE")
    correlator, store = Correlator(), Store()
    for event in [bye, *call]:
        store.keep(correlator.feed(event), 0)

    again = store.restored(Peers(), [], 0)

    assert [again.record(key) for key in again.open_keys()] == [correlator.record(key) for key in store.open]
    assert len(store.open) == 2


def test_deadlines_that_passed_between_two_messages_pass_between_them_again() -> None:
    scenario = Scenario("slow")
    alice, bob = scenario.phone("alice@10.0.0.1", transport="tcp"), scenario.phone("bob@10.0.0.2", transport="tcp")
    bob.says_trying = False
    alice.invites(bob)
    bob.rings(at=10)
    invite, *others = scenario.events(until=11)
    correlator, store = Correlator(), Store()
    store.keep(correlator.feed(invite), 0)
    suspected_us = invite.captured_us + 5_000_000
    assert [type(update) for update in correlator.advance(suspected_us)] == [SourceSeen, FindingRaised]
    for event in others:
        store.keep(correlator.feed(event), suspected_us)
    (key,) = store.parts

    again = store.restored(Peers(), [], suspected_us)

    assert again.record(key).findings[0].state == FindingState.CLEARED
    assert again.record(key) == correlator.record(key)


def test_a_deadline_that_was_past_when_a_late_message_set_it_is_told_by_the_next_advance_as_before() -> None:
    redirected = play("redirected-unfollowed").events()
    late_us = redirected[-1].captured_us + 10_000_000
    correlator, store = Correlator(), Store()
    for event in redirected:
        store.keep(correlator.feed(event), late_us)

    again = store.restored(Peers(), [], late_us)

    told = texts(correlator.advance(late_us + 1))
    assert any("CallEnded" in text for text in told)
    assert texts(again.advance(late_us + 1)) == told
