"""By what a call may be found again behind a B2BUA: the marks of its INVITE and of its answer."""

import re
from functools import lru_cache
from struct import Struct
from typing import TYPE_CHECKING, Final

from collectors.sip.reading import Names
from collectors.sip.uri import addr_spec, user_of
from monitor.core.call import Call
from monitor.core.copies import place_of
from monitor.core.facet import Facet
from monitor.core.marks import Mark, MarkKind
from monitor.core.message import Message
from monitor.core.transaction import Transaction
from monitor.core.updates import LegMarked, Update

if TYPE_CHECKING:
    from monitor.core.attempt import Attempt

_MOST_TOLD: Final = 32  # marks and bodies of one call
_LONGEST: Final = 160
_packed: Final = Struct("<q").pack
_DIGEST: Final = 8  # octets
# Headers in which B2BUAs name the Call-ID of the other leg, where they are told to.
_NAMING: Final = ("x-cid", "x-call-id", "x-callid", "x-original-call-id", "x-orig-call-id", "x-a-leg-call-id")
# Headers that vendors' B2BUAs carry through: Cisco, Avaya, Genesys.
_CARRIED: Final = ("cisco-guid", "av-global-session-id", "x-genesys-calluuid")
_TELLING: Final = Names("session-id", *_NAMING, *_CARRIED, "replaces", "referred-by", "p-charging-vector")
# Looked up often, and through the class slowly (Python 3.11).
_SESSION_ID, _CALL_ID, _GUID, _ICID_VALUE, _REFERRAL, _ORIGIN, _MEDIA, _CALLED, _CALLING = MarkKind
_NIL_UUID: Final = "0" * 32
_UUID: Final = re.compile(r"[0-9a-f]{32}", re.IGNORECASE)
_ICID: Final = re.compile(r'icid-value\s*=\s*"?([^";,\s]+)', re.IGNORECASE)
# What Sippy, OpenSIPS and others append to the Call-ID of the leg that they make.
_SUFFIX: Final = re.compile(r"[-_.]b2b(?:ua)?[-_.]?\d*$", re.IGNORECASE)
_FEWEST_DIGITS: Final = 6
_NUMBER: Final = re.compile(rf"\+?[\d().-]{{{_FEWEST_DIGITS},}}")
_SAME_DIGITS: Final = 8  # of a number: prefixes and country codes come and go on the way
_UNKNOWN: Final = frozenset({"", "anonymous", "unavailable", "unknown", "restricted", "asterisk"})


