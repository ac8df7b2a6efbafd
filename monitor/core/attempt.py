"""An attempt: one request on all its hops, from the client through proxies and forks to the servers.

Hops of one attempt share CSeq number and From tag, which proxies leave alone (RFC 3261 §16.6). The hop
with the fewest Via values is the nearest to the client: what it carries back is what the client got.
Without a hop upstream of a fork, several are nearest, and the response is chosen as the forking proxy
would (§16.7 step 6).
"""

from collections.abc import Callable, Iterator
from typing import Final, Generic, TypeVar

from monitor.core.message import Message
from monitor.core.times import earlier
from monitor.core.transaction import Transaction

# Refusals that the client may repair by another attempt: challenges, unacceptable content or
# extensions, intervals, glare, a busy server; any redirection too.
REPAIRABLE: Final = frozenset({401, 407, 412, 413, 414, 415, 416, 420, 421, 422, 423, 428, 429, 488, 491, 494, 503})
CHALLENGES: Final = frozenset({401, 407})


def repairable(status: int) -> bool:
    """Whether a client may answer this final response with another attempt."""
    return 300 <= status < 400 or status in REPAIRABLE


_MOST_HOPS: Final = 64  # of one attempt
_OUT_OF_REACH: Final = 1 << 32  # farther than any number of Via values
_NO_CANCELS: Final[dict[str, int]] = {}  # shared, and never changed


