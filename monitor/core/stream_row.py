"""A row of the table of a negotiation (`monitor.core.agreement`): a stream, with both sides beside each other."""

import msgspec


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
