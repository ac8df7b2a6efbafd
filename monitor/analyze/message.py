"""One message of a capture file, as it was sent, and what it says."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from collectors.receivers.pcap_file import read_events
from collectors.sip.faults import CUT_FAULT
from collectors.sip.says import says
from collectors.wire.events import SipEvent
from monitor.core.hop import endpoint
from monitor.ladder.words import absolute, clean

_LONGEST_LINE = 2_000  # characters of a line that are shown


def find(path: str | Path, number: int, key_log: str = "") -> SipEvent | None:
    """The message with this 1-based ordinal, without its secrets; None where there are not so many.

    `key_log` is a file of TLS secrets (SSLKEYLOGFILE).

    Raises `ReceiverError` when the file can't be read or is no capture.
    """
    return next(islice(read_events(path, key_log=key_log), number - 1, None), None)


def lines(number: int, event: SipEvent) -> Iterator[str]:
    """What is printed of it."""
    source = endpoint(event.source, event.source_port)
    destination = endpoint(event.destination, event.destination_port)
    yield f"message {number}: {absolute(event.captured_us)}, {source} → {destination}, {event.transport.upper()}"
    yield ""
    text = event.raw.decode("utf-8", "backslashreplace").replace("\r\n", "\n").rstrip("\n")
    yield from (clean(line, _LONGEST_LINE) for line in text.split("\n"))
    statements = says(event.raw, event.captured_us, cut=event.fault == CUT_FAULT)
    if statements:
        yield ""
        yield "What this message says:"
        yield from (f"  {each.about}: {clean(each.text, _LONGEST_LINE)}" for each in statements)
