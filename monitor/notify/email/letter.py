"""From a story to a letter (subject, text, HTML), and from a delivery to the mail that travels."""

from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Final

import msgspec
from django.template import Context, Engine

from monitor.conf import load
from monitor.models import Delivery
from monitor.notify.email.story import Story

_ENGINE: Final = Engine(dirs=[str(Path(__file__).parent / "templates")])
_LONGEST_SUBJECT: Final = 180
_LEAD: Final = {"opened": "{severity}", "escalated": "{severity}, growing", "resolved": "resolved"}
# Reads on white and on near-black alike; the word beside it says the same.
_COLOURS: Final = {"critical": "#d0453c", "major": "#d0453c", "minor": "#a8701c", "info": "#3f78d8"}
_RESOLVED: Final = "#1a8a63"
_QUIET: Final = "color:#77808b"
_SMALL: Final = "font-size:12px;line-height:16px"
_LINE: Final = "1px solid #8a929c"
# Mail clients drop style sheets; nothing paints a background, so that dark clients stay dark.
_CSS: Final = {
    # A wide ladder scrolls by itself: on a phone, all else stays as wide as the screen.
    "page": "width:100%;max-width:600px;table-layout:fixed;overflow-wrap:anywhere;text-align:left;"
    "font-size:14px;line-height:20px;"
    "font-family:system-ui,-apple-system,Segoe UI,Roboto,Helvetica,Arial,sans-serif",
    "lead": f"padding:0 0 4px;{_SMALL};font-weight:600;text-transform:uppercase",
    "title": "margin:0;font-size:20px;line-height:28px;font-weight:600",
    "summary": "padding:0 0 0 12px;border-left:3px solid",  # and the colour
    "figures": "padding:16px 0",
    "table": "font-size:14px;line-height:24px;font-variant-numeric:tabular-nums",
    "name": f"padding:0 16px 0 0;{_QUIET}",
    "head": f"padding:0 0 4px;{_SMALL};font-weight:600;{_QUIET}",
    "row": "padding:4px 0 16px",
    "cause": "padding:4px 0 8px",
    "wide": "max-width:100%;overflow-x:auto",
    "example": f"padding:4px 0 8px;border-top:{_LINE}",
    "quiet": _QUIET,
    "link": "color:#3f78d8",
    "button": "display:inline-block;padding:8px 16px;border:1px solid #3f78d8;border-radius:6px;color:#3f78d8;"
    "font-weight:600;text-decoration:none",
    "foot": f"padding:12px 0 0;border-top:{_LINE};{_SMALL};{_QUIET}",
}


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """What a mail says, in both forms."""

    subject: str
    text: str
    html: str


def write(story: Story) -> Letter:
    """The letter about an alert: `[Offhook] critical: missing ACK, proxy-1 → pbx-3 (14 calls in 5 min)`."""
    lead = _LEAD[story.event].format(severity=story.severity)
    context = {
        "css": _CSS,
        "story": story,
        "lead": lead,
        "colour": _RESOLVED if story.event == "resolved" else _COLOURS[story.severity],
        "opened": when(story.opened_us),
        "last": when(story.last_us),
        "resolved": when(story.resolved_us) if story.resolved_us is not None else "",
        "examples": [(when(example.at_us), example) for example in story.examples],
    }
    return Letter(
        subject=one_line(f"[Offhook] {lead}: {story.title} ({story.how_often})"),
        text=_ENGINE.get_template("alert.txt").render(Context(context, autoescape=False)).strip() + "\n",
        html=_ENGINE.get_template("alert.html").render(Context(context)),
    )


def test_letter() -> Letter:
    """The letter of `offhook send-test-email` and of the settings page's button."""
    context = {"css": _CSS, "url": load().public_url}
    return Letter(
        subject="[Offhook] test: mail arrives",
        text=_ENGINE.get_template("test.txt").render(Context(context, autoescape=False)).strip() + "\n",
        html=_ENGINE.get_template("test.html").render(Context(context)),
    )


def compose(delivery: Delivery, sender: str) -> EmailMessage:
    """The mail of a rendered delivery: the same at every attempt, save for who sends it.

    Later mails of an alert answer its first, so that mail programs show one thread.
    """
    message = EmailMessage()
    message["From"] = one_line(sender)
    message["To"] = one_line(delivery.recipient)
    message["Subject"] = delivery.subject
    message["Date"] = format_datetime(_moment(delivery.created_us))
    message["Message-ID"] = delivery.message_id
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    first = (
        Delivery.objects.filter(alert=delivery.alert, recipient=delivery.recipient, pk__lt=delivery.pk)
        .order_by("pk")
        .values_list("message_id", flat=True)
        .first()
        if delivery.alert
        else None
    )
    if first:
        message["In-Reply-To"] = message["References"] = first
    message.set_content(delivery.text)
    message.add_alternative(delivery.html, subtype="html")
    return message


def when(us: int) -> str:
    """A moment for people, with its zone."""
    return f"{_moment(us):%Y-%m-%d %H:%M:%S} UTC"


def one_line(text: str, limit: int = _LONGEST_SUBJECT) -> str:
    """Text that can stand in a header: no line breaks or control characters, of bounded length."""
    shown = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def _moment(us: int) -> datetime:
    return datetime.fromtimestamp(us / 1_000_000, UTC)
