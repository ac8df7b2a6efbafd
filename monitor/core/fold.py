"""A record in the making: what calls, registrations and standalone transactions share.

A fold takes the messages of one record in the order of their arrival, and deadlines as they pass. It
keeps facts (who sent what, when, how often) in such a way that their order within the window does not
matter. Findings are verdicts: pure functions of those facts and the time, judged again whenever a fact
or the time could change them; `judge` turns the difference into updates.

What was seen acts at once; what was not seen is claimed only of a time up to which deadlines have passed
(`now_us`), and never for certain where an observer lost messages. A finding that disorder raised is
cleared as soon as the message arrives that shows it wrong, and stays in the record as cleared.
"""

from abc import abstractmethod
from functools import lru_cache
from typing import Any, ClassVar, Final, TypeVar, cast

from msgspec.structs import replace

from collectors.wire.events import SideEvent
from monitor.core.alarms import Deadline, Sleeper, Timer, due_us, timer_of
from monitor.core.attempt import Attempt
from monitor.core.context import FAR, Context
from monitor.core.copies import COPY, RETRANSMISSION, Copies
from monitor.core.diagnosis.rule import Rule
from monitor.core.facet import Audience, Begun, Facet
from monitor.core.message import Message
from monitor.core.opening import Opening
from monitor.core.transaction import Transaction
from monitor.core.undelivered import NO_REPORTS
from monitor.core.updates import (
    EvidenceAdded,
    Finding,
    FindingCleared,
    FindingConfirmed,
    FindingRaised,
    FindingState,
    Record,
    RecordClosed,
    RecordGrew,
    RecordKey,
    SourceSeen,
    Update,
)

_MOST_IRREGULAR: Final = 16  # transactions of a record whose anomalies are told
_MOST_HOPS: Final = 64
_MOST_FINDINGS: Final = 64
_MOST_SIDE: Final = 1_000  # side events of a record: RTCP of both sides of a call of an hour
# Of most records, shared and never changed: an empty table is as large as a few numbers.
_NO_FINDINGS: Final[dict[tuple[str, str], Finding]] = {}
_NO_CODES: Final[frozenset[str]] = frozenset()
_GROWS_BY: Final = 32  # requests, each time it is told


T = TypeVar("T", bound=Facet[Any])


# Asked with each deadline, and slowly through the class (Python 3.11).
SOURCE: Final = Timer.SOURCE
REQUEST: Final = Timer.REQUEST
NO_FINAL: Final = Timer.NO_FINAL
FACET: Final = Timer.FACET
LINGER: Final = Timer.LINGER
# The same with each verdict.
_SUSPECTED: Final = FindingState.SUSPECTED
_CONFIRMED: Final = FindingState.CONFIRMED
_CLEARED: Final = FindingState.CLEARED


