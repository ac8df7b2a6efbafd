"""The media of a call, from its signaling: what was offered and answered, and the findings that follow.

Descriptions are read once: a hop that carries the same octets costs a comparison. What is kept is the terms
(shared by all calls of one kind), the addresses and the ports of the session's first and its last few offers.
"""

from collections.abc import Sequence, Set
from functools import partial
from typing import Any, ClassVar, Final

from monitor.core.agreement import AS_COUNTED, rows
from monitor.core.attempt import CHALLENGES
from monitor.core.call import Call
from monitor.core.diagnosis import media, session
from monitor.core.diagnosis.rule import Rule
from monitor.core.facet import Facet
from monitor.core.flows import Place
from monitor.core.message import Message
from monitor.core.negotiation import (
    ACK,
    EARLY,
    RELIABLE,
    REQUEST,
    SUCCESS,
    Bid,
    Carried,
    Exchange,
    Role,
    Sight,
    exchanges,
)
from monitor.core.refusals import refusal, refused_for_media, was_refused
from monitor.core.stream import Stream, streams
from monitor.core.stream_row import StreamRow
from monitor.core.transaction import Transaction
from monitor.core.updates import Finding, FindingState, Update

_OFFERS: Final = frozenset({"INVITE", "UPDATE", "PRACK"})
_RULES: Final = {rule.code: rule for rule in (*media.RULES, *session.RULES)}
# What the offers and answers tell together. Of an address, the description tells that names it.
_NEGOTIATED: Final = _RULES.keys() - {session.PRIVATE_MEDIA_ADDRESS.code}
# What a BYE decides, or ends.
_UNTIL_BYE: Final = frozenset(
    rule.code
    for rule in (
        media.NO_COMMON_CODEC,
        session.DIRECTION_MISMATCH,
        session.UNANSWERED_REINVITE,
        session.T38_FAILED,
    )
)
_NONE: Final[frozenset[Place]] = frozenset()
# Asked often, and slowly through the class (Python 3.11).
_CLEARED: Final = FindingState.CLEARED
_SUSPECTED: Final = FindingState.SUSPECTED
# What is to be judged again after a message.
_NOTHING: Final = 0
_ADDRESSES: Final = 1
_ALL: Final = 2
_Found = dict[tuple[str, str], tuple[Rule, Finding]]


