"""Responses that were not captured, and yet came: what their recipients did next tells of them.

A capture may see one direction only, of a peer, of a connection, of one call. A client that says nothing of a failure
and does what only a response lets it do had that response. So its request was not left unanswered.
"""

from collections.abc import Iterable
from typing import Final

from monitor.core.attempt import Attempt
from monitor.core.transaction import Transaction

# What a proxy may say of its own accord, where nobody answers what it sent on.
_OWN_WORDS: Final = frozenset({408, 480, 487})


def answered_us(transaction: Transaction, attempt: Attempt, *, acked_us: int, ended_us: int) -> int:
    """When an INVITE without a response in sight must have had one; 0 where nothing says so. Wire times in µs.

    `acked_us`: when its sender sent an ACK of a 2xx to it. `ended_us`: the first BYE of the dialog that it forms, where
    no answer is in sight. 0: never. Over UDP its resends tell what reached its sender; over reliable transports, what
    its sender and the elements beyond did.
    """
    came_us = [transaction.acked_us]  # of a refusal, on this hop
    if not any(hop.succeeded_us for hop in _branches(transaction, attempt)):
        came_us += [acked_us, ended_us]
    if transaction.reliable:
        came_us += [_passed_on_us(transaction, attempt), _beyond_us(transaction, attempt)]
        came_us.append(attempt.cancels.get(transaction.branch, 0))  # not before a provisional response (§9.1)
    return min(filter(None, came_us), default=0)


def retried_us(transaction: Transaction, attempt: Attempt, attempts: Iterable[Attempt]) -> int:
    """When the client of a request sent it to the same server under the next number: something made it do so.

    0 where it did not; over UDP, too, where its resends say that it was no response.
    """
    if not transaction.reliable:
        return 0
    later = (
        hop.first_us
        for other in attempts
        if other.from_tag == attempt.from_tag and other.cseq == attempt.cseq + 1
        for hop in other.transactions
        if hop.source == transaction.source and hop.destination == transaction.destination and hop.seen_request
    )
    return min(later, default=0)


def _beyond_us(transaction: Transaction, attempt: Attempt) -> int:
    """When the server that it went to, a proxy, was itself answered. Over UDP, the resends say that it kept that."""
    deeper = (hop.response_us for hop in attempt.transactions if hop.vias > transaction.vias and hop.response_us)
    return min(deeper, default=0)


def _passed_on_us(transaction: Transaction, attempt: Attempt) -> int:
    """When its sender, a proxy, passed a response on that no other branch of it had."""
    if any(hop.response_us for hop in _branches(transaction, attempt)):
        return 0
    told: list[int] = []
    for hop in attempt.transactions:
        if hop.destination == transaction.source and hop.vias < transaction.vias:
            told.append(hop.provisional_us)
            if hop.final_status < 500 and hop.final_status not in _OWN_WORDS:
                told.append(hop.final_us)
    return min(filter(None, told), default=0)


def _branches(transaction: Transaction, attempt: Attempt) -> list[Transaction]:
    """Where else its sender sent it."""
    return [hop for hop in attempt.transactions if hop.source == transaction.source and hop is not transaction]
