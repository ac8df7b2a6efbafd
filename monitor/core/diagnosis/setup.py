"""Set-up of calls: nobody answers, nobody decides, somebody refuses, or it takes too long."""

from collectors.sip.timers import SECOND
from monitor.core.attempt import CHALLENGES, Attempt, repairable
from monitor.core.diagnosis.refusal import refusal
from monitor.core.diagnosis.text import ends, seconds, times
from monitor.core.settings import Settings
from monitor.core.transaction import Transaction
from monitor.core.updates import Finding, FindingState, Severity

# The caller's own cancel, busy, and decline are how calls end, not how they fail.
_NO_FAULT = frozenset({486, 487, 600, 603})


def unanswered(
    code: str,
    transaction: Transaction,
    settings: Settings,
    now_us: int,
    *,
    heard: bool,
    blind: bool,
    abandoned_us: int = 0,
) -> Finding | None:
    """`invite-unanswered`, `registration-unanswered`: no response of any kind (§17.1.1, §17.1.2).

    `heard`: the peer's messages are visible here at all. `abandoned_us`: when the sender went on
    without waiting (it tried another peer, or said 408 to its own client).
    """
    deadline_us = transaction.first_us + settings.timers.timeout_us
    if (transaction.response_us and transaction.response_us <= deadline_us) or not transaction.seen_request:
        return None
    resent = transaction.sends >= settings.suspect_sends
    waited = transaction.reliable and now_us >= transaction.first_us + settings.unanswered_reliable_us
    # Over UDP, a client that did not resend may have got a response that was not seen here.
    timed_out = now_us >= deadline_us and heard and (transaction.reliable or transaction.sends > 1)
    abandoned = abandoned_us > 0 and (resent or waited)
    if not (resent or waited or timed_out):
        return None
    client, server = ends(transaction.hop)
    span_us = transaction.last_sent_us - transaction.first_us
    method = transaction.method
    sent = f"{method} {times(transaction.sends)} over {seconds(span_us)}" if span_us else f"one {method}"
    cause = f"{server} answers nothing: {client} sent {sent}, and not even a 100 Trying came back."
    if method != "INVITE":
        cause = f"{server} answers nothing: {client} sent {sent}, and no response came back."
    return Finding(
        code=code,
        subject=f"{transaction.cseq} {transaction.hop}",
        severity=Severity.MAJOR,
        state=FindingState.CONFIRMED if (timed_out or abandoned) and heard and not blind else FindingState.SUSPECTED,
        at_us=transaction.last_sent_us,
        hop=transaction.hop,
        messages=tuple(transaction.numbers),
        cause=cause,
        remedy=f"Is {server} up, and does it listen there? Check its process, the route and the firewall between "
        f"(both ways), and that it accepts {client}: some servers drop what they do not know without a word.",
    )


def no_final_response(attempt: Attempt, settings: Settings, now_us: int, *, blind: bool) -> Finding | None:
    """`no-final-response`: 180 s after the last 101–199, no final response and no CANCEL (§16.6 (11))."""
    ringing_us = attempt.provisional_us()
    deadline_us = ringing_us + settings.no_final_us
    if not ringing_us or now_us < deadline_us or (attempt.cancelled_us and attempt.cancelled_us <= deadline_us):
        return None
    if any(t.final_us and t.final_us <= deadline_us for t in attempt.nearest()):
        return None
    place = attempt.deepest()
    last = max(attempt.transactions, key=lambda transaction: transaction.provisional_us)
    _, server = ends(place.hop)
    return Finding(
        code="no-final-response",
        subject=attempt.subject,
        severity=Severity.MAJOR,
        state=FindingState.SUSPECTED if blind else FindingState.CONFIRMED,
        at_us=deadline_us,
        hop=place.hop,
        messages=tuple(sorted({*place.numbers[:1], last.provisional_number})),
        cause=f"{server} was ringing and then said nothing more: no final response for "
        f"{seconds(settings.no_final_us)} after its last provisional one, and nobody cancelled.",
        remedy="A proxy must end such a call itself (Timer C). Check the ring timeout of the callee's PBX or queue, "
        "and whether its final response is lost on the way back.",
    )


def rejected(attempt: Attempt, settings: Settings, now_us: int, *, repaired: bool) -> Finding | None:
    """`rejected`: a final response ≥ 400 reached the caller, and nobody repaired it (§21)."""
    status = attempt.status()
    final = attempt.final()
    if final is None or status < 400 or repaired or status in _NO_FAULT or status in CHALLENGES:
        return None
    if repairable(status) and now_us < final.final_us + settings.repair_us:
        return None
    origin = attempt.origin(status)
    why = refusal(status, final.explanation)
    _, server = ends(origin.hop)
    return Finding(
        code="rejected",
        subject=attempt.subject,
        severity=why.severity,
        state=FindingState.CONFIRMED,
        at_us=final.final_us,
        hop=origin.hop,
        messages=tuple(sorted({*final.numbers[:1], *final.final_numbers[:1], *origin.final_numbers[:1]})),
        cause=f"{server} refused the call with {final.explanation or status}: {why.meaning}.",
        remedy=why.remedy,
    )


def slow_setup(attempt: Attempt, settings: Settings) -> Finding | None:
    """`slow-setup`: INVITE to first 18x, or 2xx without one, over the threshold (RFC 6076 §4.3)."""
    slowest = None
    for transaction in attempt.nearest():
        delay_us = ring_delay_us(transaction)
        if delay_us > settings.slow_setup_us:
            slowest = transaction
    if slowest is None:
        return None
    delay_us = ring_delay_us(slowest)
    # The delay is made by the deepest hop that waited for most of it.
    waiting = [t for t in attempt.transactions if ring_delay_us(t) >= delay_us * 0.8]
    place = max(waiting, key=lambda transaction: transaction.vias)
    _, server = ends(place.hop)
    return Finding(
        code="slow-setup",
        subject=attempt.subject,
        severity=Severity.MINOR,
        state=FindingState.CONFIRMED,
        at_us=slowest.first_us + delay_us,
        hop=place.hop,
        messages=tuple(sorted({*place.numbers[:1], *_rings(slowest)})),
        cause=f"The caller heard nothing for {seconds(delay_us)}: {server} took "
        f"{seconds(ring_delay_us(place))} to ring (over {settings.slow_setup_us / SECOND:g} s is slow).",
        remedy="Look there for slow database, ENUM or LRN look-ups, DNS time-outs, and routes that are tried one after "
        "the other before the one that works.",
    )


def _rings(transaction: Transaction) -> list[int]:
    return [transaction.rung_number] if transaction.rung_us else transaction.final_numbers[:1]


def ring_delay_us(transaction: Transaction) -> int:
    """INVITE to first 18x, or to the 2xx where there was none; 0 while there is neither."""
    answered_us = transaction.final_us if 200 <= transaction.final_status < 300 else 0
    rung_us = min(filter(None, (transaction.rung_us, answered_us)), default=0)
    return max(rung_us - transaction.first_us, 0) if transaction.seen_request and rung_us else 0
