"""The part of the report that is about sources, accounts and peers: what no single record tells."""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.padding import Padding
from rich.text import Text

from monitor import knowledge
from monitor.analyze.summary import SEVERITIES, counted
from monitor.analyze.tables import SIGNS, STYLES
from monitor.core.sources.values import SubjectFinding
from monitor.core.updates import FindingState
from monitor.ladder.words import absolute, clean

_SHOWN: Final = 20
_SHOWN_IDS: Final = 3


def standing(subjects: Sequence[SubjectFinding]) -> list[SubjectFinding]:
    """Those that were not cleared, the worst and surest first."""
    return sorted(
        (subject for subject in subjects if subject.finding.state != FindingState.CLEARED),
        key=lambda subject: (
            SEVERITIES.index(subject.finding.severity),
            subject.finding.state != FindingState.CONFIRMED,
            subject.finding.at_us,
        ),
    )


def lines(subjects: Sequence[SubjectFinding]) -> Iterator[Text | Padding]:
    """Each with its cause, what to do, and the newest records that show it; a title before them."""
    found = standing(subjects)
    if found:
        yield Text.assemble(
            ("\nAcross calls", "bold underline"), (f"  {counted(len(found), 'finding')} about sources and peers", "dim")
        )
    for subject in found[:_SHOWN]:
        yield from _subject(subject)
    if len(found) > _SHOWN:
        yield Text(f"… and {len(found) - _SHOWN:,} more: --json has all.", "dim")


def _subject(subject: SubjectFinding) -> Iterator[Text | Padding]:
    finding = subject.finding
    often = f" · {subject.count:,} times" if subject.count > 1 else ""
    yield Text.assemble(
        (f"\n{SIGNS[finding.severity]} {finding.code}", STYLES[finding.severity]),
        f"  {finding.severity}, {finding.state} · {subject.kind} {clean(subject.name, 120)}{often}",
    )
    yield _indented(Text(clean(finding.cause, 1000)))
    yield _indented(Text(f"→ {clean(finding.remedy, 1000)}", "italic"))
    if article := knowledge.finding(finding.code):
        likeliest = knowledge.ordered(article, finding.variant)[0]
        yield _indented(Text(f"likely: {likeliest.why} To be sure: {likeliest.confirm}".replace("`", ""), "dim"))
    span = f"{absolute(finding.at_us)} – {absolute(subject.last_us)}"
    yield _indented(Text(span if subject.last_us > finding.at_us else absolute(finding.at_us), "dim"))
    newest = ", ".join(clean(key.call_id, 60) or "(no Call-ID)" for key in subject.evidence[: -_SHOWN_IDS - 1 : -1])
    if newest:  # a connection that failed is of no record
        yield _indented(Text(f"shown by {newest}", "dim"))


def _indented(what: Text) -> Padding:
    return Padding(what, (0, 0, 0, 2), expand=False)