class LegMarks(Facet[Call]):
    """Tells each mark of a call once."""

    __slots__ = ("_asked", "_told")

    def __init__(self, fold: Call) -> None:
        super().__init__(fold)
        self._asked: Attempt | None = None  # of the INVITE that was read last
        self._told = b""  # digests of bodies that were read, and of marks that were told: there are many calls

    @staticmethod
    def may_begin(method: str, status: int, cseq_method: str) -> bool:
        """INVITE."""
        return method == "INVITE"

    @staticmethod
    def begins(event: Message) -> bool:
        """With the first INVITE."""
        return event.method == "INVITE"

    @staticmethod
    def hears(method: str, status: int, cseq_method: str, *, found: bool) -> bool:
        """An INVITE, its answer, REFER."""
        return method in ("INVITE", "REFER") or (200 <= status < 300 and cseq_method == "INVITE")

    def news(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """The INVITE that begins the call tells most; an answer may tell the Session-ID of the other side."""
        if event.method == "INVITE" and not event.to_tag:
            marks = self._of_invite(event)
        elif event.cseq_method == "INVITE" and 200 <= event.status < 300:
            marks = _session_ids(event)
        elif event.method == "REFER":
            marks = _referral(addr_spec(event.first("refer-to"))[0])
        else:
            return
        fresh = tuple([mark for mark in marks if self._is_fresh(hash(mark))]) if marks else ()
        if fresh:
            out.append(LegMarked(self.fold.key, event.captured_us, fresh))

    def _of_invite(self, event: Message) -> list[Mark]:
        """All that the first tells; of the same on other hops, what proxies change: the target, and the body."""
        marks: list[Mark] = []
        attempt = self.fold.attempts.of(event)
        if attempt is not self._asked:
            self._asked = attempt
            marks += _of_parties(event)
            marks += _of_headers(event, self.fold.context.settings.leg_headers)
        target = event.target
        if target != event.to_uri and (called := _party(target)) and called != _party(event.to_uri):
            marks.append(Mark(_CALLED, called))
        body = event.description
        if body is None:
            body = event.body  # cut: its origin may be there
        if body and self._is_fresh(hash(body)):
            marks += _media(body)
        return marks

    def _is_fresh(self, digest: int) -> bool:
        octets, told = _packed(digest), self._told
        if len(told) >= _MOST_TOLD * _DIGEST or place_of(octets, told, _DIGEST) >= 0:
            return False
        self._told = told + octets
        return True


def _of_parties(event: Message) -> list[Mark]:
    """What each INVITE tells: its Call-ID, who calls, who is called."""
    marks = []
    if event.call_id:
        marks.append(_mark(_CALL_ID, event.call_id))
        stem = _SUFFIX.sub("", event.call_id) if "b2b" in event.call_id.lower() else ""
        if stem:
            marks.append(_mark(_CALL_ID, stem))
    if calling := _party(event.from_uri):
        marks.append(Mark(_CALLING, calling))
    if called := _party(event.to_uri):
        marks.append(Mark(_CALLED, called))
    return marks


def _of_headers(event: Message, own_headers: tuple[str, ...]) -> list[Mark]:
    """What headers tell that few carry."""
    said = event.among(_TELLING)
    if not said and not own_headers:
        return []
    marks = _session_ids(event) if "session-id" in said else []
    marks += [_mark(_CALL_ID, value) for name in _NAMING if name in said and (value := event.first(name))]
    carried = (*[name for name in _CARRIED if name in said], *own_headers)
    marks += [_mark(_GUID, f"{name} {value}") for name in carried if (value := event.first(name))]
    if "replaces" in said and (replaces := event.first("replaces").partition(";")[0]):
        marks.append(_mark(_CALL_ID, replaces))
    if "referred-by" in said and event.first("referred-by"):
        marks += _referral(event.to_uri)
    if "p-charging-vector" in said and (icid := _ICID.search(event.first("p-charging-vector"))):
        marks.append(_mark(_ICID_VALUE, icid[1]))
    return marks


def _session_ids(event: Message) -> list[Mark]:
    """The UUIDs of Session-ID: of the sender and, as "remote", of the other side."""
    said = event.first("session-id")[:_LONGEST]
    uuids = _UUID.findall(said) if said else ()
    return [Mark(_SESSION_ID, uuid.lower()) for uuid in uuids if uuid != _NIL_UUID]


def _referral(target: str) -> list[Mark]:
    party = _party(target)
    return [Mark(_REFERRAL, party)] if party else []


@lru_cache(8192)
def _party(uri: str) -> str:
    """What a user or number is called on every leg: of a number the last digits."""
    user = user_of(uri).partition(";")[0].lower()
    digits = user.removeprefix("+")
    if digits.isdigit() and digits.isascii() and len(digits) >= _FEWEST_DIGITS:
        return digits[-_SAME_DIGITS:]
    if _NUMBER.fullmatch(user):
        return "".join(filter(str.isdigit, user))[-_SAME_DIGITS:]
    return "" if user in _UNKNOWN else user[:_LONGEST]


def _media(body: bytes) -> list[Mark]:
    """SDP origin, and where the first audio goes (RFC 8866 §5.2, §5.7, §5.14)."""
    begin = 0 if body.startswith(b"v=0") else body.find(b"\nv=0")
    if begin < 0:
        return []
    session, audio, stream = (body[begin:] if begin else body).partition(b"\nm=audio ")
    marks = []
    origin = session.partition(b"\no=")
    if origin[1]:
        marks.append(_mark(_ORIGIN, _line(origin[2])))
    if audio:
        stream = stream.partition(b"\nm=")[0]
        port = _line(stream).partition(" ")[0]
        _, connection, line = session.rpartition(b"\nc=")
        place = _address(stream.partition(b"\nc=")[2]) or (_address(line) if connection else "")
        if place and place != "0.0.0.0" and port not in ("0", "9"):  # noqa: S104 - a stream on hold
            marks.append(_mark(_MEDIA, f"{place} {port}"))
    return marks


def _line(text: bytes) -> str:
    """Its first line."""
    return text.partition(b"\n")[0].decode("utf-8", "replace").strip()


def _address(connection: bytes) -> str:
    """The address of what follows "c="."""
    return _line(connection).rpartition(" ")[2]


def _mark(kind: MarkKind, text: str) -> Mark:
    return Mark(kind, text.strip()[:_LONGEST])
