"""What became of a record, in one plain sentence."""

import re
from collections.abc import Sequence

from collectors.wire.events import SipEvent
from dashboard.templatetags.offhook import duration, person
from monitor.core.updates import CallState, Kind, RegistrationOutcome
from monitor.queries import Row

_REASON = re.compile(rb"SIP/2\.0[ \t]+\d{3}[ \t]+([^\r\n]{1,80})")


def title(record: Row) -> str:
    """Who, in a few words: the title of a record's page."""
    if record["kind"] == Kind.REGISTRATION:
        return f"Registration of {person(record['aor'])}"
    parties = f"{person(record['from_uri'])} → {person(record['to_uri'])}"
    return parties if record["kind"] == Kind.CALL else f"{record['method'] or 'Unreadable'} {parties}"


def result(record: Row, events: Sequence[SipEvent]) -> str:
    """What became of it."""
    if record["kind"] == Kind.CALL:
        return _call(record, response(record["status"], events))
    if record["kind"] == Kind.REGISTRATION:
        return _registration(record, response(record["status"], events))
    if record["fault"]:
        return f"A message that breaks the rules: {record['fault'].replace('-', ' ')}."
    took = duration((record["last_us"] - record["first_us"]) / 1000)
    return f"{response(record['status'], events)} after {took}." if record["status"] else "No final response was seen."


def response(status: int | None, events: Sequence[SipEvent]) -> str:
    """A final response as it was worded on the wire: "486 Busy Here"."""
    if not status:
        return ""
    for event in events:
        if event.status == status and (match := _REASON.match(event.raw)):
            return f"{status} {match[1].decode('utf-8', 'replace').strip()}"
    return str(status)


def _call(record: Row, final: str) -> str:
    after = duration(((record["ended_us"] or record["last_us"]) - record["first_us"]) / 1000)
    setup = f"Answered after {duration(record['setup_ms'])}" if record["setup_ms"] is not None else "Answered"
    acked = "" if record["acked"] is not False else ", and never acknowledged"
    match CallState(record["state"]):
        case CallState.TRYING:
            return "The callee has not answered yet." if record["open"] else "No response beyond 100 was seen."
        case CallState.RINGING:
            return "It rings." if record["open"] else "It rang; what became of it was not seen."
        case CallState.ANSWERED:
            still = "the call goes on" if record["open"] else "its end was not seen"
            return f"{setup}{acked}; {still}."
        case CallState.ENDED:
            return f"{setup}{acked}; ended after {duration(record['duration_ms'])}."
        case CallState.FAILED:
            return (
                f"Failed with {final} after {after}." if final else f"Failed after {after}, without a final response."
            )
        case CallState.CANCELLED:
            return f"Cancelled by the caller after {after}."
        case CallState.REDIRECTED:
            return f"Redirected with {final}, and not tried again."


def _registration(record: Row, final: str) -> str:
    match RegistrationOutcome(record["outcome"]):
        case RegistrationOutcome.PENDING:
            return "No final response yet."
        case RegistrationOutcome.REGISTERED:
            return f"Registered at {record['registrar']}."
        case RegistrationOutcome.UNREGISTERED:
            return "The client removed its binding."
        case RegistrationOutcome.FAILED:
            return f"Refused with {final}." if final else "Refused."
        case RegistrationOutcome.CHALLENGED:
            return f"Challenged with {final}, and the client never sent credentials."
        case RegistrationOutcome.UNANSWERED:
            return f"{record['registrar']} never answered."
        case RegistrationOutcome.EXPIRED:
            return "The binding ran out without a refresh: calls to it fail."
