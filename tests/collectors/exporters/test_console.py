"""Events as JSON lines."""

import io
import json

from collectors.exporters.console import ConsoleExporter
from collectors.wire.events import SipEvent


def test_each_event_is_a_line_of_json_with_the_message_as_text() -> None:
    output = io.BytesIO()
    exporter = ConsoleExporter(output)
    exporter.start()
    event = SipEvent(1, 2, "192.0.2.1", 5060, "2001:db8::2", 5060, "udp", "edge/eth0", b"caf\xe9\r\n", method="INVITE")
    exporter.export([event, event])
    exporter.export([])
    lines = [json.loads(line) for line in output.getvalue().splitlines()]
    assert lines[0] == lines[1]
    assert (lines[0]["method"], lines[0]["destination"], lines[0]["raw"]) == ("INVITE", "2001:db8::2", "caf\ufffd\r\n")
    assert exporter.counters() == {"sent": 2}
    assert (exporter.backlog, exporter.has_room, exporter.losses()) == (0, True, [])
