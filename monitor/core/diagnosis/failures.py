"""Refusals and their aftermath: one that is never acknowledged, a dialog that the other side does not know any more."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from monitor.core.diagnosis.rule import Rule, standing
from monitor.core.diagnosis.text import ends, seconds, times
from monitor.core.settings import Settings
from monitor.core.transaction import Transaction
from monitor.core.updates import Finding, FindingState, Severity

UNACKED_FAILURE: Final[Rule] = Rule(
    code="unacked-failure",
    severity=Severity.MINOR,
    when="A final response ≥ 300 to an INVITE has no ACK on its hop. Over UDP it is *suspected* at its third "
    "retransmission, *confirmed* 64·T1 after it; over reliable transports, which do not resend, after 64·T1. *Cleared* "
    "by the ACK.",
    source="RFC 3261 §17.2.1, §17.1.1.3",
    remedy="The ACK of a refusal goes over the same hop, with the branch of the INVITE. Either the refusal does not "
    "reach who sent the INVITE (see its Via: received, rport), or that element does not acknowledge.",
)
DIALOG_LOST: Final[Rule] = Rule(
    code="dialog-lost",
    severity=Severity.MAJOR,
    when="A 481 or 408 to a request within an answered call, other than BYE, PRACK and NOTIFY, before anybody hung up.",
    source="RFC 3261 §12.2.1.2",
    remedy="One side has forgotten the call, or the request went to another one: see whether it restarted, whether the "
    "request reached the same node of a cluster as the INVITE, and whether its tags and Route are those of the call.",
)


class Sent(NamedTuple):
    """One sending of a final response on a hop."""

    at_us: int
    number: int  # of the message


class Lost(NamedTuple):
    """A 481 or 408 within a dialog, as near to where it came from as it was seen."""

    at_us: int
    method: str  # of the request
    status: int
    hop: str
    vias: int
    number: int  # of the message


def unacked_failure(transaction: Transaction, sent: Sequence[Sent], settings: Settings, now_us: int) -> Finding | None:
    """`unacked-failure` of a refused INVITE on one hop; `sent` in order of time, not all when there are many."""
    deadline_us = sent[0].at_us + settings.timers.timeout_us
    if transaction.reliable:
        suspected_us = deadline_us if now_us >= deadline_us else 0
    else:
        suspected_us = sent[settings.suspect_resends].at_us if len(sent) > settings.suspect_resends else 0
    state = standing(
        suspected_us=suspected_us,
        # Of a client out of sight, no ACK would have been seen.
        confirmed_us=deadline_us if suspected_us and transaction.seen_request and now_us >= deadline_us else 0,
        cleared_us=transaction.acked_us if transaction.acked_us <= deadline_us else 0,
    )
    if state is None:
        return None
    client, server = ends(transaction.hop)
    over = f"{times(transaction.final_sends)} over {seconds(sent[-1].at_us - sent[0].at_us)}" if sent[1:] else "once"
    return UNACKED_FAILURE.finding(
        subject=f"{transaction.cseq} {transaction.branch} {transaction.hop}",
        state=state,
        at_us=suspected_us,
        hop=transaction.hop,
        messages={each.number for each in sent},
        cause=f"{client} does not acknowledge the {transaction.final_status}: {server} sent it {over}.",
    )


def dialog_lost(subject: str, lost: Lost, ended_us: int) -> Finding | None:
    """`dialog-lost`. `ended_us`: when the dialog ended by a BYE (0: it did not)."""
    state = standing(confirmed_us=lost.at_us, cleared_us=ended_us if ended_us <= lost.at_us else 0)
    if state is None:
        return None
    client, server = ends(lost.hop)
    why = "it knows no such dialog any more" if lost.status == 481 else "it got no answer for it"
    return DIALOG_LOST.finding(
        subject=subject,
        state=FindingState.CONFIRMED,
        at_us=lost.at_us,
        hop=lost.hop,
        messages={lost.number},
        cause=f"{server} answered the {lost.method} of {client} within the call with {lost.status}: {why}.",
        variant=str(lost.status),
    )
