"""The ACK of a 2xx, and the call that drops for want of it (RFC 3261 §13.2.2.4, §13.3.1.4, RFC 6026).

The callee resends its 2xx after 0.5, 1, 2, 4, 4 … s until the ACK comes, and hangs up after 64·T1. So
three resends, 3.5 s after the answer, tell what will drop the call half a minute later.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from monitor.core.diagnosis.rule import Rule, standing
from monitor.core.diagnosis.text import ends, seconds, times
from monitor.core.dialog import Answer, Dialog, Sending
from monitor.core.hop import address_of
from monitor.core.settings import Settings
from monitor.core.updates import Finding, FindingState, Severity

MISSING_ACK: Final = Rule(
    code="missing-ack",
    severity=Severity.CRITICAL,
    when="A 2xx to INVITE has no ACK with its Call-ID, CSeq number and both tags, over any path; asked for each To "
    "tag. *Suspected* at the third retransmission of the 2xx, 3.5 s after it. *Confirmed* 64·T1 after it, or when "
    "the callee hangs up after at least one retransmission. Says whether no ACK was seen at all, one with a wrong "
    "CSeq or tag, or one that an element on the path received and did not send on. *Cleared* by a late ACK.",
    source="RFC 3261 §13.3.1.4, RFC 6026",
    remedy="See where the caller sends the ACK: the Contact and Record-Route of the 200 OK must be reachable from it. "
    "A private address there (NAT, SIP ALG), a firewall between, or a wrong external address on the callee's "
    "side are the usual causes.",
)
DROPPED_AT_32S: Final = Rule(
    code="dropped-at-32s",
    severity=Severity.CRITICAL,
    when="The callee resends its 2xx until about 64·T1 after it and then hangs up, or falls silent, for want of the "
    "ACK: none was seen, or one that did not reach it.",
    source="RFC 3261 §13.3.1.4",
    remedy=MISSING_ACK.remedy,
)

_NOT_SENT_ON: Final = (
    "Look at that element's routing of in-dialog requests: does the ACK carry the Route set of the 200 OK's "
    "Record-Route, and does its Request-URI (the Contact of the 200 OK) lead on?"
)
_IGNORED: Final = (
    "The ACK left for the callee and was not taken: look between that point and the callee for a firewall, a NAT "
    "binding that is gone, or another port than that of its Contact; and whether the ACK's CSeq and tags fit."
)
_WRONG: Final = (
    "The caller's user agent, or a B2BUA in the path, builds the ACK wrongly: its CSeq number must be that of the "
    "INVITE, its tags those of the 200 OK that it acknowledges."
)


class Blame(NamedTuple):
    """Where and how an ACK was lost."""

    variant: str
    hop: str
    cause: str  # the sentence that says so
    remedy: str


class Delivery(NamedTuple):
    """How far a 2xx and its ACK came. Wire times in µs, 0: never."""

    answer: Answer
    dialog: Dialog | None
    strays: Sequence[Answer]  # ACKs of the same dialog that fit no 2xx
    stuck: bool  # an element in the path got the ACK, and still the 2xx is resent to it
    sending: Sending  # the hop that tells most: where it got stuck, or that carried the 2xx most often
    deepest: Sending  # the hop next to the callee, as far as was seen
    acked_us: int  # when the ACK was seen as near to the callee as it came; 0 where it got stuck


def delivery(answer: Answer, dialog: Dialog | None, strays: Sequence[Answer], settings: Settings) -> Delivery:
    """The facts that both rules judge."""
    sendings = answer.sendings.values()
    deepest = max(sendings, key=lambda sending: (sending.vias, -sending.first_us))
    # Of the hops that carried it most often, the one nearest to the caller.
    most = max(sendings, key=lambda sending: (sending.sends, -sending.vias, -sending.first_us))
    arrived_us = _at_callee_us(answer, deepest) if answer.ack_us else 0
    stuck = not arrived_us and _is_stuck(answer, deepest, settings)
    return Delivery(
        answer, dialog, strays, stuck, deepest if stuck else most, deepest, 0 if stuck else arrived_us or answer.ack_us
    )


def missing_ack(seen: Delivery, settings: Settings, now_us: int) -> Finding | None:
    """`missing-ack`."""
    answer, sending, acked_us = seen.answer, seen.sending, seen.acked_us
    hung_up_us = _callee_hung_up(seen, acked_us)
    deadline_us = answer.first_us + settings.timers.timeout_us
    suspected_us = sending.nth_us(settings.suspect_resends + 1)
    given_up_us = hung_up_us if 0 < sending.nth_us(2) < hung_up_us else 0
    timed_out_us = deadline_us if suspected_us and now_us >= deadline_us else 0
    certain_us = given_up_us or timed_out_us
    state = standing(
        suspected_us=suspected_us or certain_us,
        # Of a caller out of sight, no ACK would have been seen.
        confirmed_us=certain_us if answer.asked else 0,
        cleared_us=acked_us if acked_us <= (hung_up_us or deadline_us) else 0,
    )
    if state is None:
        return None
    variant, hop, cause, remedy = _blame(seen)
    if hung_up_us:
        cause += f" {_answered(seen)} hung up {seconds(hung_up_us - answer.first_us)} after answering."
    return MISSING_ACK.finding(
        subject=answer.subject,
        state=state,
        at_us=suspected_us or given_up_us,
        hop=hop,
        messages=_evidence(seen, hung_up=hung_up_us > 0),
        cause=cause,
        remedy=remedy,
        variant=variant,
    )


def dropped_at_32s(seen: Delivery, settings: Settings, now_us: int) -> Finding | None:
    """`dropped-at-32s`."""
    answer, sending, acked_us, timers = seen.answer, seen.sending, seen.acked_us, settings.timers
    deadline_us = answer.first_us + timers.timeout_us
    if sending.sends <= settings.suspect_resends or sending.last_us < deadline_us - 2 * timers.t2_us:
        return None
    # Resent on and on although an ACK was seen: it was lost behind the point of capture, or is not taken.
    ignored = acked_us > 0 and sending.resends_after(acked_us + timers.t1_us) >= 2
    hung_up_us = _callee_hung_up(seen, 0 if ignored else acked_us)
    by_bye = hung_up_us > 0 and abs(hung_up_us - deadline_us) <= 2 * timers.t2_us
    over = seen.dialog is not None and 0 < seen.dialog.bye_us <= deadline_us + timers.t2_us
    silent = not over and not acked_us and now_us >= deadline_us + timers.t2_us
    if not (by_bye or silent):
        return None
    variant, hop, _, remedy = Blame("ignored", seen.deepest.hop, "", _IGNORED) if ignored else _blame(seen)
    how = (
        f"hung up {seconds(hung_up_us - answer.first_us)} after its 200 OK"
        if by_bye
        else f"stopped resending its 200 OK after {seconds(sending.last_us - answer.first_us)}"
    )
    why = "although an ACK was sent, none reached it" if ignored else "because the ACK never came"
    return DROPPED_AT_32S.finding(
        subject=answer.subject,
        state=FindingState.CONFIRMED,
        at_us=hung_up_us if by_bye else sending.last_us,
        hop=hop,
        messages=_evidence(seen, hung_up=by_bye),
        cause=f"{_answered(seen)} {how}, {why}: that is 64·T1, and the call is gone.",
        remedy=remedy,
        variant=variant,
    )


def _answered(seen: Delivery) -> str:
    """Whose 2xx it is: the callee's end of the last hop that was seen; elements before it only pass it on."""
    return ends(seen.deepest.hop)[1]


