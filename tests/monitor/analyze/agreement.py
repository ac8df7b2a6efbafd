"""What `offhook analyze` says of a capture of the corpus, against the truth that tshark told."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from monitor.analyze.document import build
from monitor.analyze.run import run
from monitor.core.diagnosis import RULES

Row = Mapping[str, str]

# The rules that exist so far; of the others EXPECTED.tsv is not asked.
CODES = frozenset(rule.code for rule in RULES)

# Outcome of TRUTH_CALLS → the states that mean the same. A time-out that fired makes silence a failure.
_STATES = {
    "answered": {"answered", "ended"},
    "cancelled": {"cancelled"},
    "no_final": {"ringing", "trying", "failed"},
    "no_response": {"trying", "failed"},
    "auth_incomplete": {"failed"},
}


def table(path: Path) -> list[Row]:
    """The rows of a tab-separated file with a head."""
    head, *lines = path.read_text(encoding="utf-8").split("\n")
    names = head.split("\t")
    return [dict(zip(names, line.split("\t"), strict=False)) for line in lines if line]


def disagreements(path: Path, truth: Row, calls: Sequence[Row], expected: Row) -> Iterator[tuple[str, str]]:
    """(what, "theirs … ours …") for each thing on which analyze and the truth differ."""
    document = build(run(path))
    yield from _totals(document, truth)
    ours = {call["call_id"]: call for call in document["calls"]}
    for theirs in calls:
        if theirs["call_id"] and (call := ours.get(theirs["call_id"])):
            yield from _call(call, theirs)
    yield from _findings(document, expected)


def _totals(document: dict[str, Any], truth: Row) -> Iterator[tuple[str, str]]:
    records = [*document["calls"], *document["registrations"], *document["transactions"]]
    outcomes = Counter(registration["outcome"] for registration in document["registrations"])
    ours = {
        "sip_msgs": document["messages"],
        "call_ids": len({record["call_id"] for record in records if record["call_id"]}),
        "inv_calls": len(document["calls"]),
        "answered": sum(call["answered"] for call in document["calls"]),
        "retrans": sum(record["retransmissions"] for record in records),
        "reg_calls": len(document["registrations"]),
        "reg_ok": outcomes["registered"] + outcomes["unregistered"],
        "reg_unreg": outcomes["unregistered"],
        "reg_failed + reg_rejected": outcomes["failed"],
        "reg_challenged": outcomes["challenged"],
        "reg_noresp": outcomes["unanswered"],
    }
    for name, value in ours.items():
        parts = name.split(" + ")
        if truth["transports"] == "hep" and not any(truth[part] for part in parts):
            continue  # of HEP, the truth knows messages and Call-IDs only
        theirs = sum(int(truth[part] or 0) for part in parts)
        if value != theirs:
            yield name, f"theirs {theirs} ours {value}"
    counted = sum(record["messages"] for record in records)
    if counted != document["messages"]:
        yield "messages of records", f"{counted} of {document['messages']}"


def _call(call: dict[str, Any], theirs: Row) -> Iterator[tuple[str, str]]:
    where = f"call {theirs['call_id'][:24]}"
    outcome, _, status = theirs["outcome"].partition(":")
    states = {"redirected"} if status.startswith("3") else _STATES.get(outcome, {"failed"})
    if call["state"] not in states or (status and call["status"] != int(status)):
        yield f"{where} outcome", f"theirs {theirs['outcome']} ours {call['state']} {call['status']}"
    if call["answered"] and call["acked"] is not (theirs["ok_noack"] == "0"):
        yield f"{where} acked", f"theirs ok_noack={theirs['ok_noack']} ours {call['acked']}"
    for ours, name in (("setup_ms", "setup_s"), ("duration_ms", "talk_s")):
        truth = float(theirs[name]) * 1000 if theirs[name] else None
        value = call[ours]
        if (truth is None) != (value is None) or (truth is not None and abs(truth - value) > 2):
            yield f"{where} {ours}", f"theirs {truth} ours {value}"


def _findings(document: dict[str, Any], expected: Row) -> Iterator[tuple[str, str]]:
    found = {
        (finding["code"], finding["state"])
        for findings in (
            document["findings"],
            *(record["findings"] for kind in ("calls", "registrations", "transactions") for record in document[kind]),
        )
        for finding in findings
    }
    for code in CODES.intersection(expected["must"].split()):
        if not {(code, "suspected"), (code, "confirmed")} & found:
            yield f"must {code}", "not found"
    must_not = expected["must_not"].split()
    for code, state in sorted(found):
        if state == "confirmed" and (code in must_not or "*" in must_not):
            yield f"must not {code}", state
    if "*" in must_not and document["messages"]:
        yield "must not *", f"{document['messages']} messages"
