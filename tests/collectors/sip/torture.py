"""Torture messages of our own: each makes the point of one message of RFC 4475 or RFC 5118, by its name there.

A case says what the RFC asks of who receives it, the faults that we must name (none for what is valid, however odd),
and what must be read of it all the same. `docs/torture.md` is made of these cases: run this module to write it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from collectors.sip.contact import read_contacts
from collectors.sip.content import parts
from collectors.sip.faults import faults
from collectors.sip.message import parse, start_line
from collectors.sip.name_addr import read_address
from collectors.sip.reading import Reading
from collectors.sip.via import read_vias

PAGE: Final = Path(__file__).resolve().parents[3] / "docs/torture.md"

# Octets that are no UTF-8 stand in these messages as Python writes them into text.
BYTES: Final = ("utf-8", "surrogateescape")
SDP: Final = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"


class Case(NamedTuple):
    """One torture message."""

    name: str  # the RFC's, which is also the name of its file where others keep them
    section: str
    point: str  # what is odd about it
    asks: str  # of who receives it, by the RFC
    raw: bytes
    codes: tuple[str, ...] = ()  # the faults that must be named, the first one first
    reads: Mapping[str, Any] = {}  # what must be read of it


def message(first: str, *lines: str, body: str = "", drop: tuple[str, ...] = ()) -> bytes:
    """A message of a usual head, some of whose headers are left out or replaced by `lines` of the same name."""
    request = not first.upper().startswith("SIP/")
    method = first.split(" ", 1)[0] if request else "INVITE"
    usual = {
        "via": "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK-torture",
        "max-forwards": "Max-Forwards: 70" if request else "",
        "from": "From: <sip:caller@example.net>;tag=f1",
        "to": "To: <sip:user@example.com>" + ("" if request else ";tag=t1"),
        "call-id": "Call-ID: torture@192.0.2.9",
        "cseq": f"CSeq: 7 {method}",
        "contact": "Contact: <sip:caller@192.0.2.9>",
        "content-type": "Content-Type: application/sdp" if body else "",
        "content-length": f"Content-Length: {len(body.encode(*BYTES))}",
    }
    given = {line.partition(":")[0].strip().lower() for line in lines}
    kept = [line for name, line in usual.items() if line and name not in given and name not in drop]
    return ("\r\n".join([first, *kept, *lines]) + "\r\n\r\n" + body).encode(*BYTES)


def reading(raw: bytes) -> dict[str, Any]:
    """What is read of a message, by name."""
    _, method, status, call_id, from_uri, from_tag, to_uri, to_tag, cseq, cseq_method, branch, vias, contact = parse(
        raw
    )
    head = Reading(raw)
    via = read_vias(head.all("via"))
    contacts = read_contacts(head.all("contact"))
    return {
        "method": method,
        "status": status,
        "call_id": call_id,
        "from_uri": from_uri,
        "from_tag": from_tag,
        "to_uri": to_uri,
        "to_tag": to_tag,
        "cseq": (cseq, cseq_method),
        "branch": branch,
        "vias": vias,
        "contact": contact,
        "first": start_line(raw),
        "via_hosts": [each.host for each in via],
        "via_ports": [each.port for each in via],
        "received": [each.received for each in via],
        "transports": [each.transport for each in via],
        "to_name": read_address(head.first("to")).display,
        "from_name": read_address(head.first("from")).display,
        "contacts": [each.uri.text for each in contacts],
        "contact_parameters": [each.address.parameters for each in contacts],
        "contact_hosts": [each.uri.host for each in contacts],
        "contact_names": [each.address.display for each in contacts],
        "uri_parameters": [each.uri.parameters for each in contacts],
        "max_forwards": head.first("max-forwards"),
        "require": head.first("require"),
        "parts": [part.type for part in parts(head)],
        "content": [part.content for part in parts(head)][-1:],
    }


def page(cases: tuple[Case, ...]) -> str:
    """docs/torture.md."""
    rows = [f"| `{case.name}` | {case.section} | {case.point} | {case.asks} | {_verdict(case)} |" for case in cases]
    return PAGE_HEAD + "\n".join(rows) + "\n"


def _verdict(case: Case) -> str:
    found = faults(case.raw)
    read = ", ".join(name.replace("_", " ") for name in case.reads)
    if not found:
        return f"nothing is wrong; read: {read}"
    told = "; ".join(f"`{fault.code}`: {fault.says}" for fault in found)
    return f"{told}; read all the same: {read}" if read else told


PAGE_HEAD: Final = """\
# Torture messages

RFC 4475 and RFC 5118 hold messages that were made to break parsers: valid ones that look wrong, and wrong ones that
look right. This is what Offhook says of each, made by `python -m tests.collectors.sip.torture` from messages of our own
that make the same points; `tests/collectors/sip/test_torture.py` holds this page to them, and holds the messages of the
RFCs themselves to the same verdicts where they are at hand.

A monitor answers nothing. Where the RFC asks for a 400, Offhook names the rule that is broken; where it asks that a
message be accepted, Offhook reads it as it is meant and names nothing. What is right by the grammar and refused for
another reason (an extension, a scheme, a body that a server does not know) has no fault: the server's answer tells.

| message | section | what is odd | what the RFC asks | what Offhook says |
|---|---|---|---|---|
"""


if __name__ == "__main__":
    from tests.collectors.sip.torture_cases import CASES

    PAGE.write_text(page(CASES), encoding="utf-8")
