"""How calls end: a BYE that nobody answers or somebody refuses, a technical reason, a call in a blink."""

from collections.abc import Sequence
from typing import Final

from collectors.sip.reason import NORMAL_CLEARING, Reason
from monitor.core.attempt import Attempt, repairable
from monitor.core.diagnosis.refusal import refusal
from monitor.core.diagnosis.rule import Rule, standing
from monitor.core.diagnosis.setup import INVITE_UNANSWERED, NO_FAULT
from monitor.core.diagnosis.text import ends, seconds
from monitor.core.settings import Settings
from monitor.core.updates import Finding, FindingState, Severity

BYE_UNANSWERED: Final[Rule] = Rule(
    code="bye-unanswered",
    severity=Severity.MINOR,
    when="As `invite-unanswered`, for BYE, at the farthest hop that it was sent over. Not where the other side "
    "hung up, too: who has ended a call need not answer for it.",
    source="RFC 3261 §15.1, §17.1.2",
    remedy="The call may still be up, and billed, on the other side. " + INVITE_UNANSWERED.remedy,
)
BYE_REJECTED: Final[Rule] = Rule(
    code="bye-rejected",
    severity=Severity.MINOR,
    when="The side that hung up got a final response ≥ 300 to its BYE. A challenge that is retried within 4 s does not "
    "count, nor does a 481 where the BYEs of both sides cross, or after a BYE that was accepted.",
    source="RFC 3261 §15.1.2, §12.2.2",
    remedy="The call may still be up on the other side. Compare Call-ID and tags of the BYE with those of the 200 OK, "
    "and see whether it reached the same node of a cluster as the INVITE.",
)
ABNORMAL_RELEASE: Final[Rule] = Rule(
    code="abnormal-release",
    severity=Severity.MINOR,
    when="A BYE whose Reason is no normal end: a Q.850 cause other than 16 and 31, or a SIP status of 400 or more. "
    "Major where the cause says that the network cut the call off: no circuit (34, 44), out of order (27, 38), "
    "temporary failure (41), congestion (42), no resources (47), a timer (102), a protocol error (111), or SIP 408 or "
    "5xx.",
    source="RFC 3326, ITU-T Q.850",
    remedy="Somebody in the path, not a person, ended the call. Read the log of who sent the BYE at this time, and "
    "follow the cause towards the side that it came from.",
)
SHORT_CALL: Final[Rule] = Rule(
    code="short-call",
    severity=Severity.INFO,
    when="Answered, and ended less than 3 s later (a setting).",
    source="RFC 6076 §4.5",
    remedy="One means nothing. Many from or to one place mean calls without sound, a wrong announcement, or dialers.",
)

# The call was cut off, and nobody hung up.
_CUT_OFF: Final = frozenset({27, 34, 38, 41, 42, 44, 47, 102, 111})
_CUT_OFF_STATUSES: Final = frozenset({408, *range(500, 600)})


def bye_rejected(
    attempt: Attempt, settings: Settings, now_us: int, *, retried_us: int, excused: bool
) -> Finding | None:
    """`bye-rejected` of a BYE on all its hops.

    `retried_us`: when the same side sent its next BYE of this dialog (0: never). `excused`: the dialog was over
    already, by the other side's BYE or an accepted one.
    """
    status, final = attempt.status(), attempt.final()
    if final is None or status < 300 or (status == 481 and excused):
        return None
    due_us = final.final_us + (settings.repair_us if repairable(status) else 0)
    certain = not repairable(status) or now_us >= due_us
    state = standing(
        suspected_us=final.final_us,
        confirmed_us=due_us if certain else 0,
        cleared_us=retried_us if repairable(status) else 0,
    )
    if state is None:
        return None
    origin = attempt.origin(status)
    client, _ = ends(final.hop)
    _, server = ends(origin.hop)
    why = refusal(status, final.explanation)
    meaning = "it knows no such dialog (any more)" if status == 481 else why.meaning
    return BYE_REJECTED.finding(
        subject=attempt.subject,
        state=state,
        at_us=final.final_us,
        hop=origin.hop,
        messages={*final.numbers[:1], *final.final_numbers[:1], *origin.final_numbers[:1]},
        cause=f"{client} hung up, and {server} refused its BYE with {final.explanation or status}: {meaning}.",
        variant="no-dialog" if status == 481 else why.name,
    )


def abnormal_release(bye: Attempt, reasons: Sequence[Reason]) -> Finding | None:
    """`abnormal-release` of a BYE with these reasons."""
    reason = _abnormal(reasons)
    if reason is None:
        return None
    place = bye.nearest()[0]
    client, _ = ends(place.hop)
    name = f" ({reason.name})" if reason.name else ""
    cut_off = reason.cause in (_CUT_OFF if reason.isdn else _CUT_OFF_STATUSES)
    return ABNORMAL_RELEASE.finding(
        subject=bye.subject,
        severity=Severity.MAJOR if cut_off else Severity.MINOR,
        state=FindingState.CONFIRMED,
        at_us=place.first_us,
        hop=place.hop,
        messages=set(place.numbers[:1]),
        cause=f"{client} ended the call for a reason of its own: {reason.protocol} cause {reason.cause}{name}.",
        variant=f"{'q850' if reason.isdn else 'sip'}-{reason.cause}",
    )


def _abnormal(reasons: Sequence[Reason]) -> Reason | None:
    """The reason that is no normal end, Q.850 before SIP; a normal Q.850 cause settles it."""
    for reason in sorted(reasons, key=lambda reason: not reason.isdn):
        if reason.isdn and reason.cause:
            return None if reason.cause in NORMAL_CLEARING else reason
        if reason.sip and (reason.cause or 0) >= 400 and reason.cause not in NO_FAULT:
            return reason
    return None


def short_call(bye: Attempt, answered_us: int, ended_us: int) -> Finding:
    """`short-call`; `bye` is the first one."""
    place = bye.nearest()[0]
    client, _ = ends(place.hop)
    return SHORT_CALL.finding(
        subject="",
        state=FindingState.CONFIRMED,
        at_us=ended_us,
        hop=place.hop,
        messages=set(place.numbers[:1]),
        cause=f"The call lasted {seconds(ended_us - answered_us)}: then {client} hung up.",
    )
