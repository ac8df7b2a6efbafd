"""Session timers (RFC 4028), and calls that are up although nothing is heard of them any more."""

from typing import Final

from collectors.sip.timers import SECOND
from monitor.core.diagnosis.rule import Rule, standing
from monitor.core.diagnosis.text import ends, span
from monitor.core.session_timer import Grant, Intervals
from monitor.core.settings import Settings
from monitor.core.updates import Finding, FindingState, Severity

SESSION_EXPIRED: Final[Rule] = Rule(
    code="session-expired",
    severity=Severity.MAJOR,
    when="A dialog agreed on a session interval (Session-Expires in the 2xx), and it passed without a refresh (2xx "
    "to re-INVITE or UPDATE) or a BYE. *Suspected* when it has passed, *confirmed* 64·T1 later, if the ACK of the "
    "call was seen on the way that refreshes take; *cleared* by a refresh or a BYE until then.",
    source="RFC 4028 §7.2, §10",
    remedy="See why the refresher stays silent: is it down, does it do session timers at all, or do its re-INVITEs and "
    "UPDATEs go another way? The other side hangs up when its own timer runs out.",
)
SESSION_TIMER_MISCONFIGURED: Final[Rule] = Rule(
    code="session-timer-misconfigured",
    severity=Severity.MINOR,
    when="A session interval below the Min-SE of the request, or outside of what the operator calls sane (90 s to a "
    "day, settings); a 2xx that names no refresher; or a request that is refused with 422 again because it asks for "
    "less than the Min-SE that it was told.",
    source="RFC 4028 §4, §5, §7.3, §9",
    remedy="Set the same interval on both sides: 1800 s, with a minimum of 90 s, is what most use.",
)
ZOMBIE_CALL: Final[Rule] = Rule(
    code="zombie-call",
    severity=Severity.MINOR,
    when="An answered call without any message for 4 h (a setting), or for twice its session interval and 64·T1, and "
    "no end was seen. It leaves memory then: its end is not known. *Suspected* where messages were lost, or no ACK "
    "was seen that would show that its BYE would be seen; *cleared* by any later message. Where media is watched, too: "
    "RTP flowed both ways as agreed, and for 60 s neither RTP nor RTCP did in any direction (*suspected*; *confirmed* "
    "after 5 min), without hold and without a BYE; *cleared* by media or by the end of the call.",
    source="RFC 4028 §1, RFC 3261 §15",
    remedy="Ask both sides whether they still have the call. If not, its BYE was missed: it took another way, or was "
    "lost with what the collector lost. If one has, let session timers or RTP time-outs end such calls.",
)

_SMALLEST_S: Final = 90  # §5: no Min-SE may be less


def session_expired(
    intervals: Intervals, *, ended_us: int, asked: bool, settings: Settings, now_us: int
) -> Finding | None:
    """`session-expired` of a dialog. `ended_us`: its BYE (0: never). `asked`: its ACK was seen, so a BYE would be."""
    grant = intervals.last()
    if grant is None or not grant.seconds:
        return None
    expiry_us = grant.at_us + grant.seconds * SECOND
    certain_us = expiry_us + settings.timers.timeout_us
    state = standing(
        suspected_us=expiry_us if now_us >= expiry_us else 0,
        confirmed_us=certain_us if asked and now_us >= certain_us else 0,
        cleared_us=ended_us if ended_us <= certain_us else 0,
    )
    if state is None:
        return None
    who = (
        f"{grant.refreshing()}, which was to refresh it,"
        if grant.refresher
        else "Nobody was named to refresh it, and it"
    )
    return SESSION_EXPIRED.finding(
        subject=intervals.subject,
        state=state,
        at_us=expiry_us,
        hop=grant.hop,
        messages={grant.number},
        cause=f"The session interval of {span(grant.seconds)} has passed: {who} was silent since "
        f"{'the call was answered' if len(intervals.grants) == 1 else 'the last refresh'}, and nobody hung up.",
    )


def misconfigured(intervals: Intervals, settings: Settings) -> Finding | None:
    """`session-timer-misconfigured` of a dialog, or of a call that has none yet."""
    fault = _fault(intervals, settings)
    if fault is None:
        return None
    variant, grant, cause = fault
    return SESSION_TIMER_MISCONFIGURED.finding(
        subject=intervals.subject,
        state=FindingState.CONFIRMED,
        at_us=grant.at_us,
        hop=grant.hop,
        messages={grant.number},
        cause=cause,
        variant=variant,
    )


def _fault(intervals: Intervals, settings: Settings) -> tuple[str, Grant, str] | None:
    """(variant, the 2xx or 422 that shows it, sentence) of the first fault; None where there is none."""
    for again in intervals.refused:
        told_s = max((other.least for other in intervals.refused if other.at_us < again.at_us), default=0)
        if 0 < again.asked < told_s:
            client, server = ends(again.hop)
            asked = f"{client} asks for a session interval of {again.asked} s, though it was told that {told_s} s are"
            return "loop", again, f"{asked} the least, and {server} refuses it again."
    for grant in intervals.grants:
        fault = _fault_of(grant, settings)
        if grant.seconds and fault:
            variant, why = fault
            return variant, grant, f"{ends(grant.hop)[1]} set a session interval of {span(grant.seconds)}{why}."
    return None


def _fault_of(grant: Grant, settings: Settings) -> tuple[str, str] | None:
    least_s = max(grant.least, _SMALLEST_S, settings.session_least_us // SECOND)
    if grant.seconds < least_s:
        return "too-small", f", and {least_s} s are the least"
    if grant.seconds > settings.session_most_us // SECOND:
        return "too-large", ": that ends no dead call"
    return ("no-refresher", ", and named nobody to refresh it") if not grant.refresher else None


def zombie_call(*, silent_since_us: int, limit_us: int, number: int, hop: str, acked: bool) -> Finding:
    """`zombie-call` of a call that has been silent for so long. `number`: of a message that shows that it was up."""
    return ZOMBIE_CALL.finding(
        subject="",
        state=FindingState.CONFIRMED if acked else FindingState.SUSPECTED,
        at_us=silent_since_us + limit_us,
        hop=hop,
        messages={number},
        cause=f"Nothing was heard of this call for {span(limit_us // SECOND)}, and its end was not seen: it hangs on "
        "one side, or its BYE was missed here.",
    )
