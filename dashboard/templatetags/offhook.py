"""How pages write things: icons, times with zone and µs, durations, parties of a call, states in words."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

from monitor import knowledge
from monitor.core.sources.values import Subject
from monitor.core.updates import Kind

register = template.Library()

_KINDS: Final = frozenset(kind.value for kind in Kind)
_SUBJECTS: Final = frozenset(subject.value for subject in Subject)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Badge(NamedTuple):
    """A state in a word, with its tone (a class) and its icon."""

    word: str
    tone: str
    icon: str


BADGES: Final = {
    # calls
    "trying": Badge("Trying", "info", "dots"),
    "ringing": Badge("Ringing", "info", "ring"),
    "answered": Badge("Answered", "good", "talk"),
    "unseen": Badge("End not seen", "", "question"),
    "ended": Badge("Ended", "", "check"),
    "failed": Badge("Failed", "major", "cross"),
    "cancelled": Badge("Cancelled", "", "slash"),
    "redirected": Badge("Redirected", "info", "turn"),
    # registrations
    "pending": Badge("Pending", "info", "dots"),
    "registered": Badge("Registered", "good", "check"),
    "unregistered": Badge("Unregistered", "", "slash"),
    "challenged": Badge("Challenged", "minor", "key"),
    "unanswered": Badge("Unanswered", "major", "cross"),
    "expired": Badge("Expired", "major", "clock"),
    # severities
    "critical": Badge("Critical", "critical", "warn"),
    "major": Badge("Major", "major", "warn"),
    "minor": Badge("Minor", "minor", "diamond"),
    "info": Badge("Info", "info", "info"),
    # findings
    "suspected": Badge("Suspected", "", "question"),
    "confirmed": Badge("Confirmed", "", "check"),
    "cleared": Badge("Cleared", "good", "check"),
    # alerts
    "open": Badge("Open", "major", "warn"),
    "resolved": Badge("Resolved", "good", "check"),
    # streams
    "offered": Badge("Offered", "info", "dots"),
    "early": Badge("Early", "info", "ring"),
    "agreed": Badge("Agreed", "good", "check"),
    "rejected": Badge("Rejected", "minor", "slash"),
    "refused": Badge("Refused", "minor", "cross"),
    # files and mails
    "waiting": Badge("Waiting", "", "clock"),
    "running": Badge("Reading", "info", "dots"),
    "done": Badge("Done", "good", "check"),
    "sending": Badge("Sending", "info", "dots"),
    "sent": Badge("Sent", "good", "check"),
    "kept": Badge("Kept here", "", "imports"),
}


@register.simple_tag
def icon(name: str) -> SafeString:
    """One of the frame's symbols; words beside it say what it means."""
    return format_html('<svg class="icon" aria-hidden="true"><use href="#i-{}"/></svg>', name)


@register.simple_tag
def badge(state: str, word: str = "") -> SafeString:
    """A state as icon and word in its tone."""
    shown = BADGES.get(state) or Badge(state or "Unknown", "", "question")
    return format_html('<span class="badge {}">{}{}</span>', shown.tone, icon(shown.icon), word or shown.word)


@register.simple_tag
def when(us: int | None, style: str = "time") -> SafeString:
    """A time of µs since the epoch in the browser's zone; hover gives µs, zone and UTC.

    `style` is "time" (14:03:07), "ms" (14:03:07.123), "date" (22 Nov 14:03:07) or "full" (with year and zone).
    """
    if not us:
        return SafeString("–")
    moment = moment_of(us)
    local = timezone.localtime(moment)
    formats = {
        "time": f"{local:%H:%M:%S}",
        "ms": f"{local:%H:%M:%S}.{local.microsecond // 1000:03d}",
        "date": f"{local.day} {local:%b %H:%M:%S}",
        "full": f"{local.day} {local:%b %Y %H:%M:%S} {local:%Z}",
    }
    title = f"{local:%Y-%m-%d %H:%M:%S.%f} {local:%Z} · {moment:%Y-%m-%d %H:%M:%S.%f} UTC"
    return format_html(
        '<time datetime="{}" title="{}" data-us="{}">{}</time>',
        f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}",
        title,
        us,
        formats[style],
    )


@register.simple_tag
def page_of(kind: str, slug: str, import_id: int = 0) -> str:
    """The address of what a finding is about: a record, all sources, all collectors, what is kept."""
    if kind == "storage":
        return f"{reverse('settings')}#storage"
    if kind in _SUBJECTS:
        return f"{reverse('sources')}?{urlencode({'name': slug})}"
    if kind not in _KINDS:
        return reverse("collectors")
    return reverse(kind, args=[slug]) + (f"?import={import_id}" if import_id else "")


