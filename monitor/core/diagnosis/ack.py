"""The ACK of a 2xx, and the call that drops for want of it (RFC 3261 §13.2.2.4, §13.3.1.4, RFC 6026).

The callee resends its 2xx after 0.5, 1, 2, 4, 4 … s until the ACK comes, and hangs up after 64·T1. So
three resends, 3.5 s after the answer, tell what will drop the call half a minute later.
"""

from monitor.core.diagnosis.text import ends, seconds, times
from monitor.core.dialog import Answer, Dialog, Sending
from monitor.core.hop import address_of
from monitor.core.settings import Settings
from monitor.core.updates import Finding, FindingState, Severity


def missing_ack(
    answer: Answer, dialog: Dialog | None, settings: Settings, now_us: int, *, blind: bool
) -> Finding | None:
    """`missing-ack`: a 2xx to INVITE is resent, and its ACK is not seen, or stops half-way."""
    if not answer.sendings:
        return None
    deadline_us = answer.first_us + settings.timers.timeout_us
    stuck = _stuck(answer, settings)
    acked_us = 0 if stuck else answer.ack_us
    hung_up_us = _callee_hung_up(answer, dialog, acked_us)
    if acked_us and acked_us <= (hung_up_us or deadline_us):
        return None
    sending = stuck or max(answer.sendings.values(), key=lambda sending: sending.sends)
    resends = sending.sends - 1
    given_up = bool(hung_up_us) and resends >= 1
    if resends < settings.suspect_resends and not given_up:
        return None
    certain = given_up or now_us >= deadline_us
    hop, cause = _blame(answer, sending, stuck=stuck is not None)
    if hung_up_us:
        cause += f" {ends(hop)[1]} hung up {seconds(hung_up_us - answer.first_us)} after answering."
    return Finding(
        code="missing-ack",
        subject=answer.subject,
        severity=Severity.CRITICAL,
        state=FindingState.CONFIRMED if certain and not blind else FindingState.SUSPECTED,
        at_us=sending.last_us,
        hop=hop,
        messages=_evidence(sending, answer, dialog if hung_up_us else None),
        cause=cause,
        remedy=_remedy(stuck=stuck is not None),
    )


def dropped_at_32s(
    answer: Answer, dialog: Dialog | None, settings: Settings, now_us: int, *, blind: bool
) -> Finding | None:
    """`dropped-at-32s`: the callee gave up, about 64·T1 after a 2xx that never got its ACK."""
    if not answer.sendings:
        return None
    timers = settings.timers
    deadline_us = answer.first_us + timers.timeout_us
    stuck = _stuck(answer, settings)
    acked_us = 0 if stuck else answer.ack_us
    hung_up_us = _callee_hung_up(answer, dialog, acked_us)
    if acked_us and acked_us <= (hung_up_us or deadline_us):
        return None
    sending = stuck or max(answer.sendings.values(), key=lambda sending: sending.sends)
    if sending.sends <= settings.suspect_resends or sending.last_us < deadline_us - 2 * timers.t2_us:
        return None
    by_bye = bool(hung_up_us) and abs(hung_up_us - deadline_us) <= 2 * timers.t2_us
    if not by_bye and now_us < deadline_us + timers.t2_us:
        return None
    hop, _ = _blame(answer, sending, stuck=stuck is not None)
    how = (
        f"hung up {seconds(hung_up_us - answer.first_us)} after its 200 OK"
        if by_bye
        else f"stopped resending its 200 OK after {seconds(sending.last_us - answer.first_us)}"
    )
    return Finding(
        code="dropped-at-32s",
        subject=answer.subject,
        severity=Severity.CRITICAL,
        state=FindingState.SUSPECTED if blind else FindingState.CONFIRMED,
        at_us=hung_up_us if by_bye else sending.last_us,
        hop=hop,
        messages=_evidence(sending, answer, dialog if by_bye else None),
        cause=f"{ends(hop)[1]} {how}, because the ACK never came: that is 64·T1, and the call is gone.",
        remedy=_remedy(stuck=stuck is not None),
    )


def _callee_hung_up(answer: Answer, dialog: Dialog | None, acked_us: int) -> int:
    """When the side that sent the 2xx said BYE, if it had no ACK by then; else 0."""
    if dialog is None or not dialog.bye_us or dialog.bye_tag != answer.to_tag:
        return 0
    return dialog.bye_us if not acked_us or acked_us > dialog.bye_us else 0


def _stuck(answer: Answer, settings: Settings) -> Sending | None:
    """The deepest hop, where an element in the path got the ACK, and still the 2xx is resent to it."""
    if not answer.ack_us or len(answer.sendings) < 2:
        return None
    hop, deepest = max(answer.sendings.items(), key=lambda item: item[1].vias)
    element, callee = (address_of(place) for place in ends(hop))
    received = [at_us for ack, at_us in answer.ack_hops.items() if address_of(ends(ack)[1]) == element]
    if not received or element == callee or any(address_of(ends(ack)[1]) == callee for ack in answer.ack_hops):
        return None
    later_us = min(received) + settings.timers.t1_us
    resent = sum(at_us > later_us for at_us in deepest.times)
    return deepest if resent >= 2 else None


def _blame(answer: Answer, sending: Sending, *, stuck: bool) -> tuple[str, str]:
    """Where the ACK was lost, and the sentence that says so."""
    over = f"{times(sending.sends)} over {seconds(sending.last_us - sending.first_us)}"
    if stuck:
        element, callee = ends(sending.hop)
        return sending.hop, (f"{element} received the ACK and did not send it on: {callee} sent its 200 OK {over}.")
    nearest = min(answer.sendings.values(), key=lambda sending: (sending.vias, sending.first_us))
    caller, callee = ends(nearest.hop)
    return nearest.hop, f"The ACK never came: {callee} sent its 200 OK to {caller} {over}, and no ACK was seen."


def _evidence(sending: Sending, answer: Answer, dialog: Dialog | None) -> tuple[int, ...]:
    numbers = {*sending.numbers, *answer.ack_numbers}
    if dialog is not None:
        numbers.add(dialog.bye_number)
    return tuple(sorted(numbers))


def _remedy(*, stuck: bool) -> str:
    if stuck:
        return (
            "Look at that element's routing of in-dialog requests: does the ACK carry the Route set of the 200 OK's "
            "Record-Route, and does its Request-URI (the Contact of the 200 OK) lead on?"
        )
    return (
        "See where the caller sends the ACK: the Contact and Record-Route of the 200 OK must be reachable from it. "
        "A private address there (NAT, SIP ALG), a firewall between, or a wrong external address on the callee's "
        "side are the usual causes."
    )
