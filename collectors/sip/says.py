"""What a message says of its call, in sentences: who, signed by whom, ported, diverted, why, for how long.

For people who look at one message. What every message has (From, Via, CSeq) is left to its own lines; here is
what takes a decoder, or an RFC, to read. Nothing is verified: it is what the message says.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from collectors.sip.content import parts
from collectors.sip.correlation import read_charging_vector, read_session_id
from collectors.sip.diversion import read_diversions, read_history
from collectors.sip.faults import faults
from collectors.sip.grammar import tokens
from collectors.sip.intervals import read_delta, read_retry_after, read_session_expires
from collectors.sip.name_addr import NameAddr, read_uri
from collectors.sip.party import caller, read_privacy
from collectors.sip.passport import ATTESTATIONS, Passport, read_passports
from collectors.sip.phone import read_phone
from collectors.sip.reading import Reading
from collectors.sip.reason import read_reasons
from collectors.sip.refer import Replaces, read_refer_to, read_replaces
from collectors.sip.sequence import read_rack, read_rseq
from collectors.sip.statistics import statistics_of
from collectors.sip.subscription import read_event, read_subscription_state
from collectors.sip.via import read_vias
from collectors.sip.warning import read_warnings

MOST_STATEMENTS: Final = 40
_SOURCES: Final = {
    "p-asserted-identity": "the network asserts",
    "remote-party-id": "Remote-Party-ID says",
    "p-preferred-identity": "the caller prefers",
}


class Statement(msgspec.Struct, frozen=True):
    """One thing that a message says."""

    about: str  # "Signature", "Reason"
    text: str


def says(raw: bytes, at_us: int, *, cut: bool = False) -> tuple[Statement, ...]:
    """What a message says that was seen at this wire time; its faults first, unless the capture `cut` it."""
    reading = Reading(raw)
    found: list[Statement] = []
    sections = _SECTIONS[1:] if cut else _SECTIONS
    for section in sections:
        for statement in section(reading, at_us):
            if len(found) >= MOST_STATEMENTS:
                return tuple(found)
            found.append(Statement(statement[0], _shown(statement[1])))
    return tuple(found)


_Said = Iterator[tuple[str, str]]


def _wrong(reading: Reading, at_us: int) -> _Said:
    for fault in faults(reading.raw):
        line = "" if fault.code.startswith("no-") else f": “{fault.line}”"
        yield "Fault" if not fault.slight else "Slight fault", f"{fault.says} ({fault.source}){line}"


def _who(reading: Reading, at_us: int) -> _Said:
    for party in caller(reading):
        if party.source in _SOURCES:
            screened = "" if party.screened is None else ", screened" if party.screened else ", not screened"
            yield "Caller", f"{_SOURCES[party.source]} {_named(party.address)}{screened}"
    wishes = read_privacy(reading.all("privacy"))
    if wishes and wishes != ("none",):
        yield "Privacy", f"the caller wants hidden: {', '.join(wishes)}"


def _signed(reading: Reading, at_us: int) -> _Said:
    for passport in read_passports(reading.all("identity")):
        yield "Signature", f"{_passport(passport, at_us)}; not verified here"


def _passport(passport: Passport, at_us: int) -> str:
    kind = passport.kind.upper() or "Identity"
    if passport.form == "rfc4474":
        return "Identity of RFC 4474, which nobody checks any more"
    if passport.form == "broken":
        return f"{kind}, and it can't be decoded"
    if passport.form == "compact":
        return f"{kind} in its compact form: numbers and time are those of From, To and Date"
    meaning = ATTESTATIONS.get(passport.attestation)
    attested = f"attestation {passport.attestation} ({meaning})" if meaning else ""
    to = ", ".join(passport.destinations)
    numbers = f"{passport.originator or 'nobody'} calls {to or 'nobody'}"
    diverted = f"diverted by {passport.diverted_by}" if passport.diverted_by else ""
    age_s = passport.age_s(at_us)
    age = "" if age_s is None else f"signed {age_s:.1f} s before it was seen"
    origin = f"origid {passport.origid}" if passport.origid else ""
    return f"{kind}: " + ", ".join(filter(None, (attested, numbers, diverted, age, origin)))


def _ported(reading: Reading, at_us: int) -> _Said:
    phone = read_phone(read_uri(reading.start_line.partition(" ")[2].rpartition(" ")[0]))
    if phone is not None and phone.portability:
        looked = "was looked up" if phone.dipped else "comes with portability data"
        ported = f"ported to {phone.routing_number}" if phone.routing_number else ""
        carrier = f"carrier {phone.carrier}" if phone.carrier else ""
        found = ", ".join(filter(None, (ported, carrier))) or "not ported"
        yield "Number portability", f"{phone.number} {looked}: {found}"


def _translated(reading: Reading, at_us: int) -> _Said:
    for via in read_vias(reading.all("via")):
        seen = via.received
        if seen and seen != via.host.strip("[]"):
            port = f" port {via.rport}" if via.rport is not None else ""
            yield "Translated", f"what calls itself {via.host} was seen as {seen}{port} by the next hop"


def _way(reading: Reading, at_us: int) -> _Said:
    for diversion in read_diversions(reading.all("diversion")):
        often = f", {diversion.counter} times" if diversion.counter > 1 else ""
        yield "Diverted", f"by {_named(diversion.address)}: {diversion.reason or 'no reason given'}{often}"
    for station in read_history(reading.all("history-info")):
        left = "; ".join(f"{each.protocol} {each.cause or ''} {each.name}".strip() for each in station.reasons)
        index = ".".join(map(str, station.index)) or "?"
        yield "History", f"{index}: {_named(station.address)}" + (f", left for {left}" if left else "")


def _why(reading: Reading, at_us: int) -> _Said:
    for reason in read_reasons(reading.all("reason")):
        words = reason.name if not reason.text or reason.text == reason.name else f"{reason.name} (“{reason.text}”)"
        yield "Reason", f"{reason.protocol} {'' if reason.cause is None else reason.cause}: {words or 'no words'}"
    for warning in read_warnings(reading.all("warning")):
        name = f" ({warning.name})" if warning.name else ""
        yield "Warning", f"{warning.agent} says {warning.code}{name}: {warning.text}"


def _times(reading: Reading, at_us: int) -> _Said:
    retry = read_retry_after(reading.first("retry-after"))
    if retry is not None:
        yield "Retry after", f"{retry.seconds} s" + (f": {retry.comment}" if retry.comment else "")
    session, least = read_session_expires(reading.first("session-expires")), read_delta(reading.first("min-se"))
    if session is not None:
        who = {"uac": ", refreshed by who sent the request", "uas": ", refreshed by who answers it"}
        minimum = "" if least is None else f", at least {least} s"
        yield "Session timer", f"{session.seconds} s{who.get(session.refresher, ', no refresher named')}{minimum}"
    rseq, rack = read_rseq(reading.first("rseq")), read_rack(reading.first("rack"))
    if rseq is not None:
        yield "Reliable", f"provisional response {rseq}, to be acknowledged with PRACK"
    if rack is not None:
        yield "Acknowledges", f"provisional response {rack.rseq} to {rack.method} {rack.cseq}"
    required = tokens(reading.all("require"))
    if required:
        yield "Requires", ", ".join(required)


def _transfer(reading: Reading, at_us: int) -> _Said:
    value = reading.first("refer-to")
    if value:
        target = read_refer_to(value)
        instead = f", {_replaced(target.replaces)}" if target.replaces else ""
        yield "Transfer", f"to {_named(target.address)} by {target.method}{instead}"
    replaces = read_replaces(reading.first("replaces"))
    if replaces is not None:
        yield "Takes over", _replaced(replaces)


def _replaced(replaces: Replaces) -> str:
    early = " while it rings" if replaces.early_only else ""
    return f"in place of call {replaces.call_id}{early}"


def _subscription(reading: Reading, at_us: int) -> _Said:
    event = read_event(reading.first("event"))
    if event.package:
        yield "Event", event.package + (f", id {event.id}" if event.id else "")
    value = reading.first("subscription-state")
    if value:
        state = read_subscription_state(value)
        expires = f", {state.expires} s left" if state.expires is not None else ""
        yield "Subscription", state.state + (f": {state.reason}" if state.reason else "") + expires


def _names(reading: Reading, at_us: int) -> _Said:
    session = read_session_id(reading.first("session-id"))
    if session is not None:
        yield "Session-ID", f"{session.local or 'not known yet'}, other end {session.remote or 'not known yet'}"
    charging = read_charging_vector(reading.first("p-charging-vector"))
    if charging is not None:
        between = " → ".join(filter(None, (charging.originating, charging.terminating)))
        yield "Charging", f"icid {charging.icid}" + (f", {between}" if between else "")


def _media(reading: Reading, at_us: int) -> _Said:
    for figures in statistics_of(reading):
        named = (
            ("sent", figures.sent, ""),
            ("received", figures.received, ""),
            ("lost", figures.lost, ""),
            ("jitter", figures.jitter_ms, " ms"),
            ("delay", figures.latency_ms, " ms"),
        )
        told = ", ".join(f"{name} {value:g}{unit}" for name, value, unit in named if value is not None)
        if told:
            yield "Media", f"{figures.header}: {told}"
    for part in parts(reading):
        if part.depth or part.multipart or part.fault:
            fault = f" ({part.fault})" if part.fault else ""
            yield "Body", f"{'· ' * part.depth}{part.type or 'no type'}, {len(part.content)} octets{fault}"


def _named(address: NameAddr) -> str:
    """An address as people say it, without its password."""
    return f"“{address.display}” {address.uri.aor}" if address.display else address.uri.aor


def _shown(text: str) -> str:
    return "".join(mark if mark.isprintable() else "\N{REPLACEMENT CHARACTER}" for mark in text[:400])


_SECTIONS: Final = (
    _wrong,
    _who,
    _signed,
    _ported,
    _translated,
    _way,
    _why,
    _times,
    _transfer,
    _subscription,
    _names,
    _media,
)
