"""What a call counts as, in a tally of each dimension."""

from functools import lru_cache
from typing import Final

from monitor.core.measures.bucket import bucket_of
from monitor.core.updates import CallRecord, CallState

# The user, not the network, ended the attempt (RFC 6076 §4.7; 487 is in the state `cancelled`).
USER_ENDED: Final = frozenset((480, 486, 600, 603))
# RFC 6076 §4.8: the network could not do its part.
_INEFFECTIVE: Final = frozenset((408, 500, 503, 504))
_ENDED: Final = CallState.ENDED
_FAILED: Final = CallState.FAILED
_CANCELLED: Final = CallState.CANCELLED


class Outcome:
    """What of a call is counted by kind: one object for all calls that went alike. Shared: never changed."""

    __slots__ = ("answered", "by_user", "cancelled", "complete", "decided", "ineffective", "state", "status")

    def __init__(self, state: CallState, status: int | None, answered: bool, acked: bool | None) -> None:  # noqa: FBT001 - facts of a call, as a key
        self.state = str(state)
        self.status = str(status or "none")  # the final response at the caller; "none" where none came
        # Came to an outcome: a 2xx, or an end without one; a 3xx that nobody followed is none.
        self.decided = answered or state in (_FAILED, _CANCELLED)
        self.answered = answered
        self.complete = answered and state == _ENDED and acked is True
        # These three count where it was decided without an answer.
        unanswered = self.decided and not answered
        self.cancelled = unanswered and state == _CANCELLED
        self.by_user = unanswered and status in USER_ENDED
        self.ineffective = unanswered and (status is None or status in _INEFFECTIVE)


_outcome: Final = lru_cache(1_024)(Outcome)


class Sample:
    """What a call adds to each tally in which it counts. Made of what is told of it; None: has not happened."""

    __slots__ = ("disconnect", "failed", "outcome", "pdd", "setup", "talk_us")

    def __init__(
        self,
        *,
        state: CallState,
        status: int | None,
        answered: bool,
        acked: bool | None,
        first_us: int,
        ended_us: int | None,
        pdd_ms: float | None,
        setup_ms: float | None,
        duration_ms: float | None,
        disconnect_ms: float | None,
    ) -> None:
        self.outcome = outcome = _outcome(state, status, answered, acked)
        self.talk_us = None if duration_ms is None else round(duration_ms * 1000)
        # Buckets of sketches.
        self.pdd = _bucket(pdd_ms)
        self.setup = _bucket(setup_ms)
        self.disconnect = _bucket(disconnect_ms)  # BYE → its 2xx
        self.failed: int | None = None  # first INVITE → final response, of a call that failed
        if outcome.decided and not answered and status is not None and ended_us is not None:
            self.failed = bucket_of((ended_us - first_us) / 1000)

    @staticmethod
    def of(call: CallRecord) -> "Sample":
        """The sample that a call is."""
        return Sample(
            state=call.state,
            status=call.status,
            answered=call.answered_us is not None,
            acked=call.acked,
            first_us=call.first_us,
            ended_us=call.ended_us,
            pdd_ms=call.pdd_ms,
            setup_ms=call.setup_ms,
            duration_ms=call.duration_ms,
            disconnect_ms=call.disconnect_ms,
        )


def _bucket(value_ms: float | None) -> int | None:
    return None if value_ms is None else bucket_of(value_ms)
