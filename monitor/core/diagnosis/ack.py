"""The ACK of a 2xx, and the call that drops for want of it (RFC 3261 §13.2.2.4, §13.3.1.4, RFC 6026).

The callee resends its 2xx after 0.5, 1, 2, 4, 4 … s until the ACK comes, and hangs up after 64·T1. So
three resends, 3.5 s after the answer, tell what will drop the call half a minute later.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from typing import Final, NamedTuple

from collectors.sip.address import inside
from collectors.sip.uri import host_of
from monitor.core.diagnosis.rule import Rule, standing
from monitor.core.diagnosis.text import ends, seconds, times
from monitor.core.dialog import Answer, Dialog, Sending
from monitor.core.hop import address_of
from monitor.core.settings import Settings
from monitor.core.times import earlier
from monitor.core.updates import Finding, FindingState, Severity

MISSING_ACK: Final[Rule] = Rule(
    code="missing-ack",
    severity=Severity.CRITICAL,
    when="A 2xx to INVITE has no ACK with its Call-ID, CSeq number and both tags, over any path; asked for each To "
    "tag. *Suspected* at the third retransmission of the 2xx, 3.5 s after it. *Confirmed* 64·T1 after it, or when "
    "the callee hangs up after at least one retransmission, if it still resends by then, or gave up after six: where "
    "the resends end soon, the ACK may have come over a way that is not seen. Says whether no ACK was seen at "
    "all, one with a wrong CSeq or tag, one that an element on the path received and did not send on, or one that "
    "went to where nobody takes it: an address that was never heard, or is unreachable by the word of an ICMP error, "
    "most often the Contact of the 2xx. *Cleared* by a late ACK.",
    source="RFC 3261 §13.3.1.4, RFC 6026",
    remedy="See where the caller sends the ACK: the Contact and Record-Route of the 200 OK must be reachable from it. "
    "A private address there (NAT, SIP ALG), a firewall between, or a wrong external address on the callee's "
    "side are the usual causes.",
)
DROPPED_AT_32S: Final[Rule] = Rule(
    code="dropped-at-32s",
    severity=Severity.CRITICAL,
    when="The callee resends its 2xx until about 64·T1 after it and then hangs up, or falls silent, for want of the "
    "ACK: none was seen, or one that did not reach it.",
    source="RFC 3261 §13.3.1.4",
    remedy=MISSING_ACK.remedy,
)
ACK_IGNORED: Final[Rule] = Rule(
    code="ack-ignored",
    severity=Severity.CRITICAL,
    when="The callee resends its 2xx twice or more later than T1, or than the round trip where that is longer, after "
    "its ACK was seen on the last hop before it. *Confirmed* when it goes on to the end (64·T1), or the callee hangs "
    "up; *cleared* when the resends stop before.",
    source="RFC 3261 §13.3.1.4, §12.2.1.1",
    remedy="The ACK left for the callee and was not taken: look between that point and the callee for a firewall, a "
    "NAT binding that is gone, or another port than that of its Contact; and whether the ACK's CSeq and tags fit.",
)

_NOT_SENT_ON: Final = (
    "Look at that element's routing of in-dialog requests: does the ACK carry the Route set of the 200 OK's "
    "Record-Route, and does its Request-URI (the Contact of the 200 OK) lead on?"
)
_UNREACHABLE: Final = (
    "Whoever answered must be reachable at the Contact of its 200 OK: set its external address (NAT), switch a SIP ALG "
    "off, or let the proxy before it put itself into the path (Record-Route, or fix the Contact of clients behind NAT)."
)
_GIVES_UP_AFTER: Final = 6  # resends of a 2xx, the least of what servers are set to
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


class Place(Enum):
    """How far an ACK came. To be sure that it came no farther takes two resends of the 2xx after it."""

    NOWHERE = auto()  # none was seen
    ELEMENT = auto()  # an element of the path got it, and kept it
    ASTRAY = auto()  # it went to an address that is not in the path, or where nothing takes it
    CALLEE = auto()  # it was on its last hop, or nothing speaks against it


# Asked with each resend, and slowly through the class (Python 3.11).
NOWHERE: Final = Place.NOWHERE
ELEMENT: Final = Place.ELEMENT
ASTRAY: Final = Place.ASTRAY
CALLEE: Final = Place.CALLEE


class Delivery:
    """How far a 2xx and its ACK came. Never changed. Wire times in µs, 0: never."""

    __slots__ = (
        "acked_us",
        "answer",
        "arrived_us",
        "deepest",
        "dialog",
        "heard",
        "place",
        "reached",
        "sending",
        "strays",
        "trouble",
    )

    def __init__(
        self,
        *,
        answer: Answer,
        dialog: Dialog | None,
        strays: Sequence[Answer],
        place: Place,
        reached: str,
        trouble: str,
        heard: bool,
        sending: Sending,
        deepest: Sending,
        acked_us: int,
        arrived_us: int,
    ) -> None:
        self.answer = answer
        self.dialog = dialog
        self.strays = strays  # ACKs of the same dialog that fit no 2xx
        self.place = place
        self.reached = reached  # endpoint of ELEMENT or ASTRAY; "" else
        self.trouble = trouble  # what an ICMP error says of the ACK that went there: "port unreachable"; "" without one
        self.heard = heard  # whether anything ever came from there
        self.sending = sending  # the hop that tells most: where it got stuck, or that carried the 2xx most often
        self.deepest = deepest  # the hop next to the callee, as far as was seen
        self.acked_us = acked_us  # when the ACK was seen as near to the callee as it came; 0 where it did not get there
        self.arrived_us = arrived_us  # when one was first seen on its way to the address that sent the 2xx


def suspicious(answer: Answer, dialog: Dialog | None, settings: Settings) -> bool:
    """Whether any of the rules may have something to say: of few resends only where the ACK does not end them, or where
    the callee hung up that may have had none.
    """
    if answer.sends > settings.suspect_resends:
        return True
    if answer.ack_us and answer.resends_after(answer.ack_us + settings.timers.t1_us) > 1:
        return True
    return dialog is not None and dialog.bye_tag == answer.to_tag and not answer.acknowledged_by(dialog.bye_us)


def delivery(
    answer: Answer,
    dialog: Dialog | None,
    strays: Sequence[Answer],
    settings: Settings,
    *,
    heard: Callable[[str, int], bool],
    troubles: Mapping[str, str],
) -> Delivery:
    """The facts that the rules judge.

    `heard`: whether anything came from an address up to a wire time. `troubles`: what ICMP errors said of ACKs, by
    their hop.
    """
    sendings = answer.sendings
    deepest = most = sendings[0]
    for sending in sendings[1:]:
        if (sending.vias, -sending.first_us) > (deepest.vias, -deepest.first_us):
            deepest = sending
        # Of the hops that carried it most often, the one nearest to the caller.
        if (sending.sends, -sending.vias, -sending.first_us) > (most.sends, -most.vias, -most.first_us):
            most = sending
    arrived_us = _at_callee_us(answer, deepest)
    place, hop = _reached(answer, deepest, arrived_us, troubles, settings)
    reached = ends(hop)[1] if place is ELEMENT or place is ASTRAY else ""
    return Delivery(
        answer=answer,
        dialog=dialog,
        strays=strays,
        place=place,
        reached=reached,
        trouble=troubles.get(hop, ""),
        heard=bool(reached) and heard(address_of(reached), deepest.last_us),
        sending=_beyond(answer, reached, deepest) if place is ELEMENT else most,
        deepest=deepest,
        acked_us=(arrived_us or answer.ack_us) if place is CALLEE else 0,
        arrived_us=arrived_us,
    )


def _reached(
    answer: Answer, deepest: Sending, arrived_us: int, troubles: Mapping[str, str], settings: Settings
) -> tuple[Place, str]:
    """How far the ACK came, and the hop on which it got there."""
    if not answer.ack_us:
        return NOWHERE, ""
    acked = answer.ack_hops()
    hops = list(acked)  # in the order of their time
    if deepest.resends_after(answer.ack_us + settings.timers.t1_us) < 2:
        return CALLEE, hops[0]
    undelivered = [hop for hop in hops if hop in troubles]
    if undelivered:
        return ASTRAY, undelivered[0]
    if arrived_us:
        return CALLEE, hops[0]
    depths = _depths(answer)
    inside = [hop for hop in hops if address_of(ends(hop)[1]) in depths]
    if not inside:
        return ASTRAY, hops[0]
    return ELEMENT, max(inside, key=lambda hop: depths[address_of(ends(hop)[1])])


def _depths(answer: Answer) -> dict[str, int]:
    """How far each element that the 2xx passed is from the caller."""
    depths: dict[str, int] = {}
    for sending in answer.sendings:
        way, depth = sending.way, 2 * sending.vias
        depths[way.source] = max(depths.get(way.source, 0), depth)
        depths[way.destination] = max(depths.get(way.destination, 0), depth + 1)
    return depths


def _beyond(answer: Answer, element: str, deepest: Sending) -> Sending:
    """The hop on which the ACK should have left an element."""
    depth = _depths(answer)[address_of(element)]
    return min(
        (sending for sending in answer.sendings if 2 * sending.vias >= depth),
        key=lambda sending: sending.vias,
        default=deepest,
    )


def missing_ack(seen: Delivery, settings: Settings, now_us: int) -> Finding | None:
    """`missing-ack`."""
    answer, sending, acked_us = seen.answer, seen.sending, seen.acked_us
    hung_up_us = _callee_hung_up(seen, acked_us)
    deadline_us = answer.first_us + settings.timers.timeout_us
    suspected_us = sending.nth_us(settings.suspect_resends + 1)
    bye_us = seen.dialog.bye_us if seen.dialog else 0
    # The first resend comes after T1: what comes sooner goes round in a loop.
    resent_us = sending.nth_us(2) if sending.nth_us(2) - sending.first_us >= settings.timers.t1_us // 2 else 0
    given_up_us = hung_up_us if 0 < resent_us < hung_up_us and _still_resent(sending, hung_up_us, settings) else 0
    waited_us = min(bye_us or deadline_us, deadline_us)
    timed_out = suspected_us and resent_us and now_us >= deadline_us and _still_resent(sending, waited_us, settings)
    timed_out_us = deadline_us if timed_out else 0
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


def _still_resent(sending: Sending, until_us: int, settings: Settings) -> bool:
    """Whether the callee resent its 2xx up to a time, or nearly so: only then is it sure to have had no ACK by then.

    Where two resends or more should have come and did not, it had one, over a way that is not seen, unless it gave up:
    some do after six. What comes again at once, and not as a timer would have it, is a copy of the capture's own.
    """
    timers, times_us = settings.timers, sending.times
    if sending.sends > _GIVES_UP_AFTER and sending.last_us - sending.first_us > 2 * timers.t2_us:
        return True
    interval_us = times_us[-1] - times_us[-2] if len(times_us) == sending.sends > 1 else timers.t2_us
    due_us = min(max(2 * interval_us, timers.t1_us), timers.t2_us)
    return until_us <= sending.last_us + 2 * due_us


def ack_ignored(seen: Delivery, settings: Settings, now_us: int) -> Finding | None:
    """`ack-ignored`."""
    answer, sending, timers = seen.answer, seen.deepest, settings.timers
    arrived_us = seen.arrived_us
    if seen.place is not CALLEE or not arrived_us:
        return None
    due_us = arrived_us + max(timers.t1_us, _round_trip_us(answer, sending))
    resent_us = [at_us for at_us in sending.times[1:] if at_us > due_us]
    if len(resent_us) < 2:
        return None
    bye_us = seen.dialog.bye_us if seen.dialog else 0
    deadline_us = answer.first_us + timers.timeout_us
    quiet_us = sending.last_us + 2 * timers.t2_us  # by then, the next resend would have come
    if min(bye_us or deadline_us, deadline_us) <= quiet_us:
        confirmed_us = _callee_hung_up(seen, 0) or (deadline_us if not bye_us and now_us >= deadline_us else 0)
        state = standing(suspected_us=resent_us[1], confirmed_us=confirmed_us)
    else:
        state = standing(suspected_us=resent_us[1], cleared_us=quiet_us if max(now_us, bye_us) >= quiet_us else 0)
    _, callee = ends(sending.hop)
    return ACK_IGNORED.finding(
        subject=answer.subject,
        state=state or FindingState.SUSPECTED,
        at_us=resent_us[1],
        hop=sending.hop,
        messages={*sending.numbers, *answer.ack_numbers},
        cause=f"{callee} does not take the ACK: it was sent there {seconds(arrived_us - answer.first_us)} after the "
        f"200 OK, which was resent {times(sending.resends_after(due_us))} all the same.",
    )


def _round_trip_us(answer: Answer, sending: Sending) -> int:
    """How long the callee and the point of capture are apart, at most, there and back; 0 where that is not known."""
    transactions = answer.attempt.transactions if answer.attempt else ()
    delays = (
        transaction.response_us - transaction.first_us
        for transaction in transactions
        # Who picks up the phone takes longer than the network.
        if transaction.hop == sending.hop and transaction.seen_request and transaction.response_us < sending.first_us
    )
    return max(min(delays, default=0), 0)


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
    variant, hop, _, remedy = Blame("ignored", seen.deepest.hop, "", ACK_IGNORED.remedy) if ignored else _blame(seen)
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
    callee, first_us = deepest.way.destination, 0
    for hop, at_us in answer.ack_hops().items():
        if address_of(ends(hop)[1]) == callee:
            first_us = earlier(first_us, at_us)
    return first_us


def _blame(seen: Delivery) -> Blame:
    answer, sending = seen.answer, seen.sending
    over = f"{times(sending.sends)} over {seconds(sending.last_us - sending.first_us)}"
    if seen.place is ELEMENT:
        cause = f"{seen.reached} received the ACK and did not send it on: {_answered(seen)} sent its 200 OK {over}."
        return Blame("not-sent-on", sending.hop, cause, _NOT_SENT_ON)
    if seen.place is ASTRAY:
        return _astray(seen, over)
    nearest = min(answer.sendings, key=lambda sending: (sending.vias, sending.first_us))
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
        return _never_seen(seen, nearest.hop, f"The ACK never came: {resent}, and no ACK was seen.")
    stray = seen.strays[0]
    if stray.cseq != answer.cseq:
        variant, wrong = "wrong-cseq", f"CSeq {stray.cseq}, where its INVITE had {answer.cseq}"
    else:
        variant, wrong = "wrong-tag", f"the To tag {stray.to_tag!r}, where the 200 OK has {answer.to_tag!r}"
    return Blame(variant, nearest.hop, f"The ACK is wrong: {resent}, and the ACK that came has {wrong}.", _WRONG)


def _astray(seen: Delivery, over: str) -> Blame:
    hop = next(hop for hop in seen.answer.ack_hops() if ends(hop)[1] == seen.reached)
    resent = f"{_answered(seen)} sent its 200 OK {over}"
    if seen.trouble:
        why = f"and the network says: {seen.trouble}"
    elif seen.heard:
        why = "which is not in the path of the call"
    else:
        why = "from where nothing was ever heard"
    contact = seen.answer.contact
    own = host_of(contact).strip("[]") == address_of(seen.reached)
    source = f" That is the Contact of the 200 OK ({contact}{_quality(contact)})." if own else ""
    variant = "astray" if seen.heard and not seen.trouble else "unreachable-contact" if own else "unreachable"
    return Blame(variant, hop, f"The ACK went to {seen.reached}, {why}: {resent}.{source}", _UNREACHABLE)


def _never_seen(seen: Delivery, hop: str, cause: str) -> Blame:
    """No ACK was seen; where a private Contact came from a public address, that is where it went."""
    contact = seen.answer.contact
    if inside(host_of(contact)) and not inside(address_of(ends(hop)[1])):
        cause += f" The Contact of the 200 OK ({contact}) is a private address: from outside, no ACK can reach it."
        return Blame("private-contact", hop, cause, _UNREACHABLE)
    return Blame("never-seen", hop, cause, MISSING_ACK.remedy)


def _quality(contact: str) -> str:
    return ", a private address" if inside(host_of(contact)) else ""


def _evidence(seen: Delivery, *, hung_up: bool) -> set[int]:
    numbers = {*seen.sending.numbers, *seen.answer.ack_numbers}
    if not seen.answer.ack_us:
        numbers.update(number for stray in seen.strays for number in stray.ack_numbers)
    if seen.dialog is not None and hung_up:
        numbers.add(seen.dialog.bye_number)
    return numbers


JUDGES: Final = ((MISSING_ACK, missing_ack), (ACK_IGNORED, ack_ignored), (DROPPED_AT_32S, dropped_at_32s))
