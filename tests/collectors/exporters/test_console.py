"""Events as JSON lines."""

import io
import json

from collectors.exporters.console import ConsoleExporter
from collectors.wire.events import SideEvent, SipEvent


def test_each_event_is_a_line_of_json_with_the_message_as_text() -> None:
    output = io.BytesIO()
    exporter = ConsoleExporter(output)
    exporter.start()
    event = SipEvent(1, 2, "192.0.2.1", 5060, "2001:db8::2", 5060, "udp", "edge/eth0", b"caf\xe9\r\n", method="INVITE")
    icmp = SideEvent(3, 3, "192.0.2.9", 0, "192.0.2.1", 0, "icmp", "edge/eth0", "icmp", text="port unreachable")
    exporter.export([event, event, icmp])
    exporter.export([])
    lines = [json.loads(line) for line in output.getvalue().splitlines()]
    assert lines[0] == lines[1]
    assert (lines[2]["kind"], lines[2]["text"]) == ("icmp", "port unreachable")
    assert (lines[0]["method"], lines[0]["destination"], lines[0]["raw"]) == ("INVITE", "2001:db8::2", "caf\ufffd\r\n")
    assert exporter.counters() == {"sent": 3}
    assert (exporter.backlog, exporter.has_room, exporter.losses()) == (0, True, [])
