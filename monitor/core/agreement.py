"""The negotiation of a call as a table: a row a stream of each offer, with both sides beside each other."""

from collections.abc import Callable, Iterable

import msgspec

from monitor.core.diagnosis.text import ends
from monitor.core.hop import endpoint
from monitor.core.negotiation import Bid, Exchange, Sight
from monitor.core.stream import Stream


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """What one side says of a stream."""

    party: str  # who says so: "10.0.0.1:5060"
    address: str  # where it wants the media: "10.0.0.1:4000"
    codecs: tuple[str, ...]  # "PCMA/8000", in its order, without telephone-event and the like
    direction: str  # "sendrecv", "sendonly", "recvonly", "inactive"
    security: str  # "SRTP (SDES)", "SRTP (DTLS)", "SRTP", "SRTP offered", ""
    ptime: int  # ms; 0: not said
    dtmf: str  # payload type of telephone-event; "" where there is none
    ice: bool


class StreamRow(msgspec.Struct, frozen=True, kw_only=True):
    """One stream of one offer."""

    at_us: int  # of the offer
    messages: tuple[int, ...]  # offer and answer, by number within the record
    method: str  # of the request that carries one of them
    kind: str  # "audio"
    state: str  # "offered", "early" (a preview), "agreed", "rejected" (port 0), "refused" (the request), "unanswered"
    offer: Side
    answer: Side | None
    common: tuple[str, ...]  # codecs that both name, in the offer's order


def rows(exchanges: Iterable[Exchange], refused: Callable[[Bid], bool]) -> list[StreamRow]:
    """The table; `refused`: whether the request of an offer got a final response ≥ 300."""
    return [row for exchange in exchanges for row in _rows(exchange, refused)]


def _rows(exchange: Exchange, refused: Callable[[Bid], bool]) -> list[StreamRow]:
    views = exchange.views()
    offer = views[0][0] if views else exchange.offer.near
    answer = views[0][1] if views else None
    client, server = ends(offer.hop)
    offerer, answerer = (client, server) if exchange.by_client else (server, client)
    without = "unanswered" if exchange.concluded else "refused" if refused(exchange.bid) else "offered"
    found = []
    for index, offered in enumerate(offer.streams):
        accepted = answer.streams[index] if answer is not None and index < len(answer.streams) else None
        found.append(
            StreamRow(
                at_us=offer.at_us,
                messages=tuple(_numbers(offer, answer)),
                method=exchange.bid.method,
                kind=offered.terms.kind,
                state=without if accepted is None else _state(exchange, accepted),
                offer=_side(offerer, offered),
                answer=None if accepted is None else _side(answerer, accepted),
                common=() if accepted is None else _common(offered, accepted),
            )
        )
    return found


def _numbers(offer: Sight, answer: Sight | None) -> list[int]:
    return [offer.number] if answer is None else [offer.number, answer.number]


def _state(exchange: Exchange, accepted: Stream) -> str:
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


def _common(offered: Stream, accepted: Stream) -> tuple[str, ...]:
    named = zip(offered.terms.names, offered.terms.families, strict=True)
    return tuple(name for name, family in named if family in accepted.terms.codecs)
