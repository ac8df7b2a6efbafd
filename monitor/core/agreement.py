"""The negotiation of a call as a table: a row a stream of each offer, with both sides beside each other."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Final

from monitor.core.diagnosis.text import ends
from monitor.core.hop import endpoint
from monitor.core.negotiation import Bid, Exchange
from monitor.core.stream import Stream, Terms
from monitor.core.stream_row import Side, StreamRow

AS_COUNTED: Final = range(1, 1 << 31)


def rows(
    exchanges: Iterable[Exchange], refused: Callable[[Bid], bool], numbers: Sequence[int] = AS_COUNTED
) -> list[StreamRow]:
    """The table; `refused`: whether the request of an offer got a final response ≥ 300.

    `numbers`: what the messages of the record are called, in order.
    """
    found: list[StreamRow] = []
    for exchange in exchanges:
        _add_rows(exchange, refused, numbers, found)
    return found


def _add_rows(
    exchange: Exchange, refused: Callable[[Bid], bool], numbers: Sequence[int], found: list[StreamRow]
) -> None:
    views = exchange.views()
    offer = views[0][0] if views else exchange.offer.near
    answer = views[0][1] if views else None
    client, server = ends(offer.hop)
    offerer, answerer = (client, server) if exchange.by_client else (server, client)
    messages: tuple[int, ...] = (numbers[offer.number - 1],)
    if answer is not None:
        messages += (numbers[answer.number - 1],)
    for index, offered in enumerate(offer.streams):
        accepted = answer.streams[index] if answer is not None and index < len(answer.streams) else None
        found.append(
            StreamRow(
                at_us=offer.at_us,
                messages=messages,
                method=exchange.bid.method,
                kind=offered.terms.kind,
                state=_state(exchange, accepted, refused),
                offer=_side(offerer, offered),
                answer=None if accepted is None else _side(answerer, accepted),
                common=() if accepted is None else _common(offered.terms, accepted.terms),
            )
        )


def _state(exchange: Exchange, accepted: Stream | None, refused: Callable[[Bid], bool]) -> str:
    if accepted is None:
        return "unanswered" if exchange.concluded else "refused" if refused(exchange.bid) else "offered"
    if accepted.port == 0:
        return "rejected"
    return "agreed" if exchange.agreed else "early"


def _side(party: str, stream: Stream) -> Side:
    terms = stream.terms
    return Side(
        party=party,
        address=endpoint(stream.address, stream.port),
        codecs=terms.names,
        direction=terms.direction,
        security=terms.security,
        ptime=terms.ptime,
        dtmf=terms.events,
        ice=terms.ice,
    )


@lru_cache(4096)
def _common(offered: Terms, accepted: Terms) -> tuple[str, ...]:
    """The codecs that both name, in the order and by the names of the offer."""
    named = zip(offered.names, offered.families, strict=True)
    return tuple([name for name, family in named if family in accepted.codecs])