class Media(Facet[Call]):
    """Offers and answers of a call."""

    __slots__ = ("_first", "_later", "_pracked", "_reached", "_silent")

    most: ClassVar[int] = 6  # offers that are kept: the first, and the last ones

    def __init__(self, fold: Call) -> None:
        super().__init__(fold)
        self._first: Bid | None = None  # of most calls, the only one
        self._later: tuple[Bid, ...] = ()
        self._pracked = False  # a PRACK was seen
        self._reached: frozenset[Place] = _NONE  # where RTP was seen to go, and where it was missed
        self._silent: frozenset[Place] = _NONE

    @staticmethod
    def may_begin(method: str, status: int, cseq_method: str) -> bool:
        """What may carry an offer or an answer."""
        return method == "ACK" or (cseq_method in _OFFERS and status < 300 and status != 100)

    @staticmethod
    def begins(event: Message) -> bool:
        """With the first description."""
        return bool(event.description)

    @property
    def bids(self) -> tuple[Bid, ...]:
        """The offers that are kept, in the order of their arrival."""
        return () if self._first is None else (self._first, *self._later)

    def rows(self, numbers: Sequence[int] = AS_COUNTED) -> list[StreamRow]:
        """The negotiation as a table, as far as it is kept; `numbers`: what the messages of the record are called."""
        return rows(exchanges(self.bids), partial(was_refused, self.fold), numbers)

    def exchanges(self) -> list[Exchange]:
        """What was offered and answered, as far as it is kept, in order of time."""
        return exchanges(self.bids)

    def hear(self, reached: frozenset[Place], silent: frozenset[Place], at_us: int, out: list[Update]) -> None:
        """Where RTP was seen to go, and to which announced places it did not: what to think of their addresses."""
        if (reached, silent) != (self._reached, self._silent):
            self._reached, self._silent = reached, silent
            self._judge(at_us, out)

    def codec(self) -> str:
        """The first codec that both sides of the last agreed audio stream name: "PCMA/8000"; "" where there is none."""
        agreed = [row.common[0] for row in self.rows() if row.kind == "audio" and row.state == "agreed" and row.common]
        return agreed[-1] if agreed else ""

    # --- messages

    @staticmethod
    def hears(method: str, status: int, cseq_method: str, *, found: bool) -> bool:
        """What may carry an offer or an answer, or tells that it was refused; a BYE ends what was found."""
        return method == "ACK" or (method == "BYE" and found) or (cseq_method in _OFFERS and status != 100)

    def news(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """A message that was not seen before on its hop."""
        changed = self._take(event, number, transaction)
        if changed != _NOTHING:
            self._judge(event.captured_us, out, negotiated=changed == _ALL)

    def fire(self, about: Any, due_us: int, out: list[Update]) -> None:
        """What was refused was not repaired in time."""
        self._judge(due_us, out)

    def _take(self, event: Message, number: int, transaction: Transaction | None) -> int:
        """Keep what a message says of the media; what is to be judged again."""
        method, status = event.method, event.status
        if method == "ACK":
            return self._confirmation(event, number)
        if method == "BYE":
            return _ALL if self._was_told(_UNTIL_BYE) else _NOTHING
        if event.cseq_method not in _OFFERS or status == 100:
            return _NOTHING
        if method:
            return self._request(event, number)
        if status >= 300:
            return _ALL if self._refusal(event) else _NOTHING
        return self._answer(event, number, transaction)

    def _confirmation(self, event: Message, number: int) -> int:
        """An ACK. Where the INVITE has the offer, it carries no answer."""
        bid = self._find("INVITE", event)
        if bid is None or bid.request is not None:
            return _NOTHING
        return self._carry(bid, ACK, event.to_tag, event, event.description, number)

    def _request(self, event: Message, number: int) -> int:
        """An INVITE, UPDATE or PRACK."""
        self._pracked = self._pracked or event.method == "PRACK"
        method, octets = event.method, event.description
        bid = self._find(method, event)
        if bid is None:
            # A PRACK without a description may lack the answer to a late offer.
            if not octets and (method == "UPDATE" or (method == "PRACK" and not self._late())):
                return _NOTHING
            bid = self._begin(method, event, event.to_tag)
        bid.asked, bid.to_tag = True, event.to_tag
        if not octets and method == "INVITE":
            return _NOTHING
        return self._carry(bid, REQUEST, "", event, octets, number)

    def _answer(self, event: Message, number: int, transaction: Transaction | None) -> int:
        """A 101–299 to one of them."""
        octets = event.description
        bid = self._find(event.cseq_method, event)
        if bid is None:
            if event.cseq_method != "INVITE" or not octets:
                return _NOTHING
            attempt = self.fold.attempts.of(event)
            begun = attempt is None or attempt.initial
            bid = self._begin("INVITE", event, "" if begun else event.to_tag)
        bid.asked = bid.asked or (transaction is not None and transaction.seen_request)
        if event.status >= 200:
            return self._carry(bid, SUCCESS, event.to_tag, event, octets, number)
        if not octets:
            return _NOTHING
        role = RELIABLE if event.first("rseq") else EARLY
        return self._carry(bid, role, event.to_tag, event, octets, number)

    def _refusal(self, event: Message) -> bool:
        """A final response from 300 on; whether it may be for what was offered."""
        if event.cseq_method != "INVITE" or (event.status in CHALLENGES and not self._was_told(_RULES.keys())):
            return False  # it asks for credentials, and says nothing of the media
        bid = self._find("INVITE", event)
        if bid is None or (bid.asked and not bid.to_tag and not refused_for_media(self.fold, bid)):
            return False
        self.fold.wake_facet(event.captured_us + self.fold.context.settings.repair_us, self)
        return True

    # --- what is kept

    def _find(self, method: str, event: Message) -> Bid | None:
        cseq, from_tag, first = event.cseq, event.from_tag, self._first
        if first is None or first.is_of(method, cseq, from_tag):
            return first
        for bid in self._later:
            if bid.is_of(method, cseq, from_tag):
                return bid
        return None

    def _begin(self, method: str, event: Message, to_tag: str) -> Bid:
        bid = Bid(method, event.cseq, event.from_tag, to_tag, event.captured_us)
        if self._first is None:
            self._first = bid
        else:
            self._later = (*self._later, bid)[1 - self.most :]
        return bid

    def _late(self) -> bool:
        """Whether an offer waits for its answer in a PRACK."""
        return any(bid.request is None and any(each.role is RELIABLE for each in bid.carried) for bid in self.bids)

    def _carry(self, bid: Bid, role: Role, tag: str, event: Message, octets: bytes | None, number: int) -> int:
        """Keep the description of a message, or that it has none; what is to be judged again."""
        if octets is None:
            return _NOTHING
        known, digest = bid.find(role, tag), hash(octets) >> 4  # a number of 60 bits takes less room
        same = known is not None and known.digest == digest
        if known is not None and same:
            read = known.streams
            same = known.far.streams is read
        else:
            read = self._read(octets, digest)
        exposed = session.exposed(read, event.source, event.destination)
        if known is not None and same and not exposed and event.vias >= known.near.vias:
            return _NOTHING  # one hop farther on, unchanged, as most are
        sight = Sight(number, event.captured_us, event.hop, event.vias, read)
        nearer = False
        if known is None:
            known = Carried(role, tag, sight, digest)
            bid.add(known)
        else:
            nearer = known.seen(sight, digest)
        first = exposed and (known.exposed is None or sight.at_us < known.exposed.at_us)
        if first:
            known.exposed = sight
        told = self._was_told(_NEGOTIATED)
        if same and not first:
            return _ALL if nearer and told else _NOTHING
        if told or not self._plain():
            return _ALL
        return _NOTHING if known.exposed is None else _ADDRESSES

    def _read(self, octets: bytes, digest: int) -> tuple[Stream, ...]:
        """The streams of a description; those of an INVITE that was challenged come again in the next."""
        first = self._first
        if first is not None and first.carried and first.carried[0].digest == digest:
            return first.carried[0].streams
        return streams(octets) if octets else ()

    # --- verdicts

    def _was_told(self, codes: Set[str]) -> bool:
        """Whether there was ever a finding with one of these codes."""
        found = self.fold.found
        return bool(found) and not found.isdisjoint(codes)

    def _plain(self) -> bool:
        """Whether nothing is to be said of offers and answers beside each other: as of most calls."""
        first = self._first
        return (first is None or _is_plain(first)) and all(_is_plain(bid) for bid in self._later)

    def _judge(self, at_us: int, out: list[Update], *, negotiated: bool = True) -> None:
        """Say what changed: of addresses, and of what was negotiated."""
        fold, bids = self.fold, self.bids
        found: _Found = {}
        made = exchanges(bids) if negotiated else []
        self._compare(made, found)
        for bid in bids:
            for carried in bid.carried:
                if carried.exposed is not None:
                    self._address(bid, carried, carried.exposed, found)
            if negotiated:
                self._refused(bid, made, found)
        if self._was_told(_RULES.keys()):
            for (code, subject), known in list(fold.findings.items()):
                if known.state is not _CLEARED and (code, subject) not in found and self._holds(code, subject):
                    fold.judge(_RULES[code], subject, None, known.at_us, at_us, out)
        for rule, finding in found.values():
            fold.judge(rule, finding.subject, finding, finding.at_us, at_us, out)

    def _address(self, bid: Bid, carried: Carried, sight: Sight, found: _Found) -> None:
        """What to think of an address that was told where it may not be reached: of the same one, it is said once."""
        stream = session.private_stream(carried, sight)
        if stream is None or (stream.address, stream.port) in self._reached:
            return
        key = session.PRIVATE_MEDIA_ADDRESS.code, session.private_media_subject(bid, carried, stream)
        first = found.get(key)
        if first is not None and first[1].at_us <= sight.at_us:
            return
        certain = (stream.address, stream.port) in self._silent
        finding = self.fold.findings.get(key)
        if finding is None or certain or finding.state is not _SUSPECTED or finding.messages != (sight.number,):
            finding = session.private_media_address(key[1], carried, sight, stream, certain=certain)
        found[key] = session.PRIVATE_MEDIA_ADDRESS, finding

    def _holds(self, code: str, subject: str) -> bool:
        """Whether a finding is one of ours, about an offer that is still kept."""
        if code == session.PRIVATE_MEDIA_ADDRESS.code:
            return len(self.bids) < self.most
        return code in _RULES and any(f"{subject} ".startswith(f"{bid.subject} ") for bid in self.bids)

    def _compare(self, made: list[Exchange], found: _Found) -> None:
        """Offers and answers beside each other, and one after the other."""
        dialogs: dict[frozenset[str], list[Exchange]] = {}
        for exchange in made:
            for rule, finding in media.compared(exchange):
                _note(found, rule, finding)
            dialogs.setdefault(exchange.tags, []).append(exchange)
            _note(found, session.MISSING_ANSWER, session.missing_answer(exchange, pracked=self._pracked))
        for tags, history in dialogs.items():
            for mismatch in session.direction_mismatches(history, self._bye_us(tags)):
                _note(found, session.DIRECTION_MISMATCH, mismatch)

    def _bye_us(self, tags: frozenset[str]) -> int:
        one, other = (*tags, "")[:2]
        dialog = self.fold.dialogs.find(one, other) if self.fold.bye_us else None
        return 0 if dialog is None else dialog.bye_us

    def _refused(self, bid: Bid, made: list[Exchange], found: _Found) -> None:
        settings, now_us = self.fold.context.settings, self.fold.now_us
        refused = refusal(self.fold, bid, self.bids, made)
        if refused is not None:
            _note(found, media.NO_COMMON_CODEC, session.refused_offer(bid, refused, settings, now_us))
            _note(found, session.UNANSWERED_REINVITE, session.unanswered_reinvite(bid, refused, settings, now_us))
            _note(found, session.T38_FAILED, session.t38_failed(bid, refused, settings, now_us))


def _note(found: _Found, rule: Rule, finding: Finding | None) -> None:
    """Of several verdicts of a rule about the same, the earliest counts."""
    if finding is not None:
        key = rule.code, finding.subject
        first = found.get(key)
        if first is None or finding.at_us < first[1].at_us:
            found[key] = rule, finding


def _is_plain(bid: Bid) -> bool:
    """Whether its offer waits for an answer, or each one accepts it as it stands; or there is nothing to compare."""
    if not bid.carried:
        return True
    offer = bid.carried[0]
    if offer.role is not REQUEST:
        return not bid.asked  # out of sight
    return all(answer is offer or _accepted(offer, answer) for answer in bid.carried)


def _accepted(offer: Carried, answer: Carried) -> bool:
    offered, accepted = offer.streams, answer.streams
    if len(offered) != len(accepted) or not offered or offer.rewritten:
        return False
    return all(media.plain(one, accepted[index]) for index, one in enumerate(offered))