class Attempt:
    """One request on all its hops. Times in µs, 0: never."""

    __slots__ = (
        "cancels",
        "cseq",
        "first_us",
        "from_tag",
        "initial",
        "ringing_us",
        "timed_out_us",
        "transactions",
        "watched",
    )

    def __init__(self, event: Message) -> None:
        self.cseq = event.cseq
        self.from_tag = event.from_tag
        self.initial = True  # no re-INVITE; only the request itself can tell
        self.first_us = event.captured_us
        self.transactions: tuple[Transaction, ...] = ()
        self.cancels = _NO_CANCELS  # branch → when it was cancelled
        self.ringing_us = 0  # last 101–199 before Timer C ran out
        self.watched = False  # Timer C runs
        self.timed_out_us = 0  # when Timer B, Timer C, or 64·T1 after CANCEL passed

    def takes(self, event: Message) -> bool:
        """Whether a message has its CSeq number and From tag."""
        return self.cseq == event.cseq and self.from_tag == event.from_tag

    def follows(self, other: "Attempt") -> bool:
        """Whether it began after another one, as far as was seen."""
        return self.first_us > other.first_us or (self.first_us == other.first_us and self.cseq > other.cseq)

    def sent_on(self, transaction: Transaction, event: Message) -> None:
        """One of its hops was seen for the first time, by its request or a response."""
        if event.captured_us < self.first_us:
            self.first_us = event.captured_us
        if event.method:
            self.initial = not event.to_tag
        if transaction not in self.transactions and len(self.transactions) < _MOST_HOPS:
            self.transactions += (transaction,)

    @property
    def subject(self) -> str:
        """Names it within its record."""
        return f"{self.cseq} {self.from_tag}"

    def nearest(self) -> list[Transaction]:
        """The hops nearest to the client; those without any response in 64·T1 only where no other has one.

        To a forking proxy such a branch is as good as a 408 (§16.8); of others, the responses are out of sight.
        """
        if len(self.transactions) == 1:
            return [self.transactions[0]]
        nearest: list[Transaction] = []
        least = 0
        for transaction in self.transactions:
            distance = _distance(transaction)
            if not nearest or distance < least:
                nearest, least = [transaction], distance
            elif distance == least:
                nearest.append(transaction)
        return nearest

    def deepest(self) -> Transaction:
        """The hop farthest from the client, the latest of them."""
        if len(self.transactions) == 1:
            return self.transactions[0]
        return max(self.transactions, key=_depth)

    def undecided(self, until_us: int) -> Transaction:
        """The deepest hop without a final response up to a time, where the nearest has none."""
        return max((hop for hop in self.transactions if not 0 < hop.final_us <= until_us), key=_depth)

    def destination(self) -> str:
        """Where it went: the endpoint that answered it, else that of the deepest hop."""
        place: Transaction | None = None
        for hop in self.transactions:
            if hop.succeeded_us and (place is None or _farther(hop, place)):
                place = hop
        return (place or self.deepest()).way.ends[1]

    def status(self) -> int:
        """The final response that the client got; 0 while there is none."""
        if len(self.transactions) == 1:
            return self.transactions[0].final_status
        first: Transaction | None = None
        for transaction in self.transactions:
            if transaction.succeeded_us and (first is None or transaction.final_us < first.final_us):
                first = transaction
        if first is not None:
            return first.final_status
        status = 0
        for transaction in self.nearest():
            final = transaction.final_status
            if not final:
                return 0
            if not status or _preference(final) < _preference(status):
                status = final
        return status

    def final(self) -> Transaction | None:
        """The nearest hop that carried `status` to the client; None while there is none."""
        status = self.status()
        if not status:
            return None
        first: Transaction | None = None
        for hop in self.nearest():
            if hop.final_status == status and (first is None or hop.final_us < first.final_us):
                first = hop
        return first

    def origin(self, status: int) -> Transaction:
        """The deepest hop that carried `status`: where it came from, as far as was seen."""
        carriers = [t for t in self.transactions if t.final_status == status]
        return max(carriers, key=lambda t: (t.vias, -t.final_us))

    def rang(self, at_us: int, within_us: int) -> None:
        """A 101–199 came. It prolongs the waiting, unless the last one was `within_us` ago."""
        if not self.ringing_us or at_us - self.ringing_us < within_us:
            self.ringing_us = max(self.ringing_us, at_us)

    @property
    def asked(self) -> bool:
        """Whether the request itself was seen, on any hop: else its sender may be out of sight."""
        return any(transaction.seen_request for transaction in self.transactions)

    def cancelled(self, branch: str, at_us: int) -> bool:
        """A CANCEL with this branch was seen; whether it is the first one."""
        known_us = self.cancels.get(branch, 0)
        if not known_us or at_us < known_us:
            self.cancels = {**self.cancels, branch: at_us}
        return not known_us

    @property
    def cancelled_us(self) -> int:
        """When the client gave up; 0 where it did not. A proxy that cancels one branch of a fork gives nothing up."""
        if not self.cancels:
            return 0
        nearest = self.nearest()
        own = [self.cancels.get(transaction.branch, 0) for transaction in nearest]
        if any(own) and all(at_us or hop.final_us for at_us, hop in zip(own, nearest, strict=True)):
            return min(filter(None, own))
        branches = {transaction.branch for transaction in self.transactions}
        # A CANCEL whose INVITE was not seen on its hop may be the client's.
        return min((at_us for branch, at_us in self.cancels.items() if branch not in branches), default=0)

    def silent_beyond(self, transaction: Transaction) -> bool:
        """Whether it was sent on from this hop, and no response came there: then that is where it is stuck."""
        return any(
            other.vias > transaction.vias and other.seen_request and not other.response_us
            for other in self.transactions
        )

    def timeout_told_us(self, silent: Transaction) -> int:
        """When the sender of a request that it proxied told its own client that it timed out (408); 0: it did not."""
        told = (
            other.final_us
            for other in self.transactions
            if other.final_status == 408 and other.destination == silent.source and other.vias < silent.vias
        )
        return min(told, default=0) if silent in self.transactions else 0

    def response_us(self) -> int:
        """When the first response came, on any hop; 0 when none did."""
        first_us = 0
        for transaction in self.transactions:
            first_us = earlier(first_us, transaction.response_us)
        return first_us


A = TypeVar("A", bound=Attempt)


