"""The rules: pure functions of facts and time. One file a family; `RULES` names them all.

A rule returns the finding as the facts stand when deadlines have passed up to `now_us`, or None where
there is nothing to say (any more). It is asked again whenever a fact or the time could change its mind, in
any order, and gives the same verdict for the same facts. `docs/findings.md` is made of `RULES`.
"""

from typing import Final

from monitor.core.diagnosis import (
    access,
    ack,
    connecting,
    failures,
    flows,
    malformed,
    media,
    nat,
    numbering,
    progress,
    quality,
    registration,
    routing,
    security,
    session,
    setup,
    teardown,
    timers,
    transfer,
)
from monitor.core.diagnosis.rule import Rule

RULES: Final[tuple[Rule, ...]] = (
    ack.MISSING_ACK,
    ack.DROPPED_AT_32S,
    ack.ACK_IGNORED,
    setup.INVITE_UNANSWERED,
    setup.NO_FINAL_RESPONSE,
    setup.REJECTED,
    setup.SLOW_SETUP,
    setup.RETRY_AFTER_IGNORED,
    connecting.CONNECTION_FAILED,
    access.AUTH_FAILED,
    access.AUTH_NOT_ATTEMPTED,
    routing.CALL_LOOP,
    routing.UDP_FRAGMENTATION_RISK,
    progress.NO_TRYING,
    progress.UNANSWERED_RINGING,
    progress.MISSING_PRACK,
    progress.CANCEL_RACE,
    failures.UNACKED_FAILURE,
    failures.DIALOG_LOST,
    routing.ROUTE_SET_IGNORED,
    teardown.BYE_UNANSWERED,
    teardown.BYE_REJECTED,
    teardown.ABNORMAL_RELEASE,
    teardown.SHORT_CALL,
    transfer.TRANSFER_FAILED,
    transfer.REDIRECTED,
    timers.SESSION_EXPIRED,
    timers.SESSION_TIMER_MISCONFIGURED,
    timers.ZOMBIE_CALL,
    malformed.MALFORMED,
    numbering.LRN_DIP,
    *media.RULES,
    *session.RULES,
    flows.ONE_WAY_AUDIO,
    flows.NO_MEDIA,
    quality.POOR_QUALITY,
    registration.REGISTRATION_REJECTED,
    registration.REGISTRATION_AUTH_FAILED,
    registration.REGISTRATION_UNANSWERED,
    registration.SLOW_REGISTRATION,
    registration.REGISTRATION_EXPIRED,
    registration.REGISTRATION_FLAPPING,
    registration.REGISTRATION_STORM,
    *nat.RULES,
    *security.RULES,
)
