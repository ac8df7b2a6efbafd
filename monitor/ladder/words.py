"""The words of a ladder: labels of messages, durations, and text made safe to print."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from collectors.sip.timers import MILLISECOND, SECOND
from collectors.wire.events import SipEvent
from monitor.core.clocks import Clock
from monitor.ladder.values import Tone

_REASON = re.compile(rb"\s*SIP/2\.0[ \t]+\d+[ \t]*([^\r\n]*)", re.IGNORECASE)
_CREDENTIALS = re.compile(rb"\n(?:proxy-)?authorization[ \t]*:", re.IGNORECASE)
# The first line of every session description (RFC 4566 §5.1), also inside a multipart body.
_SDP: Final = b"\nv=0"
_CHALLENGES: Final = frozenset({401, 407})
_MAX_WORD: Final = 40
_MINUTE: Final = 60 * SECOND
_HOUR: Final = 60 * _MINUTE


def clean(text: str, limit: int = _MAX_WORD) -> str:
    """Printable text of at most `limit` characters: no control, bidirectional or surrogate characters."""
    shown = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def label(event: SipEvent) -> str:
    """ "INVITE (SDP)", "REGISTER (auth)", "200 (SDP)"; "malformed" where neither method nor status is known."""
    start = clean(event.method, 16) or (str(event.status) if event.status else "malformed")
    marks = [
        mark
        for mark, present in (
            ("SDP", _SDP in event.raw),
            ("auth", bool(event.method) and _CREDENTIALS.search(event.raw) is not None),
        )
        if present
    ]
    return f"{start} ({', '.join(marks)})" if marks else start


def detail(event: SipEvent) -> str:
    """What stands behind the label: the reason phrase and whose response it is, or what is wrong."""
    words = []
    if event.fault:
        words.append(event.fault.replace("-", " "))
    if event.status:
        reason = _REASON.match(event.raw)
        words.append(reason[1].decode("utf-8", "replace") if reason else "")
        words.append(event.cseq_method if event.cseq_method != "INVITE" else "")
    elif event.method == "INVITE" and event.to_tag:
        words.append("re-INVITE")
    return " · ".join(clean(word) for word in words if word)


def tone(event: SipEvent) -> Tone:
    """What kind of message it is."""
    if event.method:
        return Tone.REQUEST
    if event.status in _CHALLENGES:
        return Tone.CHALLENGE
    by_class = (Tone.MALFORMED, Tone.PROVISIONAL, Tone.SUCCESS, Tone.REDIRECT)
    return by_class[event.status // 100] if event.status < 400 else Tone.FAILURE


def duration(us: int) -> str:
    """A span of time for people: "12 ms", "3.50 s", "2 min 05 s", "1 h 02 min"."""
    us = max(0, us)
    if us < SECOND:
        return f"{us / MILLISECOND:.3g} ms" if us < 100 * MILLISECOND else f"{us // MILLISECOND} ms"
    if us < _MINUTE:
        return f"{us / SECOND:.2f} s" if us < 10 * SECOND else f"{us / SECOND:.1f} s"
    if us < _HOUR:
        return f"{us // _MINUTE} min {us % _MINUTE // SECOND:02d} s"
    return f"{us // _HOUR} h {us % _HOUR // _MINUTE:02d} min"


def clock_note(clock: Clock) -> str:
    """What was done about a clock: "edge-2's clock is 120.4 ms ahead of edge-1's (± 0.2 ms, by 14 messages …)"."""
    way = "ahead of" if clock.offset_us > 0 else "behind"
    doubt = "the time between them included" if clock.doubt_us is None else f"± {clock.doubt_us / 1000:.1f} ms"
    messages = f"{clock.messages} message{'' if clock.messages == 1 else 's'} that both saw"
    return (
        f"The clock of {clean(clock.collector)} is {abs(clock.offset_us) / 1000:.1f} ms {way} that of "
        f"{clean(clock.reference)} ({doubt}, by {messages}); its times are corrected here."
    )


def seconds(us: int) -> str:
    """The time column: seconds with three decimals, "0.512"."""
    return f"{us / SECOND:.3f}"


def absolute(us: int) -> str:
    """Wire time for people, "2026-11-22 08:41:58.123456 UTC"; plain seconds where the calendar ends."""
    try:
        return f"{datetime.fromtimestamp(0, UTC) + timedelta(microseconds=us):%Y-%m-%d %H:%M:%S.%f} UTC"
    except OverflowError:
        return f"{us / SECOND:.6f} s since 1970"


def clock(us: int) -> str:
    """The time of day in UTC, "08:41:58.123456", for the time column."""
    text = absolute(us)
    return text[11:-4] if text.endswith(" UTC") else text
