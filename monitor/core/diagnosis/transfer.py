"""Transfers that fail (RFC 3515), and calls that are sent elsewhere (3xx)."""

from typing import Final, NamedTuple

from monitor.core.attempt import CHALLENGES, Attempt
from monitor.core.diagnosis.refusal import BUSY, refusal
from monitor.core.diagnosis.rule import Rule, standing
from monitor.core.diagnosis.setup import NO_FAULT
from monitor.core.diagnosis.text import ends
from monitor.core.settings import Settings
from monitor.core.transaction import Transaction
from monitor.core.updates import Finding, FindingState, Severity

TRANSFER_FAILED: Final[Rule] = Rule(
    code="transfer-failed",
    severity=Severity.MAJOR,
    when="A REFER is refused, unless that was a challenge that it answers; or a NOTIFY about it tells that the call "
    "that it asked for got 300 or more. Minor where that is a busy or declining target, or a wrong number. *Cleared* "
    "when a later NOTIFY tells of success.",
    source="RFC 3515 §2.4",
    remedy="Refused: does that side allow REFER (Allow header), or does it want transfers to be made by the PBX "
    "itself? The target failed: look for the call that the transfer made, from the side that sent the NOTIFY.",
)
REDIRECTED: Final[Rule] = Rule(
    code="redirected",
    severity=Severity.INFO,
    when="An INVITE was answered with 3xx; says where it points and where the call went then.",
    source="RFC 3261 §21.3, §8.1.3.4",
    remedy="Nothing, where that is meant. Where nobody follows: does the client or the proxy before it recurse?",
)


class Report(NamedTuple):
    """The last word of the NOTIFYs about a REFER."""

    at_us: int
    status: int
    line: str  # "486 Busy Here"
    hop: str  # next to who reports, as far as was seen
    number: int  # of the message
    from_tag: str
    cseq: int
    vias: int

    def replaces(self, known: "Report") -> bool:
        """Whether it is the later word, or the same on a hop that is nearer to who reports."""
        if self.from_tag != known.from_tag:
            return self.at_us > known.at_us
        if self.cseq != known.cseq:
            return self.cseq > known.cseq
        return (self.vias, self.at_us) < (known.vias, known.at_us)


def refer_refused(attempt: Attempt, target: str, settings: Settings, now_us: int, *, retried_us: int) -> Finding | None:
    """`transfer-failed` of a refused REFER to `target`; `retried_us`: when it came again (0: never)."""
    status, final = attempt.status(), attempt.final()
    if final is None or status < 300:
        return None
    challenged = status in CHALLENGES
    due_us = final.final_us + (settings.repair_us if challenged else 0)
    state = standing(
        suspected_us=final.final_us,
        confirmed_us=due_us if not challenged or now_us >= due_us else 0,
        cleared_us=retried_us if challenged else 0,
    )
    if state is None:
        return None
    origin = attempt.origin(status)
    _, server = ends(origin.hop)
    why = refusal(status, final.explanation)
    return TRANSFER_FAILED.finding(
        subject=attempt.subject,
        state=state,
        at_us=final.final_us,
        hop=origin.hop,
        messages={*final.numbers[:1], *final.final_numbers[:1], *origin.final_numbers[:1]},
        cause=f"{server} refused to transfer the call to {target} with {final.explanation or status}: {why.meaning}.",
        variant="refused",
    )


def target_failed(subject: str, target: str, report: Report) -> Finding | None:
    """`transfer-failed` of a REFER that was taken, by the last report on it."""
    if report.status < 300:
        return None
    why = BUSY if report.status in NO_FAULT else refusal(report.status, "")
    client, _ = ends(report.hop)
    return TRANSFER_FAILED.finding(
        subject=subject,
        severity=Severity.MINOR if why is BUSY else why.severity,
        state=FindingState.CONFIRMED,
        at_us=report.at_us,
        hop=report.hop,
        messages={report.number},
        cause=f"{client} was to transfer the call to {target} and got {report.line} there: {why.meaning}.",
        variant="target",
    )


def redirected(subject: str, place: Transaction, contact: str, followed: Transaction | None) -> Finding:
    """`redirected` of an INVITE on a hop; `followed`: what its client sent next."""
    client, server = ends(place.hop)
    then = "{} then called {}".format(*ends(followed.hop)) if followed else f"{client} called nobody after that"
    to = contact or "nowhere"
    return REDIRECTED.finding(
        subject=subject,
        state=FindingState.CONFIRMED,
        at_us=place.final_us,
        hop=place.hop,
        messages={*place.final_numbers[:1], *(followed.numbers[:1] if followed else ())},
        cause=f"{server} answered {place.explanation or place.final_status} and points to {to}; {then}.",
        variant="followed" if followed else "unfollowed",
    )
