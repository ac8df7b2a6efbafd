"""Test messages of other parsers, with the verdicts of their authors: ours agree, or we say why not."""

import re
from pathlib import Path

from collectors.sip.faults import Fault, faults

# What hardly anyone minds, and these authors did not: no Contact in an INVITE; line ends that were changed when the
# messages were put into files, so that Content-Length is not true any more.
_LENIENT = {"no-contact", "truncated-body"}

# JAIN SIP's test messages that it refuses and we take, or the other way round: begin of the description → why.
JAIN = {
    "6) Not understood URI": "a scheme that a server does not know is no fault of the message (RFC 4475 §3.3.2)",
    "12a) Legal message with zero": "blanks within angle brackets: a fault by RFC 4475 §3.1.2.14, taken by JAIN SIP",
    "11) Legal REGISTER with SIP URL": "the same",
    "21)This request message": "a method that a server does not know is no fault of the message",
    "22) Unexpected header in reply": "no Call-ID, From and To: JAIN SIP's parser does not ask for them",
    "3.1.1.8 Extra trailing octets": "the second request is not parted from the first by a Content-Length there",
    "3.1.1.13 Empty reason phrase": "the file writes the blank as <hex>20</hex>",
    "3.1.2.2 Content length larger": "left out above",
    "3.1.2.12 Invalid timezone": "a slight fault",
    "3.3.8 Multiple values": "a fault by RFC 4475 §3.3.8, not one of grammar to JAIN SIP",
}

# Those of osip that break no rule of ours; and those that it takes, and that break one all the same.
OSIP = {
    "sip-malformed0": "no Content-Length: on UDP none is needed (§18.3), and osip takes it, too",
    "sip-malformed4": "Content-Length alone: left out above",
    "sip-malformed7": "a semicolon in the user: allowed (RFC 4475 §3.1.1.9), and osip takes it, too",
    "sip-malformed22": "a multipart that is never closed: its message is whole",
    "sip37": "no Via",
    "sip44": "no Via",
    "sip52": "CSeq names another method",
    "sip70": "headers in the Request-URI (RFC 4475 §3.1.2.11)",
    "sip77": "SIP/7.0",
    "sip90": "CSeq names another method",
    "sip93": "found by fuzzing: no mandatory header",
    "sip94": "found by fuzzing: no mandatory header",
    "sip95": "found by fuzzing: no mandatory header",
}


def grave(raw: bytes) -> list[Fault]:
    return [fault for fault in faults(raw) if not fault.slight and fault.code not in _LENIENT]


def test_jain_sips_verdicts_are_ours_or_differ_for_a_reason(corpus: Path) -> None:
    text = (corpus / "messages/jsip/torture.xml").read_text(encoding="utf-8", errors="replace")
    differing = set()
    count = 0
    for case in text.split("<testcase>")[1:]:
        message = re.search(r"<message>\s*<!\[CDATA\[(.*?)\]\]>", case, re.DOTALL)
        about = re.search(r"<description>\s*(?:<!\[CDATA\[)?\s*(.*?)\s*(?:\]\]>)?\s*</desc", case, re.DOTALL)
        if message is None:
            continue
        count += 1
        if bool(grave(message[1].encode())) != ("expect-exception" in case):
            described = about[1] if about else message[1]
            differing.add(next((begin for begin in JAIN if described.startswith(begin)), described))
    assert count > 300
    assert differing == JAIN.keys()


def test_osips_verdicts_are_ours_or_differ_for_a_reason(corpus: Path) -> None:
    differing = set()
    for path in sorted((corpus / "messages/osip").glob("*.sip")):
        raw = path.read_bytes()
        if raw.startswith(b"expected_error"):
            raw = raw.partition(b"\n")[2]
        if bool(grave(raw)) != ("malformed" in path.stem):
            differing.add(path.stem)
    assert differing == OSIP.keys()


def test_messages_of_logs_and_seeds_are_taken(corpus: Path) -> None:
    """SIPp sends what its scenario says: two of these answer a NOTIFY with the CSeq of the SUBSCRIBE."""
    start = re.compile(rb"(?m)(?=^(?:[A-Z]+ sip:\S+ SIP/2\.0|SIP/2\.0 \d{3} )[^\n]*\n)")
    found = []
    for folder in ("sipp-trace", "acme", "aflnet", "pjsip-fuzz"):
        for path in sorted((corpus / "messages" / folder).iterdir()):
            for raw in start.split(path.read_bytes())[1:]:
                message = re.split(rb"(?m)^-{20,}", raw)[0]
                found += [(path.stem, fault.code) for fault in grave(message)]
    assert found == [("sipp_scenario_responder00-3", "cseq-mismatch"), ("sipp_scenario_responder01", "cseq-mismatch")]
