"""`offhook analyze` agrees with the truth of the corpus on every capture that it can read."""

from collections import defaultdict
from pathlib import Path

import pytest

from collectors.receivers.base import ReceiverError
from monitor.analyze.run import run
from tests.monitor.analyze.agreement import Row, disagreements, table
from tests.support.environment import corpus_path

CORPUS = corpus_path()
TRUTH = table(CORPUS / "TRUTH.tsv") if (CORPUS / "TRUTH.tsv").exists() else []

# Where we differ from tshark for a good reason: capture → {what, or "*" for anything: why}.
KNOWN: dict[str, dict[str, str]] = {
    "captures/115-fuzz-2006-06-26-2594.pcap": {
        "*": "every byte may be wrong here: we take four messages more for SIP than tshark does (a status line with a "
        "letter in its code, a method with one), and tell INVITEs and REGISTERs without a Call-ID apart by sender",
    },
    "captures/121-ipsec_reg.pcapng": {
        "sip_msgs": "a 200 in two fragments was captured three times, in two tunnels and outside: we join each, tshark "
        "the first",
    },
    "captures/124-nonipsec_to_ipsec_call.pcapng": {
        "sip_msgs": "segments were captured three times, in two tunnels and outside, as datagrams were: tshark takes "
        "two of them for retransmissions of TCP, and gives their messages once",
    },
    "captures/125-volte.pcapng": {
        "sip_msgs": "as in 124; and three copies of a 200 in fragments, as in 121",
    },
}

# No capture format that we read; the error says what it is instead.
UNREADABLE = {"captures/036-c07-sip-r2.cap": "Network Monitor"}

READABLE = [truth for truth in TRUTH if truth["file"] not in UNREADABLE]


@pytest.fixture(scope="module")
def calls(corpus: Path) -> dict[str, list[Row]]:
    found = defaultdict(list)
    for row in table(corpus / "TRUTH_CALLS.tsv"):
        found[row["file"]].append(row)
    return found


@pytest.fixture(scope="module")
def expected(corpus: Path) -> dict[str, Row]:
    return {row["file"]: row for row in table(corpus / "EXPECTED.tsv")}


@pytest.mark.parametrize("truth", READABLE or [None], ids=[row["file"] for row in READABLE] or ["corpus"])
def test_analyze_agrees_with_the_truth_of(
    corpus: Path, truth: Row, calls: dict[str, list[Row]], expected: dict[str, Row]
) -> None:
    name = truth["file"]
    known = KNOWN.get(name, {})
    found = dict(disagreements(corpus / name, truth, calls[name], expected[name]))
    unknown = {what: how for what, how in found.items() if what not in known and "*" not in known}
    assert not unknown, "\n".join(f"{name}: {what}: {how}" for what, how in unknown.items())
    assert all(found if what == "*" else what in found for what in known), (
        "no difference any more: take it out of KNOWN"
    )


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_no_capture_format_of_ours_is_named(corpus: Path, name: str) -> None:
    with pytest.raises(ReceiverError, match=UNREADABLE[name]):
        run(corpus / name)
