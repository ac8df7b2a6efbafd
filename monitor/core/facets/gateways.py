"""Messages that were rewritten on their way by what is no proxy."""

from typing import Final, NamedTuple

from collectors.sip.address import leads_inside
from collectors.sip.sdp import looks_like_sdp
from monitor.core.call import Call
from monitor.core.diagnosis.nat import SIP_ALG, sip_alg
from monitor.core.facet import Facet
from monitor.core.message import Message
from monitor.core.registration import Registration
from monitor.core.standalone import Standalone
from monitor.core.transaction import Transaction
from monitor.core.updates import Update

_MOST: Final = 32  # views of one record
_SHORT: Final = "truncated-body"


class _View(NamedTuple):
    """What one observation point saw of a message."""

    hop: str
    number: int
    parts: tuple[str, ...]  # of what gateways rewrite, in the order of `_PARTS`


_PARTS: Final = ("Contact", "Via", "SDP", "Content-Length")
_Name = tuple[str, int, str, int, int]  # branch, CSeq, method, status, Via values


class Gateways(Facet[Call | Registration | Standalone]):
    """Compares what is seen of a message on both sides of a NAT."""

    __slots__ = ("_said", "_views")

    def __init__(self, fold: Call | Registration | Standalone) -> None:
        super().__init__(fold)
        self._views: dict[_Name, _View] = {}
        self._said = False

    @staticmethod
    def may_begin(method: str, status: int, cseq_method: str) -> bool:
        """A request; its responses are compared from then on."""
        return method != ""

    @staticmethod
    def begins(event: Message) -> bool:
        """It is on its way between inside and outside, or mixes both."""
        return event.way.through_nat or _mixed(event) != ""

    def news(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """Compare with what was seen of it elsewhere."""
        if self._said:
            return
        mixed = _mixed(event)
        if mixed:
            self._say(event, {number}, event.hop, mixed, out, confirmed=False)
        if not event.branch:
            return
        name = (event.branch, event.cseq, event.method or event.cseq_method, event.status, event.vias)
        other = self._views.get(name)
        if other is None:
            if len(self._views) < _MOST:
                self._views[name] = _View(event.hop, number, _parts(event))
            return
        hop, parts = event.hop, _parts(event)
        differ = [part for part, one, two in zip(_PARTS, other.parts, parts, strict=True) if one != two]
        if differ and hop != other.hop:
            what = " and ".join((", ".join(differ[:-1]), differ[-1])) if len(differ) > 1 else differ[0]
            cause = (
                f"Between {_arrow(other.hop)} and {_arrow(hop)} something rewrote {what} of the "
                f"{event.method or event.status}: its branch and its number of Via values are the same, so that it "
                "was no proxy."
            )
            self._said = True
            self._say(event, {other.number, number}, hop, cause, out, confirmed=True)

    def _say(
        self, event: Message, numbers: set[int], hop: str, cause: str, out: list[Update], *, confirmed: bool
    ) -> None:
        at_us = event.captured_us
        verdict = sip_alg(subject="", hop=hop, numbers=numbers, at_us=at_us, cause=cause, confirmed=confirmed)
        self.fold.judge(SIP_ALG, "", verdict, at_us, at_us, out)


def _parts(event: Message) -> tuple[str, ...]:
    body = event.body
    host, port = event.sent_by
    description = str(hash(body)) if looks_like_sdp(body) else ""
    return event.contact, f"{host}:{port}", description, event.first("content-length")


def _mixed(event: Message) -> str:
    """How a message from outside mixes both sides of a NAT; "" where it does not."""
    if not event.from_outside:
        return ""
    source = event.source
    # Most of such phones give the private address in their Via, too: the octets tell without reading it.
    if event.vias == 1 and event.method and leads_inside(event.contact) and event.raw.find(source.encode()) >= 0:
        host, _ = event.sent_by
        if host.strip("[]") == source:
            return (
                f"{source} is in the Via of a message that has the private {event.contact} as Contact: a phone "
                "that knows its public address gives it in both, one that does not in none; a gateway may have "
                "rewritten one."
            )
    if event.fault == _SHORT and event.transport == "udp":
        address = f" {event.source}\r\n".encode()
        body = event.body  # whole lines: what the capture cut off is no gateway's doing
        if looks_like_sdp(body) and body.endswith(b"\r\n") and b"\nc=IN IP4" + address in body:
            return (
                f"The SDP has the public {event.source} that the message came from, and is shorter than its "
                "Content-Length: a gateway put the address in and left the length alone."
            )
    return ""


def _arrow(hop: str) -> str:
    return hop.replace(">", " → ")
