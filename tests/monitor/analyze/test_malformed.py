"""The whole way of a malformed request: from the octets of a file to a sentence with the line quoted."""

from pathlib import Path
from typing import Any

from monitor.analyze.document import build
from monitor.analyze.run import run
from tests.collectors.sip.torture import message
from tests.monitor.analyze.files import written

INVITE = "INVITE sip:user@example.com SIP/2.0"
REFUSAL = message("SIP/2.0 400 Bad From header", "CSeq: 7 INVITE")


def findings(path: Path) -> list[dict[str, Any]]:
    document = build(run(path))
    records = (*document["calls"], *document["registrations"], *document["transactions"])
    return [finding for record in records for finding in record["findings"] if finding["code"] == "malformed"]


def test_a_line_that_a_server_refuses_is_quoted_without_its_password(tmp_path: Path) -> None:
    request = message(INVITE, "From: Bell, Alexander <sip:alexander:secret@example.net>;tag=f1")
    (finding,) = findings(
        written(
            tmp_path,
            [(0, message("OPTIONS sip:user@example.com SIP/2.0", "Call-ID: other")), (1, request), (1.1, REFUSAL)],
        )
    )
    assert (finding["severity"], finding["state"], list(finding["messages"])) == ("major", "confirmed", [2, 3])
    assert finding["cause"] == (
        "192.0.2.1:5060 sent a malformed INVITE: From has a display name that needs quotation marks (RFC 3261 §20.20): "
        "“From: Bell, Alexander <sip:alexander:xxxxxx@example.net>;tag=f1”. "
        "192.0.2.2:5060 refused it with 400 Bad From header."
    )


def test_the_same_line_that_a_server_takes_is_no_finding(tmp_path: Path) -> None:
    request = message(INVITE, "From: Bell, Alexander <sip:alexander:secret@example.net>;tag=f1")
    assert findings(written(tmp_path, [(1, request), (1.1, message("SIP/2.0 180 Ringing", "CSeq: 7 INVITE"))])) == []
