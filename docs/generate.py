"""Writes the pages that are made from the code: `python docs/generate.py`, from the root of the repository.

`tests/test_docs.py` holds the pages to what this makes of the code.
"""

import sys
from collections.abc import Iterable, Mapping
from enum import Enum
from itertools import groupby
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from monitor import knowledge  # noqa: E402 - found from the root
from monitor.core.diagnosis import RULES  # noqa: E402 - as above
from monitor.core.diagnosis.refusal import Refusal, refusal  # noqa: E402 - as above
from monitor.core.diagnosis.rule import Rule  # noqa: E402 - as above
from monitor.core.dialog import DIALOG_TABLE, DialogState  # noqa: E402 - as above
from monitor.core.registration import OUTCOME_TABLE  # noqa: E402 - as above
from monitor.core.thresholds import THRESHOLDS  # noqa: E402 - as above
from monitor.core.transaction import INVITE_TABLE, NON_INVITE_TABLE, State  # noqa: E402 - as above
from monitor.core.updates import RegistrationOutcome as Outcome  # noqa: E402 - as above

Table = Mapping[tuple[Any, Any], tuple[Any, str]]

# What an input is called in a diagram.
WORDS: Mapping[str, Mapping[str, str]] = {
    "Input": {"REQUEST": "request", "PROVISIONAL": "1xx", "SUCCESS": "2xx", "FAILURE": "3xx–6xx", "ACK": "ACK"},
    "DialogInput": {"PROVISIONAL": "101–199", "SUCCESS": "2xx", "FAILURE": "3xx–6xx", "BYE": "BYE"},
    "RegistrationInput": {
        "SUCCESS": "2xx",
        "REMOVAL": "2xx to Expires 0",
        "CHALLENGE": "401, 407",
        "REFUSAL": "refusal, or a challenge to credentials",
        "SILENCE": "64·T1 without a final response",
        "EXPIRY": "the binding runs out",
    },
}


# --- docs/state-machines.md


MACHINES = """\
# State machines

Made from the tables in `monitor/core` by `docs/generate.py`; don't edit it here.

Offhook is a bystander: it observes what the machines of RFC 3261 do and enforces nothing. An input that
the RFC forbids moves a machine to what the message means, and is noted as an *anomaly* of the record.
Messages may arrive a little out of order; machines step in the order of their wire times. What changes
nothing is left out of the diagrams; *any* stands for every state.

{machines}
## Call

The state of a call is not stepped but computed from its last initial attempt, at the caller, and from its
dialogs (`monitor/core/call.py`): messages of many hops make it, and a 2xx outranks whatever else a fork
brought.
"""


def state_machines() -> str:
    """The page of the state tables."""
    machines = (
        *_machine("INVITE transaction", "transaction.py", "RFC 3261 §17, RFC 6026", State.CALLING, INVITE_TABLE),
        *_machine("Any other transaction", "transaction.py", "RFC 3261 §17", State.CALLING, NON_INVITE_TABLE),
        *_machine("Dialog", "dialog.py", "RFC 3261 §12, §15", DialogState.EARLY, _silent(DIALOG_TABLE)),
        *_machine("Registration", "registration.py", "RFC 3261 §10", Outcome.PENDING, _silent(OUTCOME_TABLE)),
    )
    return MACHINES.format(machines="\n".join(machines))


def _silent(table: Mapping[tuple[Any, Any], Any]) -> Table:
    """A table without anomalies in the form of those that have some."""
    return {key: (after, "") for key, after in table.items()}


def _machine(title: str, file: str, source: str, begin: Enum, table: Table) -> list[str]:
    lines = [f"## {title}", "", f"`monitor/core/{file}`, {source}.", "", "```mermaid", "stateDiagram-v2"]
    lines.append(f"    [*] --> {_name(begin)}")
    lines += _edges(table)
    lines += ["```", ""]
    anomalies = [(state, message, anomaly) for (state, message), (_, anomaly) in table.items() if anomaly]
    if anomalies:
        lines += ["| in state | input | anomaly |", "|---|---|---|"]
        lines += [f"| {_name(state)} | {_word(message)} | `{anomaly}` |" for state, message, anomaly in anomalies]
        lines.append("")
    return lines


def _edges(table: Table) -> list[str]:
    """Transitions; those that an input makes from every state come from one node, "any"."""
    states = list(dict.fromkeys(state for state, _ in table))
    everywhere = {}
    for message in dict.fromkeys(message for _, message in table):
        ends = {table[state, message][0] for state in states}
        if len(ends) == 1:
            everywhere[message] = ends.pop()
    labels: dict[tuple[str, str], list[str]] = {}
    for message, after in everywhere.items():
        labels.setdefault(("any", _name(after)), []).append(_word(message))
    for (state, message), (after, _) in table.items():
        if message not in everywhere and after is not state:
            labels.setdefault((_name(state), _name(after)), []).append(_word(message))
    return [f"    {state} --> {after}: {', '.join(words)}" for (state, after), words in labels.items()]


def _word(message: Enum) -> str:
    return WORDS[type(message).__name__][message.name]


def _name(state: Enum) -> str:
    return state.name.lower()


