"""By what a call may be found again behind a B2BUA: the marks of its INVITE and of its answer."""

import re
from functools import lru_cache
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

_LONGEST: Final = 160
_DIGEST: Final = 8  # octets
_MOST_TOLD: Final = 32 * _DIGEST  # marks and bodies of one call
# Headers in which B2BUAs name the Call-ID of the other leg, where they are told to.
_NAMING: Final = ("x-cid", "x-call-id", "x-callid", "x-original-call-id", "x-orig-call-id", "x-a-leg-call-id")
# Headers that vendors' B2BUAs carry through: Cisco, Avaya, Genesys.
_CARRIED: Final = ("cisco-guid", "av-global-session-id", "x-genesys-calluuid")
_TELLING: Final = Names("session-id", *_NAMING, *_CARRIED, "replaces", "referred-by", "p-charging-vector")
# Looked up often, and through the class slowly (Python 3.11).
_SESSION_ID, _CALL_ID, _GUID, _ICID_VALUE, _REFERRAL, _ORIGIN, _MEDIA, _CALLED, _CALLING = MarkKind
_NIL_UUID: Final = "0" * 32
_UUID: Final = re.compile(r"[0-9a-f]{32}")
_ICID: Final = re.compile(r'icid-value\s*=\s*"?([^";,\s]+)', re.IGNORECASE)
# What Sippy, OpenSIPS and others append to the Call-ID of the leg that they make.
_SUFFIX: Final = re.compile(r"[-_.]b2b(?:ua)?[-_.]?\d*$", re.IGNORECASE)
_INVITE: Final = "INVITE "
_AUDIO: Final = "\nm=audio "
_ORIGIN_LINE: Final = "\no="
_CONNECTION: Final = "\nc="
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
        told = self._told
        if event.method == "INVITE" and not event.to_tag:
            marks = self._of_invite(event)
        elif event.cseq_method == "INVITE" and 200 <= event.status < 300:
            marks = _session_ids(event)
        elif event.method == "REFER":
            marks = _referral(addr_spec(event.first("refer-to"))[0])
        else:
            return
        fresh = self._fresh(marks, told) if marks else ()
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
        to_uri = event.to_uri
        if not _asks_for(event.start_line, to_uri) and (called := _party(event.target)) and called != _party(to_uri):
            marks.append(Mark(_CALLED, called))
        body = event.description
        if body is None:
            body = event.body  # cut: its origin may be there
        if body and self._is_new(body):
            marks += _media(body)
        return marks

    def _is_new(self, body: bytes) -> bool:
        """Whether a body was not read before, and there is room to remember it."""
        digest, told = _digest(hash(body)), self._told
        # That of the first INVITE was the first of all: nearly always, it is this one on its next hop.
        if told.startswith(digest) or len(told) >= _MOST_TOLD or (told and place_of(digest, told, _DIGEST) >= 0):
            return False
        self._told = told + digest
        return True

    def _fresh(self, marks: list[Mark], before: bytes) -> tuple[Mark, ...]:
        """Those that are not among what was told before, as many as there is room to remember."""
        fresh: list[Mark] = []
        digests: list[bytes] = []
        for mark in marks:
            digest = _digest(hash(mark))
            if digest not in digests and not (before and place_of(digest, before, _DIGEST) >= 0):
                fresh.append(mark)
                digests.append(digest)
        told = self._told
        self._told = (told + b"".join(digests))[:_MOST_TOLD]
        return tuple(fresh[: (len(self._told) - len(told)) // _DIGEST])


def _digest(number: int) -> bytes:
    return number.to_bytes(_DIGEST, "little", signed=True)


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
    said = event.first("session-id")[:_LONGEST].lower()
    uuids = _UUID.findall(said) if said else ()
    return [Mark(_SESSION_ID, uuid) for uuid in uuids if uuid != _NIL_UUID]


def _referral(target: str) -> list[Mark]:
    party = _party(target)
    return [Mark(_REFERRAL, party)] if party else []


def _asks_for(line: str, uri: str) -> bool:
    """Whether the Request-URI of an INVITE is this one up to the host, as it mostly is: a look that spares reading."""
    at = uri.rfind("@")
    return at >= 0 and line.rfind("@") == len(_INVITE) + at and line.startswith(_INVITE + uri[:at])


@lru_cache(8192)
def _party(uri: str) -> str:
    """What a user or number is called on every leg: of a number the last digits."""
    user = user_of(uri).partition(";")[0].lower()
    digits = user[1:] if user.startswith("+") else user
    if digits.isdigit() and digits.isascii() and len(digits) >= _FEWEST_DIGITS:
        return digits[-_SAME_DIGITS:]
    if _NUMBER.fullmatch(user):
        return "".join(filter(str.isdigit, user))[-_SAME_DIGITS:]
    return "" if user in _UNKNOWN else user[:_LONGEST]


def _media(body: bytes) -> list[Mark]:
    """SDP origin, and where the first audio goes (RFC 8866 §5.2, §5.7, §5.14)."""
    text = body.decode("utf-8", "replace")
    begin = 0 if text.startswith("v=0") else text.find("\nv=0")
    if begin < 0:
        return []
    audio = text.find(_AUDIO, begin)
    session = text[begin:audio] if audio >= 0 else text[begin:]
    marks = []
    origin = session.find(_ORIGIN_LINE)
    if origin >= 0:
        marks.append(_mark(_ORIGIN, _line(session, origin + len(_ORIGIN_LINE))))
    if audio >= 0:
        audio += len(_AUDIO)
        end = text.find("\nm=", audio)
        stream = text[audio:end] if end >= 0 else text[audio:]
        port = _line(stream, 0).partition(" ")[0]
        place = _address(stream, stream.find(_CONNECTION)) or _address(session, session.rfind(_CONNECTION))
        if place and place != "0.0.0.0" and port not in ("0", "9"):  # noqa: S104 - a stream on hold
            marks.append(_mark(_MEDIA, f"{place} {port}"))
    return marks


def _line(text: str, begin: int) -> str:
    """The line from there on."""
    end = text.find("\n", begin)
    return (text[begin:end] if end >= 0 else text[begin:]).strip()


def _address(text: str, connection: int) -> str:
    """The address of the connection line there; "" where there is none."""
    return _line(text, connection + len(_CONNECTION)).rpartition(" ")[2] if connection >= 0 else ""


def _mark(kind: MarkKind, text: str) -> Mark:
    return Mark(kind, text.strip()[:_LONGEST])
