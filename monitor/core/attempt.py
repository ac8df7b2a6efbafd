"""An attempt: one request on all its hops, from the client through proxies and forks to the servers.

Hops of one attempt share CSeq number and From tag, which proxies leave alone (RFC 3261 §16.6). The hop
with the fewest Via values is the nearest to the client: what it carries back is what the client got.
Without a hop upstream of a fork, several are nearest, and the response is chosen as the forking proxy
would (§16.7 step 6).
"""

from typing import Final

from collectors.wire.events import SipEvent
from monitor.core.transaction import Transaction

# Refusals that the client may repair by another attempt: challenges, unacceptable content or
# extensions, intervals, glare, a busy server; any redirection too.
REPAIRABLE: Final = frozenset({401, 407, 412, 413, 414, 415, 416, 420, 421, 422, 423, 428, 429, 488, 491, 494, 503})
CHALLENGES: Final = frozenset({401, 407})


def repairable(status: int) -> bool:
    """Whether a client may answer this final response with another attempt."""
    return 300 <= status < 400 or status in REPAIRABLE


class Attempt:
    """One request on all its hops. Times in µs, 0: never."""

    __slots__ = ("cancelled_us", "cseq", "first_us", "from_tag", "initial", "timed_out_us", "transactions", "watched")

    def __init__(self, event: SipEvent) -> None:
        self.cseq = event.cseq
        self.from_tag = event.from_tag
        self.initial = event.to_tag == "" if event.method else True
        self.first_us = event.captured_us
        self.transactions: list[Transaction] = []
        self.cancelled_us = 0
        self.watched = False  # Timer C runs
        self.timed_out_us = 0  # when Timer B, Timer C, or 64·T1 after CANCEL passed

    @property
    def subject(self) -> str:
        """Names it within its record."""
        return f"{self.cseq} {self.from_tag}"

    def nearest(self) -> list[Transaction]:
        """The hops nearest to the client."""
        if len(self.transactions) < 2:
            return self.transactions
        fewest = min(transaction.vias for transaction in self.transactions)
        return [transaction for transaction in self.transactions if transaction.vias == fewest]

    def deepest(self) -> Transaction:
        """The hop farthest from the client, the latest of them."""
        return max(self.transactions, key=lambda transaction: (transaction.vias, transaction.first_us))

    def status(self) -> int:
        """The final response that the client got; 0 while there is none."""
        if len(self.transactions) == 1:
            return self.transactions[0].final_status
        successes = [t.final_status for t in self.transactions if 200 <= t.final_status < 300]
        if successes:
            return successes[0]
        finals = [transaction.final_status for transaction in self.nearest()]
        return min(finals, key=_preference) if all(finals) else 0

    def final(self) -> Transaction | None:
        """The nearest hop that carried `status` to the client; None while there is none."""
        status = self.status()
        return next((t for t in self.nearest() if status and t.final_status == status), None)

    def origin(self, status: int) -> Transaction:
        """The deepest hop that carried `status`: where it came from, as far as was seen."""
        carriers = [t for t in self.transactions if t.final_status == status]
        return max(carriers, key=lambda t: (t.vias, -t.final_us))

    def provisional_us(self) -> int:
        """When the last 101–199 came, on any hop."""
        if len(self.transactions) == 1:
            return self.transactions[0].provisional_us
        return max(transaction.provisional_us for transaction in self.transactions)

    def response_us(self) -> int:
        """When the first response came, on any hop; 0 when none did."""
        return min((t.response_us for t in self.transactions if t.response_us), default=0)


def _preference(status: int) -> tuple[int, int, int]:
    # §16.7 step 6: a 6xx first, else the lowest class; 487 tells most, since a CANCEL caused it.
    return (0 if status >= 600 else status // 100, status != 487, status)
