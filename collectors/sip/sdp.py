"""Session descriptions, read (RFC 8866, with what SIP puts into them: RFC 3264, 4568, 5763, 5888, 8839, T.38).

Total: whatever the bytes, `parse` returns a `Session`; a line that is not as it should be is a `Fault` with its
number, and what can be read of it counts all the same.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from collectors.sip.description import DIRECTIONS, Candidate, Codec, Crypto, Fault, Media, Origin, Session
from collectors.sip.payloads import STATIC

_LONGEST: Final = 65_536  # octets that are read
_MOST_LINES: Final = 2_000
_MOST_MEDIA: Final = 64
_MOST_FAULTS: Final = 32  # that are kept; the others are counted
_MOST_FORMATS: Final = 128  # of one stream


def looks_like_sdp(body: bytes) -> bool:
    """Whether a body begins like a session description (§5: the first line is v=)."""
    return body[:2] == b"v=" or body[:16].lstrip(b"\r\n")[:2] == b"v="


def parse(body: bytes) -> Session:
    """The description in a body. Never raises."""
    reader = _Reader()
    lines = body[:_LONGEST].splitlines()
    # Decoded at once: what one line is, octets say, and not Unicode.
    for number, line in enumerate(b"\n".join(lines[:_MOST_LINES]).decode("utf-8", "replace").split("\n"), 1):
        if line:
            reader.read(number, line)
    if len(body) > _LONGEST or len(lines) > _MOST_LINES:
        reader.fault(0, "too-long", "")
    return reader.done()


class _Reader:
    """Takes the lines in their order: those before the first m= are the session's, then each medium's."""

    __slots__ = ("_fmtp", "_medium", "_rtpmap", "session", "shared")

    def __init__(self) -> None:
        self.session = Session()
        # Session-level attributes that are defaults for all media are read into a medium of their own.
        self.shared = _medium("", "")
        self._medium: Media | None = None
        self._rtpmap: dict[str, tuple[str, int, int]] = {}
        self._fmtp: dict[str, str] = {}

    def fault(self, number: int, reason: str, line: str) -> None:
        session = self.session
        session.faulty += 1
        if len(session.faults) < _MOST_FAULTS:
            session.faults.append(Fault(number, reason, line[:200]))

    def read(self, number: int, line: str) -> None:
        if line[1:2] != "=":
            self.fault(number, "no-type", line)
            return
        kind, value = line[0], line[2:].strip()
        if kind == "a":
            if not self._attribute(value):
                self.fault(number, "bad-attribute", line)
        elif kind == "m":
            self._begin(number, line, value)
        else:
            reason = self._other(kind, value)
            if reason:
                self.fault(number, reason, line)

    def done(self) -> Session:
        self._finish()
        session = self.session
        absent = (
            ("no-version", not session.version),
            ("no-origin", session.origin is None),
            ("no-time", not session.times),
            ("no-connection", any(not each.address and each.port > 0 for each in session.media)),
        )
        for reason, holds in absent:
            if holds:
                self.fault(0, reason, "")
        return session

    # --- lines

    def _other(self, kind: str, value: str) -> str:
        """A line that is neither a= nor m=; what is wrong with it, or ""."""
        medium = self._medium
        if kind == "c":
            address = _address(value)
            if not address:
                return "bad-connection"
            if medium is None:
                self.session.address = self.session.address or address
            else:
                medium.address = medium.address or address
            return ""
        if kind == "b":
            bandwidth = (medium or self.session).bandwidth
            name, colon, figure = value.partition(":")
            if not colon or not _number(figure):
                return "bad-bandwidth"
            bandwidth[name] = int(figure)
            return ""
        if kind == "i":
            if medium is None:
                self.session.information = value
            else:
                medium.title = value
            return ""
        if kind == "k":
            return ""  # a key, obsolete (§5.12): not kept
        if medium is not None:
            return "misplaced" if kind in _SESSION_LINES else "unknown-type"
        take = _SESSION_LINES.get(kind)
        return "unknown-type" if take is None else take(self.session, value)

    def _begin(self, number: int, line: str, value: str) -> None:
        self._finish()
        if len(self.session.media) >= _MOST_MEDIA:
            self._medium = _medium("", "")  # takes the lines that follow, and is not kept
            self.fault(number, "too-many-media", line)
            return
        self._medium = medium = _medium(value.partition(" ")[0].lower(), line)
        self.session.media.append(medium)
        parts = value.split()
        port, _, ports = parts[1].partition("/") if len(parts) > 1 else ("", "", "")
        if _number(port) and int(port) <= 65_535 and (not ports or _number(ports)):
            medium.port, medium.ports = int(port), int(ports or 1)
        else:
            self.fault(number, "bad-media", line)
            return
        medium.proto = parts[2] if len(parts) > 2 else ""
        medium.formats = tuple(parts[3 : 3 + _MOST_FORMATS])
        if not medium.formats:
            self.fault(number, "bad-media", line)

    def _finish(self) -> None:
        """The medium is read: give it its codecs, and what it inherits."""
        medium, shared = self._medium, self.shared
        if medium is None:
            return
        rtpmap, fmtp = self._rtpmap, self._fmtp
        medium.codecs = tuple(_codec(each, rtpmap, fmtp, rtp=medium.rtp) for each in medium.formats)
        if rtpmap or fmtp:
            self._rtpmap, self._fmtp = {}, {}
        medium.address = medium.address or self.session.address
        medium.direction = medium.direction or shared.direction or "sendrecv"
        medium.ptime = medium.ptime or shared.ptime
        medium.maxptime = medium.maxptime or shared.maxptime
        medium.ice = medium.ice or shared.ice
        medium.ice_lite = shared.ice_lite
        medium.fingerprint = medium.fingerprint or shared.fingerprint
        medium.setup = medium.setup or shared.setup

    def _attribute(self, value: str) -> bool:
        """An a= line; whether it can be read."""
        name, _, value = value.partition(":")
        target = self._medium
        if name in DIRECTIONS:
            (target or self.shared).direction = name
            return True
        if name == "rtpmap":
            payload, meaning = _rtpmap(value)
            if meaning is not None:
                self._rtpmap[payload] = meaning
            return meaning is not None
        if name == "fmtp":
            payload, _, parameters = value.partition(" ")
            self._fmtp[payload] = parameters.strip()
            return bool(parameters)
        if name == "group":
            semantics, *mids = value.split() or [""]
            self.session.groups.append((semantics, tuple(mids)))
            return bool(semantics)
        take = _ATTRIBUTES.get(name)
        if take is not None:
            return take(target or self.shared, value.strip())
        if name[:3].upper() == "T38":
            (target or self.shared).fax[name] = value.strip()
        else:
            (target or self.session).attributes.append((name, value))
        return True


def _medium(kind: str, line: str) -> Media:
    return Media(kind=kind, port=-1, proto="", formats=(), line=line, direction="")


def _codec(payload: str, rtpmap: dict[str, tuple[str, int, int]], fmtp: dict[str, str], *, rtp: bool) -> Codec:
    meaning = rtpmap.get(payload)
    if meaning is None:
        meaning = STATIC.get(payload, ("", 0, 1)) if rtp else (payload, 0, 1)
    return Codec(payload, *meaning, fmtp.get(payload, ""))


# --- session lines: each returns what is wrong, or "" -------------------------------------------------


def _version(session: Session, value: str) -> str:
    session.version = value
    return "" if value == "0" else "bad-version"


def _origin(session: Session, value: str) -> str:
    parts = value.split()
    if len(parts) < 3:
        return "bad-origin"
    session.origin = Origin(parts[0], parts[1], parts[2], parts[5] if len(parts) > 5 else "")
    return "" if len(parts) == 6 else "bad-origin"


def _name(session: Session, value: str) -> str:
    session.name = value
    return ""


def _uri(session: Session, value: str) -> str:
    session.uri = value
    return ""


def _email(session: Session, value: str) -> str:
    session.emails.append(value)
    return ""


def _phone(session: Session, value: str) -> str:
    session.phones.append(value)
    return ""


def _time(session: Session, value: str) -> str:
    session.times.append(value)
    return ""


_SESSION_LINES: Final[dict[str, Callable[[Session, str], str]]] = {
    "v": _version,
    "o": _origin,
    "s": _name,
    "u": _uri,
    "e": _email,
    "p": _phone,
    "t": _time,
    "r": _time,
    "z": _time,
}


# --- attributes of a medium: each returns whether it could be read ------------------------------------


def _ptime(medium: Media, value: str) -> bool:
    figure = value.partition(".")[0]  # some say "20.0"
    medium.ptime = int(figure) if _number(figure) else 0
    return medium.ptime > 0


def _maxptime(medium: Media, value: str) -> bool:
    figure = value.partition(".")[0]
    medium.maxptime = int(figure) if _number(figure) else 0
    return medium.maxptime > 0


def _rtcp(medium: Media, value: str) -> bool:
    port, _, rest = value.partition(" ")
    if not _number(port) or int(port) > 65_535:
        return False
    medium.rtcp_port, medium.rtcp_address = int(port), _address(rest)
    return True


def _rtcp_mux(medium: Media, value: str) -> bool:
    medium.rtcp_mux = True
    return not value


def _ufrag(medium: Media, value: str) -> bool:
    medium.ice = bool(value)
    return medium.ice


def _password(medium: Media, value: str) -> bool:
    return bool(value)  # not kept


def _lite(medium: Media, value: str) -> bool:
    medium.ice_lite = True
    return not value


def _candidate(medium: Media, value: str) -> bool:
    parts = value.split()
    if len(parts) < 8 or parts[6] != "typ" or not (_number(parts[1]) and _number(parts[5])):
        return False
    medium.candidates.append(Candidate(int(parts[1]), parts[2].lower(), parts[4], int(parts[5]), parts[7]))
    return True


def _crypto(medium: Media, value: str) -> bool:
    tag, suite, *keys = [*value.split(None, 2), "", ""][:3]
    medium.crypto.append(Crypto(tag, suite))
    return bool(suite and keys[0])


def _fingerprint(medium: Media, value: str) -> bool:
    medium.fingerprint = value
    return " " in value


def _setup(medium: Media, value: str) -> bool:
    medium.setup = value
    return value in ("active", "passive", "actpass", "holdconn")


def _mid(medium: Media, value: str) -> bool:
    medium.mid = value
    return bool(value)


_ATTRIBUTES: Final[dict[str, Callable[[Media, str], bool]]] = {
    "ptime": _ptime,
    "maxptime": _maxptime,
    "rtcp": _rtcp,
    "rtcp-mux": _rtcp_mux,
    "ice-ufrag": _ufrag,
    "ice-pwd": _password,
    "ice-lite": _lite,
    "candidate": _candidate,
    "crypto": _crypto,
    "fingerprint": _fingerprint,
    "setup": _setup,
    "mid": _mid,
}


# --- values ------------------------------------------------------------------------------------------


def _number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18


def _address(value: str) -> str:
    """The address of "IN IP4 224.2.36.42/127"; "" where there is none."""
    parts = value.split()
    if len(parts) < 3 or parts[0] != "IN" or parts[1] not in ("IP4", "IP6"):
        return ""
    return parts[2].partition("/")[0]


@lru_cache(4096)
def _rtpmap(value: str) -> tuple[str, tuple[str, int, int] | None]:
    """(payload type, (name, clock rate, channels)) of "97 L16/8000/2"; None for what can't be read."""
    payload, _, rest = value.partition(" ")
    name, _, figures = rest.strip().partition("/")
    clock, _, channels = figures.partition("/")
    if not name or not _number(payload):
        return payload, None
    channels = channels.strip()
    return payload, (name, int(clock) if _number(clock) else 0, int(channels) if _number(channels) else 1)
