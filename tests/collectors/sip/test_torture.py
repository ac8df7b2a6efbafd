"""Messages that were made to test parsers: what is right has no fault, what is wrong is named, nothing raises."""

from pathlib import Path

import pytest

from collectors.sip.faults import faults
from collectors.sip.message import header, headers, looks_like_sip, parse
from tests.collectors.sip.torture import PAGE, Case, page, reading
from tests.collectors.sip.torture_cases import CASES

# Those of the RFCs' own messages that break a rule which `parse` asks for; the others are named when somebody asks.
FAULTS = {
    "badvers": "bad-start-line",
    "bigcode": "bad-status",
    "clerr": "truncated-body",
    "insuf": "no-call-id",
    "mismatch01": "cseq-mismatch",
    "mismatch02": "cseq-mismatch",
    "ncl": "bad-content-length",
    "test": "bad-start-line",  # of a draft before SIP/2.0
}


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_torture_message_gives_the_reading_that_the_rfc_asks_for(case: Case) -> None:
    assert looks_like_sip(case.raw)
    assert tuple(fault.code for fault in faults(case.raw)) == case.codes
    found = reading(case.raw)
    assert {name: found[name] for name in case.reads} == case.reads


def test_every_message_of_both_rfcs_has_a_case() -> None:
    assert (len(CASES), len({case.name for case in CASES})) == (61, 61)  # 49 of RFC 4475, 12 of RFC 5118


def test_the_page_of_torture_messages_says_what_is_so() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(CASES), "write it anew: python -m tests.collectors.sip.torture"


def test_the_rfcs_own_messages_are_judged_like_ours(corpus: Path) -> None:
    codes = {case.name: case.codes for case in CASES}
    files = [*(corpus / "messages/rfc4475").glob("*.dat"), *(corpus / "messages/rfc5118").glob("*.dat")]
    known = [file for file in files if file.stem in codes]
    assert len(known) >= 36
    for file in known:
        found = tuple(fault.code for fault in faults(file.read_bytes()))
        assert found[:1] == codes[file.stem][:1], file.stem


def test_the_torture_messages_have_the_faults_that_they_were_made_for(corpus: Path) -> None:
    files = [*(corpus / "messages/rfc4475").glob("*.dat"), *(corpus / "messages/rfc5118").glob("*.dat")]
    assert len(files) >= 37
    found = {file.stem: parse(file.read_bytes())[0] for file in files}
    assert {name: fault for name, fault in found.items() if fault} == FAULTS
    assert [file.stem for file in files if not looks_like_sip(file.read_bytes())] == ["test"]


def test_the_short_tortuous_invite_is_read_as_its_authors_mean_it(corpus: Path) -> None:
    raw = (corpus / "messages/rfc4475/wsinv.dat").read_bytes()
    fault, method, _, call_id, from_uri, from_tag, to_uri, to_tag, cseq, cseq_method, branch, vias, contact = parse(raw)
    assert (fault, method, call_id, cseq, cseq_method) == ("", "INVITE", "wsinv.ndaksdj@192.0.2.1", 9, "INVITE")
    assert (from_uri, from_tag) == ("sip:jdrosen@example.com", "98asjd8")
    assert (to_uri, to_tag) == ("sip:vivekg@chair-dnrc.example.com", "1918181833n")
    assert (branch, vias, contact) == ("390skdjuw", 3, "sip:jdrosen@example.com")
    assert header(raw, "max-forwards") == "0068"
    assert header(raw, "subject") == ""


def test_every_message_of_the_corpus_is_read(corpus: Path) -> None:
    files = [path for path in (corpus / "messages").rglob("*") if path.is_file()]
    assert len(files) > 100
    for file in files:
        raw = file.read_bytes()
        fields = parse(raw)
        assert all(header(raw, name) is not None for name, _ in headers(raw)) or not looks_like_sip(raw)
        assert len(fields) == 13
