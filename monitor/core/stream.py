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


def streams(body: bytes) -> tuple[Stream, ...]:
    """The streams of a description, in their order."""
    section = body.find(b"\nm=")
    connection = body.find(b"\nc=IN IP", 0, section) if section >= 0 else -1
    if connection >= 0 and len(body) <= _LONGEST:
        line, _, tail = body[section + 3 :].partition(b"\n")
        words = line.split(None, 2)
        if len(words) == 3 and words[1].isdigit() and len(words[1]) < 6:
            shared = body.find(b"\na=", 0, section)
            only = _only(words[0], words[2], body[shared:section] if shared >= 0 else b"", tail)
            if only is not None:
                terms, own = only
                address = own or _address(body[connection + 8 : body.find(b"\n", connection + 8)])
                return (Stream(terms, address, int(words[1])),)
    return tuple([Stream(_shared(medium), medium.address, medium.port) for medium in parse(body).media])


@lru_cache(4096)
def _address(value: bytes) -> str:
    """Of "4 10.0.0.1/127"; the same text for the same address, as many calls share it."""
    words = value.split()
    return words[1].partition(b"/")[0].decode("utf-8", "replace") if len(words) > 1 else ""


@lru_cache(2048)
def _only(kind: bytes, rest: bytes, shared: bytes, tail: bytes) -> tuple[Terms, str] | None:
    """The terms of a stream, and its own address, "" where it has the session's; None where it is not the only one.

    `rest`: of its m= line, behind the port. `shared`: the session's attributes. `tail`: the lines below it.
    """
    if tail[:2] == b"m=" or b"\nm=" in tail:
        return None
    medium = parse(b"v=0%b\nm=%b 9 %b\n%b" % (shared, kind, rest, tail)).media[0]
    return _shared(medium), medium.address


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