class Fold(Sleeper):
    """Base of the three kinds. Subclasses implement `add`, `fire`, `over` and `record`."""

    __slots__ = (
        "_begun",
        "_copies",
        "_facets",
        "_from_tag",
        "_lingers",
        "_openers",
        "_opening",
        "_rank_us",
        "_rank_vias",
        "_to_tag",
        "asked",
        "client",
        "context",
        "findings",
        "first_us",
        "found",
        "from_uri",
        "hops",
        "ident",
        "irregular",
        "key",
        "last_us",
        "messages",
        "newer",
        "now_us",
        "observers",
        "older",
        "open",
        "requests",
        "retransmissions",
        "server",
        "side",
        "to_uri",
        "undelivered",
    )

    most_messages: ClassVar[int] = 1_024  # that are known again

    def __init__(self, key: RecordKey, context: Context, event: Message) -> None:
        self.key = key
        self.ident = 0  # which it is, from 1, where somebody counts them
        self.older: Fold | None = None  # its neighbours in the order in which records were fed
        self.newer: Fold | None = None
        self.context = context
        self.open = True
        self.first_us = event.captured_us
        self.last_us = event.captured_us
        self.now_us = 0  # up to here deadlines have passed
        self._from_tag = event.from_tag  # those of its first dialog; "": not known
        self._to_tag = event.to_tag
        self.from_uri = event.from_uri
        self.to_uri = event.to_uri
        self.client, self.server = event.ends
        self._rank_vias = FAR  # of the message that said who asks whom, and when that was
        self._rank_us = 0
        self.messages = 0
        self.requests = 0
        self.retransmissions = 0
        self.side = 0  # events beside the messages
        self.undelivered = NO_REPORTS  # of requests, by the network
        self.observers = _alone(event.observer)
        self.hops: tuple[Transaction, ...] = ()  # the first on each
        self.asked: Message | None = None  # the last request that is news, until something answers but 100 or 400
        self.irregular: tuple[Transaction, ...] = ()
        self.findings = _NO_FINDINGS  # by code and subject
        self.found = _NO_CODES  # of these
        self._openers = context.openers[key.kind]
        self._facets: tuple[Facet[Any], ...] = ()  # those that have begun, in the order of the families
        self._begun: Begun = self._openers.none  # which they are
        self._copies = Copies()
        self._lingers = False
        self._opening: Opening | None = Opening(event)  # until it is told
        self.wake_at(event.captured_us, SOURCE)

    # --- to be implemented

    @abstractmethod
    def add(self, event: Message, number: int, out: list[Update]) -> Transaction | None:
        """Take a message that is no mere copy; its transaction on this hop, where it has one that is known."""

    @abstractmethod
    def fire(self, timer: Timer, about: Any, due_us: int, out: list[Update]) -> None:
        """A deadline passed."""

    @property
    @abstractmethod
    def over(self) -> bool:
        """Whether nothing more is expected, so that the record may leave memory."""

    @abstractmethod
    def record(self) -> Record:
        """The present value."""

    # --- messages

    def feed(self, event: Message, out: list[Update]) -> None:
        """Take a message of this record, as its `messages`th."""
        self.messages = number = self.messages + 1
        at_us = event.captured_us
        if event.method:
            self._count_request(at_us, out)
        if at_us > self.last_us:
            self.last_us = at_us
        elif at_us < self.first_us:
            self.first_us = at_us
        if event.observer not in self.observers:
            self.observers += (event.observer,)
        sight = self._copies.add(event, self.observers, self.most_messages)
        if sight is COPY:
            return
        self._share_tags(event)
        transaction = self.add(event, number, out)
        if sight is RETRANSMISSION:
            self.retransmissions += 1
            for facet in self._facets:
                facet.again(event, number, transaction, out)
        else:
            self._show(event, number, transaction, out)

    def _share_tags(self, event: Message) -> None:
        """Give a message the tags that are kept, where they are the same: each that was decoded has its own."""
        one, other, from_tag, to_tag = self._from_tag, self._to_tag, event.from_tag, event.to_tag
        if from_tag == one:
            event.from_tag = one
        elif from_tag == other:
            event.from_tag = other
        if not other:
            self._to_tag = to_tag
        elif to_tag == other:
            event.to_tag = other
        elif to_tag == one:
            event.to_tag = one

    def _count_request(self, at_us: int, out: list[Update]) -> None:
        self.requests += 1
        if not self.requests % _GROWS_BY:
            out.append(RecordGrew(self.key, at_us, self.client, _GROWS_BY))

    def _show(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """Show a message to the facets that it concerns."""
        if event.method:
            self.asked = None if event.method == "ACK" else event
        elif event.status not in (100, 400):
            self.asked = None
        audience = self._audience(event)
        found = bool(self.findings)
        for rank in audience.tell_when_found if found else audience.tell:
            self._facets[rank].news(event, number, transaction, out)
            if not found and self.findings:
                # The first finding of the record: the facets behind may have something to say of it.
                for later in audience.tell_when_found:
                    if later > rank:
                        self._facets[later].news(event, number, transaction, out)
                break

    def _audience(self, event: Message) -> Audience:
        """Whom a message concerns, of the facets; those that it begins are made."""
        kind = self._openers.of(event)
        audience = kind.audience(self._begun)
        begun = 0
        for bit, begins in audience.ask:
            if begins(event):
                begun |= bit
        if begun:
            self._make(begun)
            audience = kind.audience(self._begun)
        return audience

    def _make(self, bits: int) -> None:
        """Make the facets of the families with these bits, which begin now."""
        openers, before, known = self._openers, self._begun, self._facets
        begun = openers.combination(before.bits | bits)
        facets: list[Facet[Any]] = []
        rank = 0
        for place in begun.places:
            if before.holds(place):
                facets.append(known[rank])
                rank += 1
            else:
                facets.append(openers.families[place](self))
        self._facets, self._begun = tuple(facets), begun

    def _facet_at(self, place: int) -> Facet[Any]:
        """That of the family with this place; begun, if it was not."""
        if not self._begun.holds(place):
            self._make(1 << place)
        return self._facets[self._begun.rank(place)]

    def facet(self, family: type[T]) -> T | None:
        """What a family of findings keeps of the record; None where nothing concerned it yet."""
        for place, each in enumerate(self._openers.families):
            if each is family:
                return cast(T, self._facets[self._begun.rank(place)]) if self._begun.holds(place) else None
        return None

    def witness(self, side: SideEvent, out: list[Update]) -> bool:
        """Take what was seen beside the messages; False where there is no room for more of that."""
        if self.side >= _MOST_SIDE:
            return False
        self.side = number = self.side + 1
        out.append(EvidenceAdded(self.key, side.captured_us, number, side))
        self.last_us = max(self.last_us, side.captured_us)
        for index, family in enumerate(self._openers.families):
            if side.kind in family.beside:
                self._facet_at(index).witness(side, number, out)
        return True

    def fall_silent(self, limit_us: int, at_us: int, out: list[Update]) -> None:
        """Nothing was heard of it for so long, and deadlines have passed up to `at_us`."""
        self.now_us = max(self.now_us, at_us)
        for index, family in enumerate(self._openers.families):
            if family.on_silence:
                self._facet_at(index).silent(limit_us, at_us, out)

    def introduce(self, event: Message) -> None:
        """Learn who asks whom, from the message that is nearest to the client; of these, the first."""
        vias, at_us = event.vias, event.captured_us
        if vias < self._rank_vias or (vias == self._rank_vias and at_us < self._rank_us):
            self._rank_vias, self._rank_us = vias, at_us
            if self.messages == 1:
                return  # the record was made from it
            self.from_uri, self.to_uri = event.from_uri, event.to_uri
            self.client, self.server = event.ends
            if self._opening is not None:
                self._opening = Opening(event)

    def _tell_source(self, at_us: int, out: list[Update]) -> None:
        """Say who began the record, of what it says of itself."""
        opening, self._opening = self._opening, None
        assert opening is not None, "this deadline passes once"  # noqa: S101 - it is set once, when the record begins
        out.append(
            SourceSeen(
                self.key,
                at_us,
                opening.method,
                self.client,
                self.server,
                self.from_uri,
                self.to_uri,
                opening.agent,
                opening.signature,
                opening.asked,
            )
        )

    def add_hop(self, transaction: Transaction, attempt: Attempt) -> None:
        """Remember the hop of a transaction, the last one of its attempt."""
        if not self.hops:
            self.hops = attempt.transactions  # of most records that is all, and one tuple for both
            return
        for place, known in enumerate(self.hops):
            if known.hop == transaction.hop:
                if transaction.first_us < known.first_us:
                    self.hops = (*self.hops[:place], transaction, *self.hops[place + 1 :])
                return
        if len(self.hops) < _MOST_HOPS:
            self.hops += (transaction,)

    def hops_in_order(self) -> tuple[str, ...]:
        """The hops in order of appearance."""
        last: Transaction | None = None
        for each in self.hops:
            if last is not None and each.first_us <= last.first_us:
                return tuple([hop for _, _, hop in sorted([(of.first_us, of.vias, of.hop) for of in self.hops])])
            last = each
        return tuple([each.hop for each in self.hops])

    def note(self, transaction: Transaction) -> None:
        """Remember a transaction that had a response, if it went as the RFC forbids."""
        if transaction.irregular and len(self.irregular) < _MOST_IRREGULAR and transaction not in self.irregular:
            self.irregular += (transaction,)

    def anomalies(self) -> tuple[str, ...]:
        """What the RFC forbids and was seen, each kind once."""
        if not self.irregular:
            return ()
        return tuple(sorted({anomaly for transaction in self.irregular for anomaly in transaction.anomalies()}))

    # --- time

    def wake_at(self, due_us: int, timer: Timer, about: Any = None) -> None:
        """Call `fire(timer, about, …)` when the watermark passes `due_us`."""
        self.context.alarms.set(due_us, timer, self, about)

    def wake_facet(self, due_us: int, facet: Facet[Any], about: Any = None) -> None:
        """Call `facet.fire(about, …)` when the watermark passes `due_us`."""
        self.wake_at(due_us, FACET, (facet, about))

    def needs(self, timer: Timer, about: Any) -> bool:
        """Whether something may still come of such a deadline."""
        if timer is FACET:
            alarm: tuple[Facet[Any], Any] = about
            return self.open and alarm[0].needs(alarm[1])
        return self.open

    def wake(self, deadline: Deadline, out: list[Update]) -> bool:
        """A deadline passes; whether the record is still open."""
        at_us, timer, about = due_us(deadline), timer_of(deadline), deadline[2]
        if at_us > self.now_us:
            self.now_us = at_us
        if timer is LINGER:
            self._leave(at_us, out)
        elif timer is SOURCE:
            self._tell_source(at_us, out)
        elif timer is FACET:
            alarm: tuple[Facet[Any], Any] = about
            alarm[0].fire(alarm[1], at_us, out)
        else:
            self.fire(timer, about, at_us, out)
        return self.open

    def catch_up(self, watermark_us: int) -> None:
        """Let the deadlines up to the watermark pass, untold; what would leave memory stays a while longer.

        It must be the only record with deadlines.
        """
        while (deadline := self.context.alarms.due(watermark_us)) is not None:
            self.wake(deadline, [])
        if not self.open:
            self.open = True
            self.linger(self.last_us)

    def linger(self, since_us: int) -> None:
        """The record is over since then: let it go when stragglers can no longer come."""
        linger_us = self.context.settings.linger_us
        if linger_us is not None and not self._lingers:
            self._lingers = True
            self.wake_at(max(self.last_us, since_us) + linger_us + self.context.settings.window_us, LINGER)

    def _leave(self, at_us: int, out: list[Update]) -> None:
        settings = self.context.settings
        self._lingers = False
        if not self.over or settings.linger_us is None:
            return
        if self.last_us + settings.linger_us + settings.window_us > at_us:
            self.linger(self.last_us)
        else:
            self.close("over", at_us, out)

    def close(self, reason: str, at_us: int, out: list[Update]) -> None:
        """Leave memory; the correlator forgets a fold that is not open."""
        self.open = False
        out.append(RecordClosed(self.key, at_us, reason))

    def release(self) -> None:
        """Nobody will ask for it again: let go of what points back to it, so that its memory is free at once.

        While ingest works, garbage is hardly ever collected.
        """
        self._facets = ()

    # --- findings

    def judge(
        self, rule: Rule, subject: str, verdict: Finding | None, since_us: int, at_us: int, out: list[Update]
    ) -> None:
        """What a rule now says of `subject`: None, or the finding with its present evidence.

        `since_us`: the verdict rests on what was seen, or not, since then; with messages lost, it is no
        more than a suspicion. What is confirmed stays so, unless it is cleared.
        """
        known = self.findings.get((rule.code, subject))
        if verdict is None:
            if known is None or known.state is _CLEARED:
                return
            verdict = replace(known, state=_CLEARED)
        elif known is None and len(self.findings) >= _MOST_FINDINGS:
            return
        elif verdict.state is _CONFIRMED and self._blind(since_us, at_us):
            verdict = replace(verdict, state=_SUSPECTED)
        if known is not None and known.state is _CONFIRMED and verdict.state is _SUSPECTED:
            verdict = replace(verdict, state=_CONFIRMED)
        if known is None:
            self.findings = self.findings or {}
            self.found = self.found | {rule.code}
        self.findings[rule.code, subject] = verdict
        self._tell(rule, known, verdict, at_us, out)

    def _blind(self, since_us: int, at_us: int) -> bool:
        """Whether an observer lost messages in that time, as far as was known."""
        horizon_us = self.context.horizon_us
        return since_us <= horizon_us and self.context.blind.covers(self.observers, since_us, min(at_us, horizon_us))

    def _tell(self, rule: Rule, known: Finding | None, verdict: Finding, at_us: int, out: list[Update]) -> None:
        key, from_uri, to_uri = self.key, self.from_uri, self.to_uri
        stands = verdict.state is not _CLEARED
        stood = known is not None and known.state is not _CLEARED
        if known is None and not stands:
            # It was over before it could be told: a message came late that belongs in between.
            out.append(FindingRaised(key, at_us, replace(verdict, state=_SUSPECTED), from_uri, to_uri))
            stood = True
        if stands and (known is None or not stood):
            out.append(FindingRaised(key, at_us, verdict, from_uri, to_uri))
        elif stood and not stands:
            out.append(FindingCleared(key, at_us, verdict, from_uri, to_uri))
        elif known is not None and stands and (verdict.state != known.state or _again(rule, known, verdict)):
            out.append(FindingConfirmed(key, at_us, verdict, from_uri, to_uri))


def _again(rule: Rule, known: Finding, verdict: Finding) -> bool:
    return rule.repeats and verdict.at_us > known.at_us


@lru_cache(1_024)
def _alone(observer: str) -> tuple[str, ...]:
    """The same for all records that one observer sees alone."""
    return (observer,)
