"""Requests outside of calls and registrations: an OPTIONS, a subscription with its notifications, messages.

An OPTIONS is a record of its own; of all others, those of one Call-ID are: what began the record gives it its method
and status. Messages that say too little of themselves to belong anywhere (no Call-ID, no CSeq) end here too,
with their fault, so that they are seen and not dropped.
"""

from typing import Any, Final

from monitor.core.alarms import Timer
from monitor.core.attempt import Attempt, Attempts
from monitor.core.context import Context
from monitor.core.fold import Fold
from monitor.core.message import Message
from monitor.core.transaction import Transaction, Transactions
from monitor.core.updates import RecordKey, RequestRefused, TransactionRecord, Update

_MOST_ATTEMPTS: Final = 64


class _Transactions(Transactions):
    """Those of one record."""

    __slots__ = ()

    most = 128


class Standalone(Fold):
    """One of these records in the making."""

    __slots__ = ("_refused", "attempts", "fault", "method", "transactions")

    def __init__(self, key: RecordKey, context: Context, event: Message) -> None:
        super().__init__(key, context, event)
        self.method = event.method or event.cseq_method
        self.fault = ""
        self._refused = False
        self.attempts: Attempts[Attempt] = Attempts(Attempt, _MOST_ATTEMPTS)
        self.transactions = _Transactions()
        self.linger(event.captured_us)

    def add(self, event: Message, number: int, out: list[Update]) -> Transaction | None:
        """Take a message that is no mere copy."""
        self.fault = self.fault or event.fault
        if event.method == "ACK":
            return None  # of a call that was joined too late to know it
        if event.method:
            transaction, new = self.transactions.of_request(event)
            transaction.sent(event, number)
        else:
            transaction, new = self.transactions.of_response(event)
            transaction.answered(event, number)
            self.note(transaction)
            if event.status >= 300 and transaction.final_sends == 1 and not self._refused:
                self._refused = True
                out.append(
                    RequestRefused(
                        self.key, event.captured_us, self.method, self.client, self.server, self.to_uri, event.status
                    )
                )
        if new:
            self.introduce(event)
            self.add_hop(transaction, self.attempts.on(transaction, event))
        return transaction

    def fire(self, timer: Timer, about: Any, due_us: int, out: list[Update]) -> None:
        """No deadlines but the common ones."""

    @property
    def over(self) -> bool:
        """It may go as soon as it is silent."""
        return True

    def _status(self) -> int:
        """The final response to the last request that is like the first, a challenged one's retry for example."""
        alike = [
            attempt for attempt in self.attempts if attempt.initial and attempt.transactions[0].method == self.method
        ]
        alike = alike or [attempt for attempt in self.attempts if attempt.transactions[0].method == self.method]
        return max(alike, key=lambda attempt: (attempt.first_us, attempt.cseq)).status() if alike else 0

    def record(self) -> TransactionRecord:
        """The present value."""
        return TransactionRecord(
            key=self.key,
            open=self.open,
            method=self.method,
            from_uri=self.from_uri,
            to_uri=self.to_uri,
            client=self.client,
            server=self.server,
            status=self._status() or None,
            first_us=self.first_us,
            last_us=self.last_us,
            messages=self.messages,
            retransmissions=self.retransmissions,
            fault=self.fault,
            hops=self.hops_in_order(),
            findings=tuple(self.findings.values()),
            anomalies=self.anomalies(),
        )
