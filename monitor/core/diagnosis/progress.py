"""Calls on their way: no 100 Trying, a PRACK that never comes, ringing without end, an answer that crosses a CANCEL."""

from collections.abc import Sequence
from typing import Final

from collectors.sip.timers import MILLISECOND, SECOND
from monitor.core.attempt import Attempt
from monitor.core.diagnosis.rule import Rule, standing
from monitor.core.diagnosis.text import ends, seconds, times
from monitor.core.dialog import Answer, Dialog
from monitor.core.reliable import Provisional
from monitor.core.settings import Settings
from monitor.core.transaction import Transaction
from monitor.core.updates import Finding, FindingState, Severity

NO_TRYING: Final[Rule] = Rule(
    code="no-trying",
    severity=Severity.MINOR,
    when="Over UDP, an INVITE was sent again before any response came, though one came in the end.",
    source="RFC 3261 §17.1.1.2, §8.2.6.1",
    remedy="A server must answer an INVITE within 200 ms, with 100 Trying if it has nothing else to say. Where it "
    "answers each copy at once, the first ones were lost on the way: look at the line. Else it is too slow.",
)
MISSING_PRACK: Final[Rule] = Rule(
    code="missing-prack",
    severity=Severity.MAJOR,
    when="A reliable provisional response (Require: 100rel, RSeq) has no PRACK with its RAck. *Suspected* when it was "
    "sent again twice on one hop, *confirmed* after 64·T1, *cleared* by the PRACK.",
    source="RFC 3262 §3, §4",
    remedy="The caller said that it supports 100rel and does not do it, or the PRACK is lost: see whether it can reach "
    "the Contact and the Record-Route of the provisional response. The callee gives up after 64·T1.",
)
UNANSWERED_RINGING: Final[Rule] = Rule(
    code="unanswered-ringing",
    severity=Severity.INFO,
    when="A phone rings (180) for 60 s or more (a setting), and nobody answers, refuses or gives up before.",
    source="RFC 3261 §13.3.1.1",
    remedy="Set a ring timeout, a voice mailbox or a forwarding on no reply for this number.",
)
CANCEL_RACE: Final[Rule] = Rule(
    code="cancel-race",
    severity=Severity.MAJOR,
    when="A 2xx crosses the CANCEL of its INVITE, and no BYE follows. *Suspected* after 4 s, *confirmed* after 64·T1, "
    "*cleared* by a BYE of either side.",
    source="RFC 3261 §9.1, §15",
    remedy="Who cancels an INVITE and gets a 2xx all the same must acknowledge it and hang up: otherwise the callee "
    "listens into nothing, and is billed. Update the element that sent the CANCEL.",
)


class Rung:
    """A hop on which a 180 came."""

    __slots__ = ("at_us", "attempt", "hop", "number", "vias")

    def __init__(self, at_us: int, hop: str, vias: int, number: int, attempt: Attempt) -> None:
        self.at_us = at_us  # first
        self.hop = hop
        self.vias = vias
        self.number = number  # of the message
        self.attempt = attempt


_AT_ONCE_US: Final = 200 * MILLISECOND  # §17.2.1: a server that needs longer must send 100


def no_trying(transaction: Transaction) -> Finding | None:
    """`no-trying` of an INVITE that had a response."""
    again_us, response_us = transaction.nth_sent_us(2), transaction.response_us
    if transaction.reliable or not 0 < again_us < response_us:
        return None
    client, server = ends(transaction.hop)
    before = [at_us for at_us in transaction.sent_us if at_us < response_us]
    lost = response_us - max(before) <= _AT_ONCE_US
    why = "it answered the last one at once, so that the others were lost" if lost else "it took that long"
    return NO_TRYING.finding(
        subject=f"{transaction.cseq} {transaction.branch} {transaction.hop}",
        state=FindingState.CONFIRMED,
        at_us=response_us,
        hop=transaction.hop,
        messages=set(transaction.numbers),
        cause=f"{server} said nothing for {seconds(response_us - transaction.first_us)}, and {client} sent its INVITE "
        f"{times(len(before))} by then: {why}.",
        variant="lost" if lost else "slow",
    )


def missing_prack(response: Provisional, settings: Settings, now_us: int) -> Finding | None:
    """`missing-prack` of a reliable provisional response."""
    hop = response.most_sent()
    sent_us = response.times[hop]
    suspected_us = sent_us[2] if len(sent_us) > 2 else 0
    deadline_us = response.first_us + settings.timers.timeout_us
    state = standing(
        suspected_us=suspected_us,
        # Of a caller out of sight, no PRACK would have been seen.
        confirmed_us=deadline_us if suspected_us and response.asked and now_us >= deadline_us else 0,
        cleared_us=response.acked_us if response.acked_us <= deadline_us else 0,
    )
    if state is None:
        return None
    client, server = ends(hop)
    over = f"{times(response.sends[hop])} over {seconds(sent_us[-1] - sent_us[0])}"
    other = f" A PRACK came, with RAck {response.stray!r}." if response.stray and not response.acked_us else ""
    return MISSING_PRACK.finding(
        subject=f"{response.rseq} {response.cseq} {response.to_tag}",
        state=state,
        at_us=suspected_us,
        hop=hop,
        messages=set(response.numbers[hop]),
        cause=f"{client} does not acknowledge the {response.status}: {server} sent it {over} with RSeq {response.rseq} "
        f"and waits for its PRACK.{other}",
        variant="wrong-rack" if other else "never-seen",
    )


def unanswered_ringing(attempt: Attempt, rung: Sequence[Rung], settings: Settings, now_us: int) -> Finding | None:
    """`unanswered-ringing` of an attempt with these ringing places."""
    deadline_us = min(place.at_us for place in rung) + settings.ringing_us
    final = attempt.final()
    over_us = [at_us for at_us in (attempt.cancelled_us, final.final_us if final else 0) if at_us]
    if now_us < deadline_us or min(over_us, default=deadline_us + 1) <= deadline_us:
        return None
    place = max(rung, key=lambda place: (place.vias, -place.at_us))
    _, server = ends(place.hop)
    return UNANSWERED_RINGING.finding(
        subject=attempt.subject,
        state=FindingState.CONFIRMED if attempt.asked else FindingState.SUSPECTED,
        at_us=deadline_us,
        hop=place.hop,
        messages={place.number},
        cause=f"{server} rings for more than {settings.ringing_us / SECOND:g} s, and nobody answers.",
    )


def cancel_race(
    transaction: Transaction, answer: Answer, dialog: Dialog | None, cancelled_us: int, settings: Settings, now_us: int
) -> Finding | None:
    """`cancel-race` of a cancelled INVITE and the 2xx that came on the same hop."""
    since_us = max(answer.first_us, cancelled_us)
    deadline_us = since_us + settings.timers.timeout_us
    suspected_us = since_us + settings.repair_us
    state = standing(
        suspected_us=suspected_us if now_us >= suspected_us else 0,
        # Without its ACK, the rest of the dialog may go where nobody sees it.
        confirmed_us=deadline_us if answer.ack_us and now_us >= deadline_us else 0,
        cleared_us=dialog.bye_us if dialog else 0,
    )
    if state is None:
        return None
    client, server = ends(transaction.hop)
    return CANCEL_RACE.finding(
        subject=answer.subject,
        state=state,
        at_us=since_us,
        hop=transaction.hop,
        messages={*transaction.numbers[:1], *transaction.final_numbers[:1], *answer.ack_numbers[:1]},
        cause=f"{client} cancelled the call when {server} had just answered it, and did not hang up.",
    )
