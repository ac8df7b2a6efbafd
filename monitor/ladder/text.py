"""The ladder as text, for mails and terminals: one line a message, never wider than asked.

        0.000  │─── INVITE (SDP) ──►│                    │
        2.000  │                    │◄─ 200 (SDP) ×11 ───│  ▲ missing-ack confirmed, 32.0 s = 64·T1
               │                    │╌╌ ACK never came ╌✗│
               ┊                   32.0 s later          ┊

Where the lanes don't fit side by side, each line names both ends instead.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from monitor.core.updates import FindingState, Severity
from monitor.ladder.values import Absence, Arrow, Elision, Gap, Ladder, Pin, Row
from monitor.ladder.words import duration, seconds

_TIME: Final = 11  # columns of the time, with what separates it
_MIN_PITCH: Final = 17
_MAX_PITCH: Final = 34
_MIN_NOTE: Final = 24  # columns that a note at the end of a line needs; else it gets a line of its own


class Line(NamedTuple):
    """A line, and the row that it shows: None for lane heads and for notes below their row."""

    text: str
    row: Row | None


class _Glyphs(NamedTuple):
    lane: str
    broken: str
    shaft: str
    right: str
    left: str
    missing: str
    cross: str
    loop: str
    signs: dict[str, str]

    def sign(self, pin: Pin) -> str:
        return self.signs["cleared" if pin.state is FindingState.CLEARED else pin.severity.value]


_UNICODE: Final = _Glyphs(
    "│", "┊", "─", "►", "◄", "╌", "✗", "↺",
    {Severity.CRITICAL: "▲", Severity.MAJOR: "▲", Severity.MINOR: "◆", Severity.INFO: "●", "cleared": "✓"},
)  # fmt: skip
_ASCII: Final = _Glyphs(
    "|", ":", "-", ">", "<", ".", "x", "@",
    {Severity.CRITICAL: "!", Severity.MAJOR: "!", Severity.MINOR: "*", Severity.INFO: "i", "cleared": "+"},
)  # fmt: skip


def write(ladder: Ladder, *, width: int = 100, ascii_only: bool = False) -> str:
    """The whole text, lines joined by newlines, without trailing blanks."""
    return "\n".join(line.text for line in lines(ladder, width=width, ascii_only=ascii_only))


def lines(ladder: Ladder, *, width: int = 100, ascii_only: bool = False) -> Iterator[Line]:
    """The lines one by one, so that a terminal can colour them by what they show."""
    width = max(40, width)
    glyphs = _ASCII if ascii_only else _UNICODE
    canvas = _Canvas(ladder, width, glyphs)
    source = _side_by_side(ladder, canvas) if canvas.fits else _one_by_one(ladder, width, glyphs)
    for line in source:
        text = line.text[:width].rstrip()
        yield Line(text.translate(_TO_ASCII).encode("ascii", "replace").decode() if ascii_only else text, line.row)


_TO_ASCII: Final = str.maketrans({"×": "x", "·": "*", "…": "~", "–": "-"})


class _Canvas:
    """Columns of the lanes, and lines with the lanes drawn."""

    def __init__(self, ladder: Ladder, width: int, glyphs: _Glyphs) -> None:
        self.width = width
        self.glyphs = glyphs
        count = max(1, len(ladder.lanes))
        names = max((len(name) for lane in ladder.lanes for name in (lane.name, lane.address)), default=0)
        words = max((_needed(row) for row in ladder.rows if isinstance(row, Arrow | Absence)), default=0)
        # Half of a head stands out on either side of the outer lanes: the left half over the time column.
        room = (width - _TIME - 2) // count
        self.fits = room >= _MIN_PITCH
        self.pitch = max(_MIN_PITCH, min(max(words + 7, names + 2), _MAX_PITCH, room))
        self.first = max(_TIME, min(names, self.pitch - 2) // 2)
        self.end = self.first + (count - 1) * self.pitch + 1
        self._count = count

    def column(self, lane: int) -> int:
        return self.first + lane * self.pitch

    def blank(self, lane: str) -> list[str]:
        cells = [" "] * max(self.width, self.end)
        for index in range(self._count):
            cells[self.column(index)] = lane
        return cells

    def centred(self, cells: list[str], text: str, middle: int, room: int) -> None:
        text = _fit(text, room)
        start = max(0, middle - len(text) // 2)
        cells[start : start + len(text)] = text


def _side_by_side(ladder: Ladder, canvas: _Canvas) -> Iterator[Line]:
    for names in ([lane.name for lane in ladder.lanes], [_second(lane.name, lane.address) for lane in ladder.lanes]):
        cells = [" "] * max(canvas.width, canvas.end)
        for index, name in enumerate(names):
            canvas.centred(cells, name, canvas.column(index), canvas.pitch - 2)
        if any(names):
            yield Line("".join(cells), None)
    for row in ladder.rows:
        match row:
            case Arrow():
                yield from _arrow(row, ladder, canvas)
            case Absence():
                yield Line("".join(_absence(row, canvas)), row)
            case Gap() | Elision():
                cells = canvas.blank(canvas.glyphs.broken)
                middle = (canvas.first + canvas.end) // 2
                canvas.centred(cells, f" {_break_words(row)} ", middle, canvas.width - canvas.first)
                yield Line("".join(cells), row)


def _arrow(row: Arrow, ladder: Ladder, canvas: _Canvas) -> Iterator[Line]:
    cells = canvas.blank(canvas.glyphs.lane)
    _put_time(cells, row, ladder)
    start, end = canvas.column(row.source), canvas.column(row.destination)
    words = f" {row.label}{f' {row.times}' if row.times else ''} "
    if start == end:
        text = f"{canvas.glyphs.loop}{words}"
        cells[start + 1 : start + 1 + len(text)] = text
        cells = cells[: max(canvas.width, canvas.end)]
    else:
        low, high = min(start, end), max(start, end)
        if row.detail and len(words) + len(row.detail) + 1 < high - low - 4:
            words = f"{words}{row.detail} "
        cells[low + 1 : high] = canvas.glyphs.shaft * (high - low - 1)
        canvas.centred(cells, words, (low + high) // 2, high - low - 3)
        cells[end - 1 if end > start else end + 1] = canvas.glyphs.right if end > start else canvas.glyphs.left
    yield from _with_notes("".join(cells), row, canvas)


def _with_notes(text: str, row: Arrow, canvas: _Canvas) -> Iterator[Line]:
    """The pins at the end of the line, where there is room, else below it."""
    notes = [_note(pin, canvas.glyphs) for pin in row.pins]
    taken = max(canvas.end, len(text.rstrip())) + 2
    if notes and canvas.width - taken >= max(_MIN_NOTE, len(notes[0])):
        text = text[:taken] + notes.pop(0)
    yield Line(text, row)
    for note in notes:
        yield Line(f"{' ' * _TIME}{note}", None)


def _absence(row: Absence, canvas: _Canvas) -> list[str]:
    cells = canvas.blank(canvas.glyphs.lane)
    start, end = canvas.column(row.source), canvas.column(row.destination)
    if start == end:
        end = start + canvas.pitch
    low, high = min(start, end), max(start, end)
    cells[low + 1 : high] = canvas.glyphs.missing * (high - low - 1)
    canvas.centred(cells, f" {row.label} ", (low + high) // 2, high - low - 3)
    cells[end - 1 if end > start else end + 1] = canvas.glyphs.cross
    return cells


def _one_by_one(ladder: Ladder, width: int, glyphs: _Glyphs) -> Iterator[Line]:
    names = [lane.name for lane in ladder.lanes]
    column = min(max((len(name) for name in names), default=0), max(9, (width - _TIME - 20) // 2))
    for row in ladder.rows:
        match row:
            case Arrow():
                cells = [" "] * _TIME
                _put_time(cells, row, ladder)
                source, destination = _fit(names[row.source], column), _fit(names[row.destination], column)
                words = " ".join(word for word in (row.label, row.times, row.detail) if word)
                yield Line(f"{''.join(cells)}{source:<{column}} {glyphs.right} {destination:<{column}}  {words}", row)
                for pin in row.pins:
                    yield Line(f"{' ' * _TIME}{_note(pin, glyphs)}", None)
            case Absence():
                source, destination = _fit(names[row.source], column), _fit(names[row.destination], column)
                ends = f"{source:<{column}} {glyphs.cross} {destination:<{column}}"
                yield Line(f"{' ' * _TIME}{ends}  {row.label}", row)
            case Gap() | Elision():
                yield Line(f"{' ' * _TIME}{glyphs.broken} {_break_words(row)}", row)


def _put_time(cells: list[str], row: Arrow, ladder: Ladder) -> None:
    text = f"{seconds(row.at_us - ladder.first_us):>{_TIME - 2}}"[: _TIME - 1]
    cells[: len(text)] = text


def _break_words(row: Gap | Elision) -> str:
    if isinstance(row, Gap):
        return f"{duration(row.duration_us)} later"
    return f"{row.messages:,} message{'' if row.messages == 1 else 's'} not shown"


def _note(pin: Pin, glyphs: _Glyphs) -> str:
    return f"{glyphs.sign(pin)} {pin.code} {pin.state.value}{f', {pin.timer}' if pin.timer else ''}"


def _needed(row: Arrow | Absence) -> int:
    words = f"{row.label} {row.times}" if isinstance(row, Arrow) else row.label
    return len(words) // (abs(row.source - row.destination) or 1)


def _second(name: str, address: str) -> str:
    return address if address != name else ""


def _fit(text: str, room: int) -> str:
    room = max(2, room)
    return text if len(text) <= room else text[: room - 1] + "…"