class Attempts(Generic[A]):
    """The attempts of one record, at least one.

    `current` is the last initial one of the caller; the last where there is none.
    """

    __slots__ = ("_make", "_most", "_several", "current")

    current: A

    def __init__(self, make: Callable[[Message], A], most: int) -> None:
        self._make = make
        self._most = most
        # All; empty where that is the current one, which a tuple of it would take six times as much to say. None: none.
        self._several: tuple[A, ...] | None = None

    def _all(self) -> tuple[A, ...]:
        return self._several or (() if self._several is None else (self.current,))

    def __iter__(self) -> Iterator[A]:
        return iter(self._all())

    def __len__(self) -> int:
        if not self._several:
            return 0 if self._several is None else 1
        return len(self._several)

    def of(self, event: Message) -> A | None:
        """The attempt that a message belongs to."""
        if self._several is None:
            return None
        if self.current.takes(event):  # as most often
            return self.current
        for attempt in self._several:
            if attempt.takes(event):
                return attempt
        return None

    def holding(self, transaction: Transaction) -> A | None:
        """The attempt that a transaction is a hop of; None where it is long forgotten."""
        if transaction in self.current.transactions:  # as most often
            return self.current
        for attempt in self._several or ():
            if transaction in attempt.transactions:
                return attempt
        return None

    def on(self, transaction: Transaction, event: Message) -> A:
        """The attempt of a transaction that was seen for the first time; a new one, where it has none."""
        attempt = self.of(event)
        if attempt is None:
            attempt = self._make(event)
            self._add(attempt)
        attempt.sent_on(transaction, event)
        if self._several:
            self.current = self._last(self._several)
        return attempt

    def _add(self, attempt: A) -> None:
        """Remember one more; beyond the bound, the oldest within a dialog goes, else the oldest."""
        known = self._all()
        if not known:
            self.current, self._several = attempt, ()
            return
        if len(known) >= self._most:
            oldest = next((old for old in known if not old.initial), known[0])
            known = tuple([each for each in known if each is not oldest])
        self._several = (*known, attempt)

    def _last(self, attempts: tuple[A, ...]) -> A:
        """The last that the caller began with; the last of all where there is none."""
        last: A | None = None
        for each in attempts:
            if each.initial and (last is None or each.follows(last)) and not self._beyond(each):
                last = each
        return last or max(attempts, key=_age)

    def _beyond(self, attempt: Attempt) -> bool:
        """Whether a B2BUA made it, under the Call-ID of the one that came to it: no try of the caller's."""
        for other in self._all():
            if other.initial and other.from_tag != attempt.from_tag and other.first_us <= attempt.first_us:
                sources = {hop.source for hop in attempt.nearest()}
                # It left where the other one went to, and not from where that one came.
                if not sources.isdisjoint([hop.destination for hop in other.transactions]) and sources.isdisjoint(
                    [hop.source for hop in other.nearest()]
                ):
                    return True
        return False

    def keep(self, most: int) -> None:
        """Forget all but the last ones."""
        known = self._all()
        if len(known) > most:
            self._several = tuple(sorted(known, key=_age)[-most:])

    def next_us(self, attempt: Attempt) -> int:
        """When the initial attempt after this one began; 0 when there is none.

        What a B2BUA sent on repairs nothing of the caller's; where that was refused, too, the refusal came from there.
        """
        if not self._several:
            return 0
        later = [each for each in self._several if each.initial and each.first_us > attempt.first_us]
        if later and not self._beyond(attempt):
            later = [each for each in later if each.status() >= 300 or not self._beyond(each)]
        return min([each.first_us for each in later], default=0)


def _age(attempt: Attempt) -> tuple[int, int]:
    return attempt.first_us, attempt.cseq


def _depth(transaction: Transaction) -> tuple[int, int, str]:
    return transaction.vias, transaction.first_us, transaction.hop


def _farther(one: Transaction, other: Transaction) -> bool:
    """Whether a final response comes from farther away than another; of those that come as far, the first."""
    return one.vias > other.vias or (one.vias == other.vias and one.final_us < other.final_us)


def _distance(transaction: Transaction) -> int:
    return transaction.vias + _OUT_OF_REACH if transaction.silent and not transaction.response_us else transaction.vias


def _preference(status: int) -> tuple[int, int, int]:
    # §16.7 step 6: a 6xx first, else the lowest class; 487 tells most, since a CANCEL caused it.
    return (0 if status >= 600 else status // 100, status != 487, status)
