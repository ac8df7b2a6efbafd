"""The ladder as an HTML fragment for mails: one table with inline styles, since mail clients drop SVG and style sheets.

Dark-mode safe: text takes the client's own colour, or one with a contrast of 4.5:1 on white and on black
alike; nothing paints a background, and every sign is a character as well as a colour.
"""

from collections.abc import Iterator
from html import escape
from typing import Final

from monitor.core.updates import FindingState, Severity
from monitor.ladder.svg import describe
from monitor.ladder.values import Absence, Arrow, Elision, Gap, Ladder, Pin, Row, Tone
from monitor.ladder.words import duration, seconds

_BORDER: Final = "1px solid #8a929c"
_QUIET: Final = "opacity:.72"  # of whatever colour text has there
_RED: Final = "#d0453c"
_TONES: Final = {
    Tone.SUCCESS: "#1c8560",
    Tone.REDIRECT: "#3b74d6",
    Tone.CHALLENGE: "#3b74d6",
    Tone.FAILURE: _RED,
    Tone.MALFORMED: _RED,
}
_SEVERITIES: Final = {
    Severity.CRITICAL: _RED,
    Severity.MAJOR: _RED,
    Severity.MINOR: "#9f6b14",
    Severity.INFO: "#3b74d6",
}
_FONT: Final = "font-family:ui-monospace,Consolas,Menlo,'DejaVu Sans Mono',monospace;font-size:12px;line-height:16px"
_CELL: Final = "padding:3px 0;white-space:nowrap;mso-line-height-rule:exactly"
_HEAD: Final = "padding:0 0 6px;overflow:hidden"
_RULER: Final = "padding:0;height:0;font-size:0;line-height:0"
_CHARACTER_PX: Final = 7.25  # advance of the font above
# Shaft, head to the right, head to the left.
_ARROW: Final = ("&#9472;", "&#9654;", "&#9664;")
_MISSING: Final = ("&#9548;", "&#10007;", "&#10007;")


def write_html(ladder: Ladder) -> str:
    """A `<table>`: give it an `excerpt`, of which it shows every row; some 600 px wide with up to four lanes.

    A lane is the border between two half columns: lane i stands between columns 2·i and 2·i+1.
    """
    width = 64 + 2 * len(ladder.lanes) * _half_width(len(ladder.lanes))
    rows = "".join("".join(_row(row, ladder)) for row in ladder.rows)
    return (
        f'<table role="img" aria-label="{escape(describe(ladder))}" cellpadding="0" cellspacing="0" border="0" '
        f'style="border-collapse:collapse;table-layout:fixed;width:{width}px;{_FONT}">{"".join(_heads(ladder))}{rows}</table>'
    )


def _pitch(lanes: int) -> int:
    """Characters between two lanes."""
    return max(14, min(24, int(536 / _CHARACTER_PX) // max(1, lanes)))


def _half_width(lanes: int) -> int:
    return round(_pitch(lanes) * _CHARACTER_PX / 2)


def _heads(ladder: Ladder) -> Iterator[str]:
    half = _half_width(len(ladder.lanes))
    # Widths count in the first row only: without it each client would spread the columns its own way.
    ruler = "".join(f'<td width="{half}" style="{_RULER};width:{half}px"></td>' for _ in range(2 * len(ladder.lanes)))
    yield f'<tr><td width="64" style="{_RULER};width:64px"></td>{ruler}</tr><tr><td></td>'
    room = _pitch(len(ladder.lanes)) - 1
    for lane in ladder.lanes:
        named = lane.address and lane.address != lane.name
        words = f"<b>{_fit(lane.name, room)}</b>"
        if named:
            words += f'<br><span style="{_QUIET}">{_fit(lane.address, room)}</span>'
        yield f'<td colspan="2" align="center" valign="bottom" style="{_HEAD}">{words}</td>'
    yield "</tr>"


def _row(row: Row, ladder: Ladder) -> Iterator[str]:
    match row:
        case Arrow():
            yield f'<tr><td align="right" style="{_CELL};padding-right:8px;{_QUIET}">'
            yield f"{seconds(row.at_us - ladder.first_us)}</td>"
            colour = _TONES.get(row.tone, "")
            yield from _lanes(row, len(ladder.lanes), colour, _ARROW)
            yield "</tr>"
            for pin in row.pins:
                yield f'<tr><td></td><td colspan="{2 * len(ladder.lanes)}" style="{_CELL}">{_pin(pin)}</td></tr>'
        case Absence():
            yield f'<tr><td style="{_CELL}"></td>'
            yield from _lanes(row, len(ladder.lanes), _SEVERITIES[row.severity], _MISSING)
            yield "</tr>"
        case Gap() | Elision():
            yield f'<tr><td style="{_CELL}"></td><td colspan="{2 * len(ladder.lanes)}" align="center" '
            yield f'style="{_CELL};{_QUIET}"><i>{_break_words(row)}</i></td></tr>'


def _lanes(row: Arrow | Absence, count: int, colour: str, glyphs: tuple[str, str, str]) -> Iterator[str]:
    """The cells between the time and the pins: lanes as borders, the arrow over the columns that it crosses."""
    low, high = sorted((row.source, row.destination))
    style = f"{_CELL};{f'color:{colour};' if colour else ''}border-left:{_BORDER}"
    yield from (_half(column) for column in range(2 * low + 1))
    if low == high:
        yield f'<td align="center" style="{style}">&#8634;&nbsp;<b>{escape(row.label)}</b></td>'
        yield from (_half(column) for column in range(2 * low + 2, 2 * count))
        return
    arrow = _arrow(row, (high - low) * _pitch(count) - 2, glyphs)
    yield f'<td colspan="{2 * (high - low)}" align="center" style="{style};border-right:{_BORDER}">{arrow}</td>'
    yield from (_half(column) for column in range(2 * high + 1, 2 * count))


def _arrow(row: Arrow | Absence, room: int, glyphs: tuple[str, str, str]) -> str:
    """The words in the middle of a shaft of `room` characters."""
    shaft, right, left = glyphs
    times = row.times if isinstance(row, Arrow) else ""
    rest = max(2, room - len(row.label) - len(times) - 4)
    before, after = rest // 2 * shaft, (rest - rest // 2) * shaft
    words = f"&nbsp;<b>{escape(row.label)}</b>{f'&nbsp;{times}' if times else ''}&nbsp;"
    return f"{before}{words}{after}{right}" if row.source < row.destination else f"{left}{before}{words}{after}"


def _half(column: int) -> str:
    """An empty half column; the odd ones begin at a lane."""
    side = f"border-left:{_BORDER}" if column % 2 else f"border-right:{_BORDER}"
    return f'<td style="{_CELL};{side}">&nbsp;</td>'


def _pin(pin: Pin) -> str:
    sign = "&#10003;" if pin.state is FindingState.CLEARED else "&#9650;"
    timer = f", {escape(pin.timer)}" if pin.timer else ""
    return (
        f'<span style="color:{_SEVERITIES[pin.severity]}">{sign} <b>{escape(pin.code)}</b></span> '
        f'<span style="{_QUIET}">{pin.state.value}{timer}</span>'
    )


def _break_words(row: Gap | Elision) -> str:
    if isinstance(row, Gap):
        return f"{escape(duration(row.duration_us))} later"
    return f"{row.messages:,} message{'' if row.messages == 1 else 's'} not shown"


def _fit(name: str, room: int) -> str:
    return escape(name if len(name) <= room else f"{name[: room - 1]}…")
