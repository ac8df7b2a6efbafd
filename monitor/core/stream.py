"""The streams of a session description as a call remembers them: what two sides must agree on, and where.

What a description says beside addresses and ports is the same in call after call of one kind of phone. It is
read once and shared: `Terms` are compared by identity, and a call keeps three references a stream.
"""

from functools import lru_cache
from typing import Final

from collectors.sip.description import Codec, Media
from collectors.sip.payloads import AUXILIARY
from collectors.sip.sdp import parse

_LONGEST: Final = 1_024  # octets of a description whose pieces are worth remembering
_MOST_KNOWN: Final = 1_024
_MOST_ALIKE: Final = 2_048
_MOST_ADDRESSES: Final = 4_096
_ANY_PORT: Final = 9  # where a call has its own
_CONNECTION: Final = "\nc=IN IP"
_ATTRIBUTE: Final = "\na="
_MEDIUM: Final = "\nm="


class Terms:
    """What a stream is, without its address and port. Shared: never changed, compared by identity."""

    __slots__ = (
        "codecs",
        "direction",
        "events",
        "families",
        "formats",
        "ice",
        "keyed",
        "kind",
        "maxptime",
        "names",
        "opaque",
        "proto",
        "ptime",
        "rtcp_mux",
        "rtp",
        "secure",
    )

    def __init__(self, medium: Media) -> None:
        self.kind = medium.kind
        self.proto = medium.proto
        self.formats = " ".join(medium.formats)
        speech = [codec for codec in medium.codecs if codec.name.lower() not in AUXILIARY]
        self.names = tuple(_shown(codec) for codec in speech)
        self.families = tuple(_family(codec.name) for codec in speech)  # of each, what understands each other
        self.codecs = frozenset(self.families)
        self.opaque = any(not codec.name for codec in speech)  # a payload type that nothing explains
        self.events = medium.events
        self.direction = medium.direction
        self.ptime = medium.ptime
        self.maxptime = medium.maxptime
        self.ice = medium.ice or bool(medium.candidates)
        self.rtcp_mux = medium.rtcp_mux
        self.rtp = medium.rtp
        self.secure = medium.secure
        self.keyed = "DTLS" if medium.fingerprint else "SDES" if medium.crypto else ""

    @property
    def security(self) -> str:
        """How it is protected: "SRTP (SDES)", "SRTP (DTLS)", "SRTP", "SRTP offered" (keys, but no SAVP), or ""."""
        if not self.secure:
            return "SRTP offered" if self.keyed == "SDES" else ""
        return f"SRTP ({self.keyed})" if self.keyed else "SRTP"


_KNOWN: Final[dict[tuple[object, ...], Terms]] = {}


class Stream:
    """One m= section of a description. Never changed."""

    __slots__ = ("address", "port", "terms")

    def __init__(self, terms: Terms, address: str, port: int) -> None:
        self.terms = terms
        self.address = address
        self.port = port  # 0: refused, or taken out

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Stream)
            and self.terms is other.terms
            and self.port == other.port
            and self.address == other.address
        )

    @property
    def line(self) -> str:
        """Its m= line."""
        return f"m={self.terms.kind} {self.port} {self.terms.proto} {self.terms.formats}"

    @property
    def connection(self) -> str:
        """The c= line that holds for it."""
        return f"c=IN IP{6 if ':' in self.address else 4} {self.address}"


_ALIKE: Final[dict[bytes, tuple[Stream, ...]]] = {}  # by the octets
_ADDRESSES: Final[dict[bytes, str]] = {}  # by what follows "c=IN IP"


def streams(body: bytes) -> tuple[Stream, ...]:
    """The streams of a description, in their order."""
    only = _only(body) if len(body) <= _LONGEST else None
    return _read(body) if only is None else (only,)


def _read(body: bytes) -> tuple[Stream, ...]:
    return tuple([Stream(_shared(medium), medium.address, medium.port) for medium in parse(body).media])


def _only(body: bytes) -> Stream | None:
    """The stream of a description that has no other, in the usual form; None of any other description.

    From call to call its port differs, and the session's address: all else is known again by its octets.
    """
    # Octets are sooner found as text, each of which is a character here.
    text = body.decode("latin-1")
    medium = text.find(_MEDIUM)
    kind_ends = text.find(" ", medium)
    port_ends = text.find(" ", kind_ends + 1)
    if medium < 0 or kind_ends < 0 or port_ends < 0:
        return None
    port = _port(body[kind_ends + 1 : port_ends])
    attributes = text.find(_ATTRIBUTE, 0, medium)
    if attributes < 0:
        attributes = medium
    connection = text.find(_CONNECTION, 0, attributes) + len(_CONNECTION)
    if port < 0 or not len(_CONNECTION) <= connection < attributes:
        return None
    alike = _like(body[attributes:kind_ends] + b" 9" + body[port_ends:])
    if len(alike) != 1 or alike[0].port != _ANY_PORT:
        return None
    terms, own = alike[0].terms, alike[0].address
    line_ends = text.find("\n", connection, attributes)
    return Stream(terms, own or _address(body[connection : line_ends if line_ends >= 0 else attributes]), port)


def _port(digits: bytes) -> int:
    """The number, of up to five digits; -1 of anything else."""
    if not 0 < len(digits) <= 5:
        return -1
    port = 0
    for octet in digits:
        if not 48 <= octet <= 57:
            return -1
        port = 10 * port + octet - 48
    return port


def _like(octets: bytes) -> tuple[Stream, ...]:
    """The streams of a description in which nothing is a call's own."""
    known = _ALIKE.get(octets)
    if known is None:
        if len(_ALIKE) >= _MOST_ALIKE:
            _ALIKE.clear()
        known = _ALIKE[octets] = _read(b"v=0" + octets)
    return known


def _address(value: bytes) -> str:
    """Of "4 10.0.0.1/127"; the same text for the same address, as many calls share it."""
    known = _ADDRESSES.get(value)
    if known is None:
        if len(_ADDRESSES) >= _MOST_ADDRESSES:
            _ADDRESSES.clear()
        words = value.split()
        known = words[1].partition(b"/")[0].decode("utf-8", "replace") if len(words) > 1 else ""
        _ADDRESSES[value] = known
    return known


def _shared(medium: Media) -> Terms:
    key = (
        medium.kind,
        medium.proto,
        medium.codecs,
        medium.direction,
        medium.ptime,
        medium.maxptime,
        medium.ice or bool(medium.candidates),
        medium.rtcp_mux,
        bool(medium.fingerprint),
        bool(medium.crypto),
    )
    terms = _KNOWN.get(key)
    if terms is None:
        if len(_KNOWN) >= _MOST_KNOWN:
            _KNOWN.clear()
        terms = _KNOWN[key] = Terms(medium)
    return terms


def _shown(codec: Codec) -> str:
    """ "PCMA/8000", "opus/48000/2"; a payload type that nothing explains by its number."""
    if not codec.name:
        return codec.payload
    return "/".join(
        [
            codec.name,
            *([str(codec.clock)] if codec.clock else []),
            *([str(codec.channels)] if codec.channels > 1 else []),
        ]
    )


@lru_cache(1024)
def _family(name: str) -> str:
    """The name under which encodings that understand each other are one: the annexes of G.729 and G.723.1."""
    name = name.lower().replace(".", "")
    return next((family for family in ("g729", "g723") if name.startswith(family)), name)
