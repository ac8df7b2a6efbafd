"""Timer values of RFC 3261 §17 (as amended by RFC 6026), in microseconds.

`Timers` is a value, so that a peer with another T1 (3GPP TS 24.229 radio side: T1 2 s, T2 16 s)
gets its own set; everything else follows from T1, T2 and T4.
"""

from typing import Final

import msgspec

MILLISECOND: Final = 1_000
SECOND: Final = 1_000_000


class Timers(msgspec.Struct, frozen=True, kw_only=True):
    """The three base timers (RFC 3261 table 4), from which the lettered ones follow."""

    t1_us: int = 500 * MILLISECOND
    t2_us: int = 4 * SECOND
    t4_us: int = 5 * SECOND

    @property
    def timeout_us(self) -> int:
        """64·T1: Timers B, F, H and L, and how long a 2xx is resent (§13.3.1.4)."""
        return 64 * self.t1_us


TIMERS: Final = Timers()

# Timer C (§16.6 step 11): a proxy gives up on an INVITE this long after the last 101–199.
TIMER_C_US: Final = 180 * SECOND

# A copy of a message that follows sooner than this is the same packet seen twice (two interfaces,
# a bridge), not a retransmission: the shortest that RFC 3261 allows is T1 = 500 ms, and 100 ms
# leaves room for peers with a smaller T1.
COPY_US: Final = 100 * MILLISECOND
