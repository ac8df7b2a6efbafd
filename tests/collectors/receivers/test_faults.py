"""Real traffic, held against the grammar: it breaks no rule but where somebody really broke one."""

from collections import defaultdict
from itertools import islice
from pathlib import Path

import pytest

from collectors.receivers.base import ReceiverError
from collectors.receivers.pcap_file import read_events
from collectors.sip.faults import faults

_MOST = 400  # different messages of a capture

# Beginning of a capture's name → why its messages are malformed, and the faults.
KNOWN = {
    "042": ("a toy that answers without any header", {"no-call-id", "no-cseq", "no-from", "no-to", "no-via"}),
    "045": ('an escape before the quotation marks: \\"arik\\"', {"bad-from"}),
    "048": ("the same", {"bad-from"}),
    "049": ("the same, and two To", {"bad-from", "repeated-header"}),
    "050": ("a path of files in Via", {"bad-via"}),
    "051": ("the same", {"bad-via"}),
    "052": ("made up by hand", {"no-contact"}),
    "055": ("a toy", {"no-call-id", "no-cseq", "no-from", "no-to", "no-via", "no-contact"}),
    "100": ("a toy", {"no-call-id", "no-cseq", "no-from", "no-to", "no-via", "no-contact"}),
    "101": ("a toy", {"no-call-id", "no-cseq", "no-from", "no-to", "no-via", "no-contact"}),
    "105": ("a toy", {"no-call-id", "no-cseq", "no-from", "no-to", "no-via"}),
    "131": ("IPv6 addresses without brackets", {"bad-request-uri", "bad-from", "bad-to", "bad-contact", "bad-via"}),
    "147": ("made for its Content-Length", {"bad-content-length", "no-contact"}),
    "148": ("made for its junk", {"no-call-id", "no-cseq", "no-from", "no-to", "no-via"}),
}
FUZZED = "115"  # any rule may be broken there


def test_real_messages_break_no_rule_but_those_that_are_known(corpus: Path) -> None:
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted((corpus / "captures").iterdir()):
        try:
            messages = dict.fromkeys(event.raw for event in islice(read_events(path), 4_000))
        except ReceiverError:
            continue
        for raw in islice(messages, _MOST):
            found[path.name[:3]] |= {fault.code for fault in faults(raw) if not fault.slight}
    assert len(found) > 100
    grave = {name: codes for name, codes in found.items() if codes and name != FUZZED}
    assert grave == {name: codes for name, (_, codes) in KNOWN.items()}


@pytest.mark.parametrize("name", KNOWN)
def test_each_of_them_is_in_the_corpus(corpus: Path, name: str) -> None:
    assert list((corpus / "captures").glob(f"{name}-*"))
