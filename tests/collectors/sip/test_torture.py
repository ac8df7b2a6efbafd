"""Messages that others made to test parsers: what is right has no fault, and nothing raises (RFC 4475, RFC 5118)."""

from pathlib import Path

from collectors.sip.message import header, headers, looks_like_sip, parse

# Those that break a rule that `parse` asks for. The other broken ones break rules that a bystander can't hold
# against the call: an escape in a URI, a missing Max-Forwards, two values where one is allowed.
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
