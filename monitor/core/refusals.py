"""How the requests of a call were refused that offered something, and whether that was tried again."""

from monitor.core.attempt import Attempt
from monitor.core.call import Call
from monitor.core.diagnosis.session import NO_MEDIA, Refused, fax
from monitor.core.negotiation import Bid, Exchange


def refusal(call: Call, bid: Bid, bids: tuple[Bid, ...], made: list[Exchange]) -> Refused | None:
    """How one of `bids` was refused; a 2xx refuses a fax that gets port 0. `made`: what came of all of them."""
    attempt = _attempt(call, bid)
    final = None if attempt is None or attempt.status() < 300 else attempt.final()
    if attempt is not None and final is not None:
        return Refused(
            status=final.final_status,
            explanation=final.explanation,
            at_us=final.final_us,
            hop=final.hop,
            number=final.final_numbers[0],
            again_us=_again_us(call, bid, attempt, final.final_us, bids, made),
            bye_us=call.bye_us,
        )
    for exchange in made:
        answer = exchange.answer
        if exchange.bid is bid and answer is not None and _faxless(exchange):
            return Refused(
                status=200,
                explanation="",
                at_us=answer.near.at_us,
                hop=exchange.offer.near.hop,
                number=answer.near.number,
                again_us=_fax_us(bid, made),
                bye_us=call.bye_us,
            )
    return None


def was_refused(call: Call, bid: Bid) -> bool:
    """Whether its request got a final response from 300 on."""
    attempt = _attempt(call, bid)
    return attempt is not None and attempt.status() >= 300


def refused_for_media(call: Call, bid: Bid) -> bool:
    """Whether its request was refused, on any hop, in a way that may be for its media."""
    attempt = _attempt(call, bid)
    return attempt is not None and any(hop.final_status in NO_MEDIA for hop in attempt.transactions)


def _attempt(call: Call, bid: Bid) -> Attempt | None:
    for attempt in call.attempts if bid.method == "INVITE" else ():
        if attempt.cseq == bid.cseq and attempt.from_tag == bid.from_tag:
            return attempt
    return None


def _again_us(
    call: Call, bid: Bid, attempt: Attempt, refused_us: int, bids: tuple[Bid, ...], made: list[Exchange]
) -> int:
    """When what was refused was tried again: another offer, or for a fax one that was taken; 0: not."""
    if not bid.to_tag:
        return call.attempts.next_us(attempt)
    if fax(bid) is not None:
        return _fax_us(bid, made)
    until_us = refused_us + call.context.settings.repair_us
    tags = {bid.from_tag, bid.to_tag}
    later = (
        each.at_us
        for each in bids
        if each.method == "INVITE" and {each.from_tag, each.to_tag} == tags and refused_us <= each.at_us <= until_us
    )
    return min(later, default=0)


def _fax_us(bid: Bid, made: list[Exchange]) -> int:
    """When a later offer of a fax was taken; 0: never."""
    taken = (
        exchange.bid.at_us
        for exchange in made
        if exchange.bid.at_us > bid.at_us and exchange.agreed and fax(exchange.bid) and not _faxless(exchange)
    )
    return min(taken, default=0)


def _faxless(exchange: Exchange) -> bool:
    """Whether its answer gives port 0 to the fax that was offered."""
    answer = exchange.answer
    if fax(exchange.bid) is None or answer is None or not exchange.concluded:
        return False
    return not any(stream.terms.kind == "image" and stream.port > 0 for stream in answer.near.streams)
