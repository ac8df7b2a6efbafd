"""The thresholds of correlation and diagnosis: typed, with the reason for each default."""

import msgspec

from collectors.sip.timers import SECOND, TIMER_C_US, TIMERS, Timers
from monitor.core.limits import Limits


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Times in µs. The defaults are those of RFC 3261 where it names one."""

    timers: Timers = TIMERS
    # How far out of order messages may come (several collectors, several queues).
    window_us: int = SECOND // 2
    # How long an ended record stays in memory for stragglers: 64·T1, when the last resend is due.
    # None: for ever, as a capture file wants it, where a Call-ID is one entry to the last packet.
    linger_us: int | None = TIMERS.timeout_us
    # A record without any message leaves memory after this.
    idle_us: int = 12 * 3600 * SECOND
    # An answered call without any message is over after this: its end was missed, or it hangs.
    silent_us: int = 4 * 3600 * SECOND
    # A call during which messages were lost may have ended there: when nothing more is heard of it for so long.
    unseen_us: int = 1800 * SECOND
    # Session intervals (RFC 4028) that are sane.
    session_least_us: int = 90 * SECOND
    session_most_us: int = 86_400 * SECOND
    # How long a refused request may wait for the retry that repairs it (401, 407, 422, 3xx, …).
    repair_us: int = 4 * SECOND
    # No final response this long after the last 101–199 (§16.6 step 11, Timer C).
    no_final_us: int = TIMER_C_US
    # Post-dial delay over this is slow; ITU-T E.721 asks for a mean of at most 8 s on toll calls.
    slow_setup_us: int = 8 * SECOND
    # A phone that rings for so long without an answer is told of.
    ringing_us: int = 60 * SECOND
    # REGISTER to 2xx over this is slow: by then a client has resent it three times over UDP (0.5, 1.5, 3.5 s).
    slow_registration_us: int = 4 * SECOND
    # A call that was answered and ended sooner is short.
    short_call_us: int = 3 * SECOND
    # Reliable transports don't resend: an INVITE without any response is suspect after this.
    unanswered_reliable_us: int = 4 * SECOND
    # How often a 2xx must be resent before its missing ACK is a suspicion (0.5, 1.5, 3.5 s).
    suspect_resends: int = 3
    # Sends of a request without any response before that is a suspicion (0, 0.5, 1.5 s).
    suspect_sends: int = 3
    # Headers (lower case) that carry one identifier through a B2BUA of the operator's, beside those that are known.
    leg_headers: tuple[str, ...] = ()
    # Of what crosses Call-IDs.
    limits: Limits = Limits()
    # A mean opinion score under this (in tenths) is poor; 3.6 is where some users are dissatisfied (ITU-T G.107).
    poor_mos_tenths: int = 35
    # Records held in memory, by all partitions of an installation together; beyond it the oldest leaves, counted.
    max_records: int = 200_000
