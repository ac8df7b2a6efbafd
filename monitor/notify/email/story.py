"""What a mail tells of an alert, as a value: the rows behind it, and the evidence as a small ladder."""

from typing import Final

import msgspec

from collectors.sip.timers import SECOND
from monitor import knowledge, queries
from monitor.conf import load
from monitor.core.alerting.rules import DEFAULT_RULES
from monitor.core.updates import Finding, FindingState, Kind
from monitor.ladder.elide import excerpt
from monitor.ladder.layout import lay_out
from monitor.ladder.mail import write_html
from monitor.ladder.text import write
from monitor.ladder.words import clean
from monitor.models import Alert, AlertOccurrence

EXAMPLES: Final = 3
CAUSES: Final = 3
LADDER_ROWS: Final = 8
# A ladder is a picture of a few messages: a call that talks for hours needs not be read whole for it.
MESSAGES_READ: Final = 300
TEXT_WIDTH: Final = 78
_PAGES: Final = {Kind.CALL: "calls", Kind.REGISTRATION: "registrations", Kind.TRANSACTION: "transactions"}
_LONGEST_URI: Final = 80
_LONGEST_SENTENCE: Final = 600
_MINUTE: Final = 60
_HOUR: Final = 3600


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """One record that the alert counts."""

    at_us: int
    from_uri: str
    to_uri: str
    cause: str
    state: str
    url: str


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """What, where, since when, how often, the evidence, what to do, where to look."""

    event: str  # "opened", "escalated", "resolved"
    severity: str
    title: str
    summary: str
    remedy: str
    causes: tuple[tuple[str, str], ...]  # the likeliest: why, and how to be sure
    how_often: str  # "14 calls in 5 min"
    opened_us: int
    last_us: int
    resolved_us: int | None
    outcome: str  # how it ended, one sentence; "" while it has not
    examples: tuple[Example, ...]
    ladder_text: str
    ladder_html: str
    alert_url: str


def tell(alert: Alert, event: str) -> Story:
    """The story of an alert as it stands."""
    rule = next((rule for rule in DEFAULT_RULES if rule.name == alert.rule), None)
    cleared = alert.resolution == "cleared"
    occurrences = _newest(alert)
    ladder_text, ladder_html, finding = _evidence(occurrences)
    return Story(
        event=event,
        severity=alert.severity,
        title=clean(alert.title, _LONGEST_SENTENCE),
        summary=clean(alert.summary, _LONGEST_SENTENCE),
        remedy=alert.remedy,
        causes=_causes(finding, occurrences),
        how_often=_how_often(alert, rule.nouns(alert.count) if rule else f"{alert.count:,} times"),
        opened_us=alert.opened_us,
        last_us=alert.last_us,
        resolved_us=alert.resolved_us,
        outcome=_outcome(alert, rule.cleared if rule and cleared else ""),
        examples=tuple(_example(row) for row in occurrences),
        ladder_text=ladder_text,
        ladder_html=ladder_html,
        alert_url=f"{load().public_url}/alerts/{alert.pk}",
    )


def span(microseconds: int) -> str:
    """A time in one figure: "42 s", "5 min", "3 h"."""
    seconds = max(1, round(microseconds / SECOND))
    if seconds < 2 * _MINUTE:
        return f"{seconds} s"
    if seconds < 2 * _HOUR:
        return f"{round(seconds / _MINUTE)} min"
    return f"{round(seconds / _HOUR)} h"


def _how_often(alert: Alert, nouns: str) -> str:
    if alert.resolution == "cleared":
        return "all cleared"
    return nouns if alert.count <= 1 else f"{nouns} in {span(alert.last_us - alert.opened_us)}"


def _outcome(alert: Alert, cleared: str) -> str:
    if alert.resolved_us is None:
        return ""
    if cleared:
        return cleared
    return f"Nothing more came for {span(alert.resolved_us - alert.last_us)}."


def _newest(alert: Alert) -> list[AlertOccurrence]:
    """The newest records, each with one finding; those that stand before those that were taken back."""
    found: dict[str, AlertOccurrence] = {}
    rows = AlertOccurrence.objects.filter(alert=alert).order_by("-at_us", "-id")
    for row in rows.exclude(state=FindingState.CLEARED)[:20]:
        found[row.slug] = row  # the one that came first: what followed from it says less
    for row in rows.filter(state=FindingState.CLEARED)[:20]:
        found.setdefault(row.slug, row)
    return list(found.values())[:EXAMPLES]


def _example(row: AlertOccurrence) -> Example:
    page = _PAGES.get(Kind(row.kind)) if row.kind in set(Kind) else None
    return Example(
        at_us=row.at_us,
        from_uri=clean(row.from_uri, _LONGEST_URI),
        to_uri=clean(row.to_uri, _LONGEST_URI),
        cause=clean(row.cause, _LONGEST_SENTENCE),
        state=row.state,
        url=f"{load().public_url}/{page}/{row.slug}" if page else "",
    )


def _causes(finding: Finding | None, occurrences: list[AlertOccurrence]) -> tuple[tuple[str, str], ...]:
    """What the knowledge base thinks likeliest of the newest example, given the form that its finding has."""
    article = knowledge.finding(finding.code if finding else occurrences[0].code if occurrences else "")
    causes = knowledge.ordered(article, finding.variant if finding else "") if article else ()
    return tuple((_plain(cause.why), _plain(cause.confirm)) for cause in causes[:CAUSES])


def _plain(text: str) -> str:
    return text.replace("`", "")


def _evidence(occurrences: list[AlertOccurrence]) -> tuple[str, str, Finding | None]:
    """The newest example's ladder, as text and as HTML, and its finding; twice "" and None without messages."""
    for row in occurrences:
        record = queries.record(Kind(row.kind), row.slug, import_id=0) if row.kind in set(Kind) else None
        if record is None:
            continue
        findings = queries.findings(record)
        about = next((index for index, finding in enumerate(findings) if finding.code == row.code), None)
        messages = queries.messages(record, limit=MESSAGES_READ)
        if messages:
            ladder = excerpt(lay_out(messages, findings), rows=LADDER_ROWS, finding=about)
            finding = None if about is None else findings[about]
            return write(ladder, width=TEXT_WIDTH), write_html(ladder), finding
    return "", "", None
