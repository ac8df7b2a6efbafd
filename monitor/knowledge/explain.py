"""`offhook explain CODE|STATUS`: what the knowledge base says, for a terminal."""

import difflib
import textwrap
from collections.abc import Iterator, Mapping
from typing import Final

from monitor.core.diagnosis import RULES
from monitor.core.diagnosis.refusal import Refusal, refusal
from monitor.core.diagnosis.rule import Rule
from monitor.knowledge.library import findings, statuses
from monitor.knowledge.values import PRODUCTS, Article, Status

_WIDTH: Final = 92
_LABEL: Final = 12
_RULES: Final[Mapping[str, Rule]] = {rule.code: rule for rule in RULES}


def explain(topic: str) -> str | None:
    """The text about a finding's code or a status code; None when there is no such thing."""
    topic = topic.strip().lower()
    if topic in findings():
        return "\n".join(_finding(topic, findings()[topic]))
    if topic.isascii() and topic.isdigit() and int(topic) in statuses():
        return "\n".join(_status(int(topic), statuses()[int(topic)]))
    return None


def alike(topic: str) -> list[str]:
    """Topics that somebody may have meant."""
    topics = [*findings(), *map(str, statuses())]
    return difflib.get_close_matches(topic.lower(), topics, n=3, cutoff=0.5)


def overview() -> str:
    """All topics, a line each."""
    wide = max(map(len, findings()))
    lines = ["Findings", *(f"  {code:<{wide}}  {article.title}" for code, article in findings().items())]
    lines += ["", "Status codes", *(f"  {code}  {status.name}" for code, status in statuses().items())]
    return "\n".join(lines)


def _finding(code: str, article: Article) -> Iterator[str]:
    rule = _RULES.get(code)
    yield f"{code}: {article.title}"
    yield ""
    yield from _labelled("means", article.means)
    yield from _labelled("users see", article.users)
    if rule is not None:
        yield from _labelled("severity", str(rule.severity))
        yield from _labelled("fires when", rule.when)
        yield from _labelled("source", rule.source)
    yield ""
    yield "Likely causes, the likeliest first"
    for number, cause in enumerate(article.causes, 1):
        yield from _wrapped(cause.why, f"{number:>3}. ")
        yield from _wrapped(f"confirm: {cause.confirm}", "     ")
        yield from _wrapped(f"fix: {cause.fix}", "     ")
    if article.products:
        yield ""
        yield "Where to look"
        for product, name in PRODUCTS.items():
            if product in article.products:
                yield from _wrapped(f"{name}: {article.products[product]}", "  ")


def _status(code: int, status: Status) -> Iterator[str]:
    yield f"{code} {status.name}"
    yield ""
    yield from _labelled("means", status.means)
    if status.look:
        yield from _labelled("look at", status.look)
    yield from _labelled("source", status.source)
    if code >= 300:
        yield from _class(refusal(code, ""))


def _class(why: Refusal) -> Iterator[str]:
    yield ""
    yield from _labelled("class", f"{why.name}: {why.meaning}")
    yield from _labelled("what to do", why.remedy)


def _labelled(label: str, text: str) -> Iterator[str]:
    yield from _wrapped(text, f"{label:<{_LABEL}}")


def _wrapped(text: str, begin: str) -> Iterator[str]:
    yield from textwrap.wrap(
        text, _WIDTH, initial_indent=begin, subsequent_indent=" " * len(begin), break_on_hyphens=False
    )