def _callee_hung_up(seen: Delivery, acked_us: int) -> int:
    """When the side that sent the 2xx said BYE, if it had no ACK by then; else 0."""
    dialog = seen.dialog
    if dialog is None or not dialog.bye_us or dialog.bye_tag != seen.answer.to_tag:
        return 0
    return dialog.bye_us if not acked_us or acked_us > dialog.bye_us else 0


def _at_callee_us(answer: Answer, deepest: Sending) -> int:
    """When an ACK was first seen on its way to the address that sent the 2xx; 0: never."""
    callee = address_of(ends(deepest.hop)[1])
    return min((at_us for hop, at_us in answer.ack_hops.items() if address_of(ends(hop)[1]) == callee), default=0)


def _is_stuck(answer: Answer, deepest: Sending, settings: Settings) -> bool:
    element = address_of(ends(deepest.hop)[0])
    received = [at_us for hop, at_us in answer.ack_hops.items() if address_of(ends(hop)[1]) == element]
    return bool(received) and deepest.resends_after(min(received) + settings.timers.t1_us) >= 2


def _blame(seen: Delivery) -> Blame:
    answer, sending = seen.answer, seen.sending
    over = f"{times(sending.sends)} over {seconds(sending.last_us - sending.first_us)}"
    if seen.stuck:
        element, callee = ends(sending.hop)
        cause = f"{element} received the ACK and did not send it on: {callee} sent its 200 OK {over}."
        return Blame("not-sent-on", sending.hop, cause, _NOT_SENT_ON)
    nearest = min(answer.sendings.values(), key=lambda sending: (sending.vias, sending.first_us))
    caller, callee = ends(nearest.hop)
    origin = _answered(seen)
    resent = (
        f"{callee} sent its 200 OK to {caller} {over}"
        if callee == origin
        else f"{callee} passed the 200 OK of {origin} to {caller} {over}"
    )
    if seen.acked_us:
        late = seconds(seen.acked_us - answer.first_us)
        return Blame("late", nearest.hop, f"The ACK came late, {late} after the 200 OK: {resent}.", MISSING_ACK.remedy)
    if not seen.strays:
        cause = f"The ACK never came: {resent}, and no ACK was seen."
        return Blame("never-seen", nearest.hop, cause, MISSING_ACK.remedy)
    stray = seen.strays[0]
    if stray.cseq != answer.cseq:
        variant, wrong = "wrong-cseq", f"CSeq {stray.cseq}, where its INVITE had {answer.cseq}"
    else:
        variant, wrong = "wrong-tag", f"the To tag {stray.to_tag!r}, where the 200 OK has {answer.to_tag!r}"
    return Blame(variant, nearest.hop, f"The ACK is wrong: {resent}, and the ACK that came has {wrong}.", _WRONG)


def _evidence(seen: Delivery, *, hung_up: bool) -> set[int]:
    numbers = {*seen.sending.numbers, *seen.answer.ack_numbers}
    if not seen.answer.ack_us:
        numbers.update(number for stray in seen.strays for number in stray.ack_numbers)
    if seen.dialog is not None and hung_up:
        numbers.add(seen.dialog.bye_number)
    return numbers
