"""What a session description says, as values (RFC 8866): the session, its media, and what each can."""

from typing import Final, NamedTuple

import msgspec

DIRECTIONS: Final = frozenset({"sendrecv", "sendonly", "recvonly", "inactive"})
# c=IN IP4 0.0.0.0: hold as RFC 2543 did it (RFC 3264 §8.4, RFC 6337 §5.3).
NOWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - an address in a message, not one to listen on


class Fault(NamedTuple):
    """A line that is not as RFC 8866 wants it, or (number 0, no line) one that is absent."""

    number: int  # 1-based
    reason: str  # "bad-media", "bad-connection", "no-version", …
    line: str


class Origin(NamedTuple):
    """o=: who made the session, and its how manyeth version this is."""

    user: str
    session: str
    version: str
    address: str


class Codec(NamedTuple):
    """A format of a stream: an RTP payload type with what it stands for, or another protocol's ("t38")."""

    payload: str  # as in the m= line
    name: str  # "PCMA"; "" where nothing says what a dynamic payload type is
    clock: int  # Hz; 0: not known
    channels: int
    fmtp: str = ""


class Candidate(NamedTuple):
    """a=candidate (RFC 8839 §5.1)."""

    component: int  # 1: RTP, 2: RTCP
    transport: str  # "udp", "tcp"
    address: str
    port: int
    kind: str  # "host", "srflx", "prflx", "relay"


class Crypto(NamedTuple):
    """a=crypto (RFC 4568); the key itself is none of our business."""

    tag: str
    suite: str


class Media(msgspec.Struct):
    """One m= section. Addresses and other session-level lines that it inherits are filled in."""

    kind: str  # "audio", "video", "image", "application", "message", …
    port: int  # 0: refused, or taken out; -1: unreadable
    proto: str  # "RTP/AVP", "RTP/SAVP", "UDP/TLS/RTP/SAVPF", "udptl", …
    formats: tuple[str, ...]
    line: str  # the m= line
    ports: int = 1
    address: str = ""  # of its c= line or the session's; "" where there is none
    codecs: tuple[Codec, ...] = ()  # in the order of preference
    direction: str = "sendrecv"
    ptime: int = 0  # ms; 0: not said
    maxptime: int = 0
    rtcp_port: int = 0  # 0: the next one
    rtcp_address: str = ""
    rtcp_mux: bool = False
    ice: bool = False  # it has, or inherits, an ice-ufrag
    ice_lite: bool = False
    candidates: list[Candidate] = msgspec.field(default_factory=list)
    crypto: list[Crypto] = msgspec.field(default_factory=list)
    fingerprint: str = ""  # "sha-256 4A:AD:…"
    setup: str = ""  # "actpass", "active", "passive"
    mid: str = ""
    title: str = ""  # i=
    bandwidth: dict[str, int] = msgspec.field(default_factory=dict)  # b=: "AS" → kbit/s, "TIAS" → bit/s
    fax: dict[str, str] = msgspec.field(default_factory=dict)  # T.38: "T38MaxBitRate" → "14400"
    attributes: list[tuple[str, str]] = msgspec.field(default_factory=list)  # all others

    @property
    def refused(self) -> bool:
        """Port zero (RFC 3264 §6)."""
        return self.port == 0

    @property
    def secure(self) -> bool:
        """SRTP: RTP/SAVP(F), with keys in the SDP or by DTLS."""
        return "SAVP" in self.proto.upper()

    @property
    def rtp(self) -> bool:
        """Whether it is RTP of any profile."""
        return "AVP" in self.proto.upper()

    @property
    def nowhere(self) -> bool:
        """Whether it names the address that means hold."""
        return self.address in NOWHERE

    @property
    def events(self) -> str:
        """The payload type of telephone-event (RFC 4733); "" where there is none."""
        return next((codec.payload for codec in self.codecs if codec.name.lower() == "telephone-event"), "")


class Session(msgspec.Struct):
    """A whole description."""

    media: list[Media] = msgspec.field(default_factory=list)
    faults: list[Fault] = msgspec.field(default_factory=list)  # the first ones
    faulty: int = 0  # how many there were
    version: str = ""
    origin: Origin | None = None
    name: str = ""
    information: str = ""  # i=
    uri: str = ""
    emails: list[str] = msgspec.field(default_factory=list)
    phones: list[str] = msgspec.field(default_factory=list)
    address: str = ""
    bandwidth: dict[str, int] = msgspec.field(default_factory=dict)
    times: list[str] = msgspec.field(default_factory=list)  # t=, r=, z= as they stand
    groups: list[tuple[str, tuple[str, ...]]] = msgspec.field(default_factory=list)  # ("BUNDLE", ("0", "1"))
    attributes: list[tuple[str, str]] = msgspec.field(default_factory=list)  # all others