# --- docs/findings.md


FINDINGS = """\
# Findings

Made from the rules in `monitor/core/diagnosis` by `docs/generate.py`; don't edit it here.

A finding is one diagnosed fact: a stable code, a severity, a state, the evidence (which messages, which
hop), a cause in one sentence, and what to do about it. What is known of each (what users notice, why it happens,
how to be sure, how to mend it) comes from `monitor/knowledge`; pages and mails show it beside the finding, with the
causes that fit the evidence first, and `offhook explain CODE` prints it.

It is *suspected* as soon as there is a sign of it, *confirmed* when it is certain, and *cleared* when it
turns out to be repaired. What was seen acts at once. What was not seen is claimed only after its
deadline, and stays a suspicion where the collector lost messages meanwhile, or where the other side is
never seen to respond. 64·T1 is 32 s unless a peer's T1 says otherwise.

| code | severity |
|---|---|
{codes}

{rules}
## Classes of refusals

`rejected` and `registration-rejected` say what a refusal means, from its status, or, where that says more, from the
Reason header: its Q.850 cause, or the SIP status of which a gateway made another; or from a Warning about the session
description (300 to 307, 330, 331, 370).

| class | severity | statuses | Q.850 causes | what it means | what to do |
|---|---|---|---|---|---|
{classes}
"""


def findings() -> str:
    """The page of the catalogue."""
    return FINDINGS.format(
        codes="\n".join(f"| [`{rule.code}`](#{rule.code}) | {_severity(rule)} |" for rule in RULES),
        rules="\n".join(line for rule in RULES for line in _rule(rule)),
        classes="\n".join(_classes()),
    )


def _severity(rule: Rule) -> str:
    return "by class" if rule.code == "rejected" else str(rule.severity)


def _rule(rule: Rule) -> Iterable[str]:
    remedy = rule.remedy.format(client="the client", server="the server")
    yield from (f"## {rule.code}", "", f"**Severity:** {_severity(rule)}. **Source:** {rule.source}.", "")
    yield from (rule.when, "", f"**What to do:** {remedy}", "")
    article = knowledge.findings()[rule.code]
    yield from (f"**{article.title}.** {article.means}", "", f"**What users notice:** {article.users}", "")
    yield from ("| likely cause, the likeliest first | how to be sure | how to mend it |", "|---|---|---|")
    for cause in article.causes:
        form = f" *({', '.join(cause.variants)})*" if cause.variants else ""
        yield f"| {_cell(cause.why)}{form} | {_cell(cause.confirm)} | {_cell(cause.fix)} |"
    yield ""
    notes = [(name, article.products[key]) for key, name in knowledge.PRODUCTS.items() if key in article.products]
    yield from (f"* **{name}:** {note}" for name, note in notes)
    if notes:
        yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _classes() -> Iterable[str]:
    statuses: dict[Refusal, list[int]] = {}
    for status in range(300, 700):
        statuses.setdefault(refusal(status, ""), []).append(status)
    causes: dict[Refusal, list[int]] = {}
    for cause in range(1, 128):
        why = refusal(500, f"Q.850;cause={cause}")
        if why != refusal(500, ""):
            causes.setdefault(why, []).append(cause)
    for why in dict.fromkeys([*statuses, *causes]):
        of = statuses.get(why, [])
        yield (
            f"| {why.name} | {why.severity} | {_ranges(of)} | {_ranges(causes.get(why, []))} "
            f"| {why.meaning} | {why.remedy} |"
        )


def _ranges(numbers: list[int]) -> str:
    """[1, 3, 4, 5] → "1, 3–5"."""
    runs = [[number for _, number in run] for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])]
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)


# --- the end of docs/configuration.md


def configuration() -> str:
    """The page of the variables, written by hand, with the table of thresholds."""
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    by_hand, _, _ = page.partition("| variable |")
    rows = (
        f"| `OFFHOOK_{each.variable}` | {each.default:g} | {each.least:g} to {each.most:.0f} | {each.what} |"
        for each in THRESHOLDS
    )
    return "\n".join((f"{by_hand}| variable | default | bounds | decides |", "|---|---|---|---|", *rows, ""))


# --- docs/status-codes.md


STATUSES = """\
# Status codes

Made from `monitor/knowledge/statuses.toml` by `docs/generate.py`; `offhook explain 503` says the same.

| status | name | what it means in practice | where to look | class of `rejected` | source |
|---|---|---|---|---|---|
{rows}
"""


def status_codes() -> str:
    """The page of the status codes."""
    rows = (
        f"| {code} | {each.name} | {_cell(each.means)} | {_cell(each.look)} "
        f"| {refusal(code, '').name if code >= 300 else ''} | {each.source} |"
        for code, each in knowledge.statuses().items()
    )
    return STATUSES.format(rows="\n".join(rows))


PAGES = {
    "state-machines.md": state_machines,
    "findings.md": findings,
    "status-codes.md": status_codes,
    "configuration.md": configuration,
}

if __name__ == "__main__":
    for page, make in PAGES.items():
        (ROOT / "docs" / page).write_text(make(), encoding="utf-8")
