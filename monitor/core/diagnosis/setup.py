"""Set-up of calls: nobody answers, nobody decides, somebody refuses, or it takes too long."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from collectors.sip.timers import SECOND
from monitor.core.attempt import CHALLENGES, Attempt, repairable
from monitor.core.diagnosis.refusal import NO_ANSWER, refusal
from monitor.core.diagnosis.rule import Rule, standing
from monitor.core.diagnosis.text import ends, seconds, times
from monitor.core.diagnosis.unreachable import unreachable
from monitor.core.limits import Limits
from monitor.core.settings import Settings
from monitor.core.times import earlier
from monitor.core.transaction import Transaction
from monitor.core.undelivered import Report
from monitor.core.updates import Finding, FindingState, Severity

INVITE_UNANSWERED: Final[Rule] = Rule(
    code="invite-unanswered",
    severity=Severity.MAJOR,
    when="An INVITE gets no response of any kind, on the farthest hop that it was sent over. Over UDP it is "
    "*suspected* at the third send, over reliable transports after 4 s. *Confirmed* at Timer B (64·T1), "
    "over UDP if it is still resent by then (a client that soon stops may have got a response that was not seen), or "
    "earlier when the sender tries another peer, if that peer's messages are visible at all; whenever the sender "
    "itself reports a timeout (408) upstream; and at once when an ICMP error quotes the request (port, host, network "
    "or protocol unreachable, or prohibited; not when time was exceeded or fragmentation needed). *Cleared* by what "
    "only a response lets its client do: an ACK, a BYE, the same request under a new number.",
    source="RFC 3261 §17.1.1, §18.4",
    remedy="Is {server} up, and does it listen there? Check its process, the route and the firewall between "
    "(both ways), and that it accepts {client}: some servers drop what they do not know without a word.",
)
NO_FINAL_RESPONSE: Final[Rule] = Rule(
    code="no-final-response",
    severity=Severity.MAJOR,
    when="180 s after the last 101–199 (a 100 does not count) there is no final response, and nobody cancelled. An ACK "
    "of the INVITE, or a BYE, tells that there was one that was not seen. *Suspected* where one was seen on a part of "
    "the way, or the INVITE was not.",
    source="RFC 3261 §16.6 (11), §16.7 (2), §16.8",
    remedy="A proxy must end such a call itself (Timer C). Check the ring timeout of the callee's PBX or queue, "
    "and whether its final response is lost on the way back.",
)
REJECTED: Final[Rule] = Rule(
    code="rejected",
    severity=Severity.MAJOR,
    when="A final response ≥ 400 reached the caller and is not repaired by another attempt. Those that ask for one "
    "(422, 488, 503 and the like) are *suspected* for 4 s, and *cleared* by it; where the request was not seen, it "
    "stays so, for that may have been a re-INVITE. Challenges, the caller's own cancel (487), busy (486, 600) and "
    "decline (603) never count, nor does a Reason that says so (Q.850 cause 17). A 408 or 480 after "
    "it rang means that nobody answered.",
    source="RFC 3261 §21, RFC 3326",
    remedy="By class: see below.",
)
SLOW_SETUP: Final[Rule] = Rule(
    code="slow-setup",
    severity=Severity.MINOR,
    when="The caller waits more than 8 s from INVITE to the first 18x, or to the 2xx without one. The hop named is "
    "the farthest one that waited for most of that. Of a peer: within "
    f"{Limits().slow_us // 60_000_000} min, {Limits().slow_calls} calls or more, and {Limits().slow_share:.0%} of all, "
    f"rang later than {seconds(Limits().slow_floor_us)} and than 95 of 100 calls did there in the hour or two before "
    f"({Limits().slow_least} calls at least).",
    source="RFC 6076 §4.3",
    remedy="Look there for slow database, ENUM or LRN look-ups, DNS time-outs, and routes that are tried one after "
    "the other before the one that works.",
)

RETRY_AFTER_IGNORED: Final[Rule] = Rule(
    code="retry-after-ignored",
    severity=Severity.MINOR,
    when=f"A server answers 503 with Retry-After, and its client sends it {Limits().ignored_rests} further requests "
    "of that method or more in that time. OPTIONS don't count: they look whether it is back.",
    source="RFC 3261 §21.5.4, §20.33",
    remedy="Let the client take another server meanwhile, or wait: on a proxy, mark the destination as down for that "
    "time (Kamailio: dispatcher's inactive state; Asterisk: a second trunk).",
)

# The caller's own cancel, busy, and decline are how calls end, not how they fail.
NO_FAULT: Final = frozenset({486, 487, 600, 603})
# What a server says that has let a phone ring for long enough.
_GIVEN_UP: Final = frozenset({408, 480})


class Surroundings(NamedTuple):
    """What else is known when a request stays without any response. Wire times in µs, 0: never."""

    heard: Callable[[int], bool]  # whether its destination was heard of up to a time
    elsewhere_us: Sequence[int] = ()  # when its sender tried another destination
    timeout_us: int = 0  # when its sender answered 408 to its own client
    repaired_us: int = 0  # when what it was for came about in another way
    report: Report | None = None  # that it was not delivered


def unanswered(
    rule: Rule, transaction: Transaction, around: Surroundings, settings: Settings, now_us: int
) -> Finding | None:
    """`invite-unanswered`, `registration-unanswered`."""
    state = _silence(transaction, around, settings, now_us)
    if state is None:
        return None
    client, server = ends(transaction.hop)
    span_us = transaction.last_sent_us - transaction.first_us
    method = transaction.method
    sent = f"{method} {times(transaction.sends)} over {seconds(span_us)}" if span_us else f"one {method}"
    nothing = "not even a 100 Trying" if method == "INVITE" else "no response"
    resent_us = transaction.nth_sent_us(settings.suspect_sends)
    reported_us = around.report.at_us if around.report else 0
    known = unreachable(around.report, transaction.hop) if around.report else None
    why = known.why if known else f"{nothing} came back"
    return rule.finding(
        subject=silent_subject(transaction),
        state=state,
        at_us=min(filter(None, (resent_us, reported_us)), default=transaction.last_sent_us),
        hop=transaction.hop,
        messages=set(transaction.numbers),
        cause=f"{server} answers nothing: {client} sent {sent}, and {why}.",
        remedy=known.remedy if known else rule.remedy.format(client=client, server=server),
        variant=known.variant if known else "",
    )


def silent_subject(transaction: Transaction) -> str:
    """Names a transaction without response within its record."""
    return f"{transaction.cseq} {transaction.branch} {transaction.hop}"


def _silence(transaction: Transaction, around: Surroundings, settings: Settings, now_us: int) -> FindingState | None:
    if not transaction.seen_request:
        return None
    deadline_us = transaction.first_us + settings.timers.timeout_us
    waited_us = transaction.first_us + settings.unanswered_reliable_us
    if transaction.reliable:
        suspected_us = waited_us if now_us >= waited_us else 0
    else:
        suspected_us = transaction.nth_sent_us(settings.suspect_sends)
    timed_out = now_us >= deadline_us and (transaction.reliable or _still_resent(transaction, deadline_us, settings))
    certain = [deadline_us] if timed_out and around.heard(deadline_us) else []
    if suspected_us:
        certain += [at_us for at_us in around.elsewhere_us if suspected_us < at_us and around.heard(at_us)]
        certain += [around.timeout_us] if suspected_us < around.timeout_us else []
    if around.report:
        certain.append(around.report.at_us)
    response_us = transaction.response_us if transaction.response_us <= deadline_us else 0
    return standing(
        suspected_us=suspected_us,
        confirmed_us=min(certain, default=0),
        cleared_us=response_us or around.repaired_us,
    )


def _still_resent(transaction: Transaction, until_us: int, settings: Settings) -> bool:
    """Whether a client resent its request over UDP up to a time, or nearly so.

    Where two resends or more should have come and did not, it may have got a response that was not seen here.
    """
    due_us = settings.timers.t1_us << min(transaction.sends - 1, 8)
    if transaction.method != "INVITE":
        due_us = min(due_us, settings.timers.t2_us)
    return transaction.last_sent_us + 3 * due_us >= until_us


def no_final_response(attempt: Attempt, settings: Settings, now_us: int, *, went_on_us: int) -> Finding | None:
    """`no-final-response`. `went_on_us`: an ACK or a BYE that follows a final response only; 0: none was seen."""
    deadline_us = attempt.ringing_us + settings.no_final_us
    if not attempt.ringing_us or now_us < deadline_us:
        return None
    over_us = [attempt.cancelled_us, went_on_us, *(hop.final_us for hop in attempt.nearest())]
    if any(0 < at_us <= deadline_us for at_us in over_us):
        return None
    place = attempt.undecided(deadline_us)
    farther = any(0 < hop.final_us <= deadline_us for hop in attempt.transactions)
    last = max(attempt.transactions, key=lambda transaction: transaction.provisional_us)
    _, server = ends(place.hop)
    return NO_FINAL_RESPONSE.finding(
        subject=attempt.subject,
        # Of a caller out of sight, a CANCEL would not have been seen; a final response that went part of the way
        # may have gone the rest of it unseen.
        state=FindingState.CONFIRMED if attempt.asked and not farther else FindingState.SUSPECTED,
        at_us=deadline_us,
        hop=place.hop,
        messages={*place.numbers[:1], last.provisional_number},
        cause=f"{server} was ringing and then said nothing more: no final response for "
        f"{seconds(settings.no_final_us)} after its last provisional one, and nobody cancelled.",
    )


def rejected(attempt: Attempt, settings: Settings, now_us: int, *, retried_us: int) -> Finding | None:
    """`rejected`. `retried_us`: when the next attempt began; 0 where there is none."""
    status = attempt.status()
    no_refusal = not attempt.initial or status < 400 or status in NO_FAULT or status in CHALLENGES
    if no_refusal or (final := attempt.final()) is None:
        return None
    due_us = final.final_us + (settings.repair_us if repairable(status) else 0)
    due = not repairable(status) or now_us >= due_us
    # Of a request out of sight, it is not known that it was no re-INVITE.
    confirmed_us = due_us if due and attempt.asked else 0
    state = standing(suspected_us=final.final_us, confirmed_us=confirmed_us, cleared_us=retried_us)
    if state is None:
        return None
    origin = attempt.origin(status)
    why = refusal(status, final.explanation)
    if status in _GIVEN_UP and any(transaction.rung_us for transaction in attempt.transactions):
        why = NO_ANSWER
    if not why.failure:
        return None
    _, server = ends(origin.hop)
    return REJECTED.finding(
        subject=attempt.subject,
        severity=why.severity,
        state=state,
        at_us=final.final_us,
        hop=origin.hop,
        messages={*final.numbers[:1], *final.final_numbers[:1], *origin.final_numbers[:1]},
        cause=f"{server} refused the call with {final.explanation or status}: {why.meaning}.",
        remedy=why.remedy,
        variant=why.name,
    )


def slow_setup(attempt: Attempt, settings: Settings) -> Finding | None:
    """`slow-setup`."""
    nearest = attempt.nearest()
    slowest, delay_us = nearest[0], 0
    for transaction in nearest:
        if ring_delay_us(transaction) > delay_us:
            slowest, delay_us = transaction, ring_delay_us(transaction)
    if delay_us <= settings.slow_setup_us:
        return None
    # The delay is made by the deepest hop that waited for most of it.
    waiting = [t for t in attempt.transactions if ring_delay_us(t) >= delay_us * 0.8]
    place = max(waiting, key=lambda transaction: transaction.vias)
    _, server = ends(place.hop)
    rings = [slowest.rung_number] if slowest.rung_us else slowest.final_numbers[:1]
    return SLOW_SETUP.finding(
        subject=attempt.subject,
        state=FindingState.CONFIRMED,
        at_us=slowest.first_us + delay_us,
        hop=place.hop,
        messages={*place.numbers[:1], *rings},
        cause=f"The caller heard nothing for {seconds(delay_us)}: {server} took "
        f"{seconds(ring_delay_us(place))} to ring (over {settings.slow_setup_us / SECOND:g} s is slow).",
    )


def ring_delay_us(transaction: Transaction) -> int:
    """INVITE to first 18x, or to the 2xx where there was none; 0 while there is neither."""
    rung_us = earlier(transaction.rung_us, transaction.succeeded_us)
    return max(rung_us - transaction.first_us, 0) if transaction.seen_request and rung_us else 0