@register.simple_tag
def zone() -> str:
    """The name of the zone that times are shown in, now: "CET"."""
    return timezone.localtime().tzname() or "UTC"


@register.simple_tag
def since(us: int | None) -> SafeString:
    """How long ago, as a custom element that counts on by itself."""
    return format_html('<oh-age data-us="{}"></oh-age>', us) if us else SafeString("–")


@register.filter
def outcome(call: Mapping[str, Any]) -> str:
    """The state of a call as it is shown: one that was answered and is over, and whose end nobody saw, is "unseen"."""
    unseen = call["state"] == "answered" and not call["open"] and "dropped-at-32s" not in call["codes"]
    return "unseen" if unseen else str(call["state"])


@register.filter
def percent(value: float | None) -> str:
    """A ratio: 97.3 %."""
    return "–" if value is None else f"{value:.1f} %"


@register.filter
def duration(ms: float | None) -> str:
    """A span of time for people: 840 ms, 3.25 s, 12 min 05 s, 2 h 03 min."""
    if ms is None:
        return "–"
    if ms < 1000:
        return f"{ms:.0f} ms"
    seconds = ms / 1000
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    minutes, seconds = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {seconds:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


@register.filter
def span(until_us: int | None, from_us: int | None) -> str:
    """The duration between two times in µs."""
    return duration((until_us - from_us) / 1000) if until_us and from_us else "–"


@register.filter
def offset(us: int) -> str:
    """A difference of clocks: +3 ms, −1.20 s, under 1 ms."""
    if abs(us) < 1000:
        return "under 1 ms"
    return f"{'+' if us > 0 else '−'}{duration(abs(us) / 1000)}"


@register.filter
def number(value: float | None) -> str:
    """1284 → 1,284; nothing → –."""
    return "–" if value is None else f"{value:,}"


@register.filter
def octets(size: int | None) -> str:
    """A size for people: 312 B, 4.2 kB, 1.4 GB (powers of 1000)."""
    if size is None:
        return "–"
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return ""


@register.filter
def party(uri: str) -> SafeString:
    """sip:alice@example.com → alice at example.com, the host quieter; without a user the host alone."""
    user, host = split_uri(uri)
    if not user:
        return format_html('<span class="party" title="{}"><b>{}</b></span>', uri, host or "unknown")
    return format_html('<span class="party" title="{}"><b>{}</b><span>@{}</span></span>', uri, user, host)


@register.filter
def person(uri: str) -> str:
    """sip:alice@example.com → alice; without a user the host."""
    user, host = split_uri(uri)
    return user or host or "unknown"


@register.filter
def words(name: str) -> str:
    """kernel_drops → kernel drops."""
    return name.replace("_", " ")


@register.filter
def path(hops: Sequence[str]) -> str:
    """Hops as the way that they make: A>B, B>C, B>D → A → B → C, B → D."""
    ways: list[list[str]] = []
    for text in hops:
        source, _, destination = text.partition(">")
        if ways and ways[-1][-1] == source:
            ways[-1].append(destination)
        else:
            ways.append([source, destination])
    return ", ".join(" → ".join(way) for way in ways) or "–"


@register.filter
def hop(text: str) -> str:
    """10.0.0.1:5060>10.0.0.2:5060 → 10.0.0.1:5060 → 10.0.0.2:5060."""
    return text.replace(">", " → ")


def split_uri(uri: str) -> tuple[str, str]:
    """(user, host) of a SIP or tel URI, as far as it can be told."""
    rest = uri.partition(":")[2] if uri.partition(":")[0].lower() in ("sip", "sips", "tel") else uri
    user, at, host = rest.rpartition("@")
    if not at:
        return (rest, "") if uri[:4].lower() == "tel:" else ("", rest)
    return user, host


def moment_of(us: int) -> datetime:
    """The moment of µs since the epoch, exact; far times that Python can't hold become the epoch."""
    try:
        return _EPOCH + timedelta(microseconds=us)
    except OverflowError:
        return _EPOCH


@register.filter
def prose(text: str) -> SafeString:
    """A text of the knowledge base, its `code` as code."""
    parts = conditional_escape(text).split("`")
    return mark_safe("".join(f"<code>{part}</code>" if n % 2 else part for n, part in enumerate(parts)))  # noqa: S308 - escaped


@register.inclusion_tag("dashboard/parts/knowledge.html")
def why(code: str, variant: str = "") -> dict[str, Any]:
    """What is known of a finding: the causes that fit its form first."""
    article = knowledge.finding(code)
    if article is None:
        return {}
    notes = [(name, article.products[key]) for key, name in knowledge.PRODUCTS.items() if key in article.products]
    return {"article": article, "causes": knowledge.ordered(article, variant), "notes": notes, "variant": variant}
