"""Where everything of a ladder stands on a page, in CSS pixels."""

from itertools import accumulate
from typing import Final, TypeGuard

import msgspec

from monitor.core.updates import FindingState
from monitor.ladder.values import Absence, Arrow, Ladder, Pin, Row

# Advance width of a monospaced character, as a share of the font size: 0.6 em in all common fonts.
EM: Final = 0.602


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """The measures of a variant."""

    font: float = 12
    time_width: int = 100  # fits a time of day in ms
    min_pitch: int = 148  # between two lanes
    max_pitch: int = 236
    room: int = 450  # that all lanes share, before a label is cut rather than that they go further apart
    lift: int = 6  # of words over their arrow
    arrow: int = 36  # heights of rows
    under: int = 10  # more for a row with a note under its arrow
    absence: int = 36
    break_: int = 24
    pin_line: int = 17
    pins_width: int = 420  # at most
    pad: int = 8
    head: int = 52

    def width_of(self, text: str) -> float:
        return len(text) * self.font * EM


FULL: Final = Scale()
MINI: Final = Scale(
    font=10,
    time_width=0,
    min_pitch=96,
    max_pitch=150,
    room=450,
    lift=4,
    arrow=24,
    under=0,
    absence=24,
    break_=14,
    pin_line=12,
    pins_width=0,  # signs only, within the margin
    pad=4,
    head=20,
)


class Geometry:
    """Positions of lanes and rows of one ladder at one scale."""

    def __init__(self, ladder: Ladder, scale: Scale = FULL) -> None:
        self.scale = scale
        self._lanes = max(1, len(ladder.lanes))
        self.pitch = _pitch(ladder, scale)
        self.head_width = min(_widest_name(ladder, scale), self.pitch - scale.font)
        self._margin = int(self.head_width) // 2 + 6
        heights = [height(row, scale) for row in ladder.rows]
        self.heights = heights
        self.tops = list(accumulate(heights, initial=scale.pad))[:-1]
        self.body_height = sum(heights) + 2 * scale.pad
        last = self._lanes - 1
        loops = (scale.width_of(_words(row)) + 48 for row in ladder.rows if _is_loop_at(row, last))
        # Pins stand right of the last lane and what loops there, under the half of its head.
        self.pins = self.lane(last) + int(max(loops, default=28))
        notes = (note for row in ladder.rows if isinstance(row, Arrow) for pin in row.pins for note in pin_words(pin))
        widest = max((scale.width_of(note) for note in notes), default=0)
        room_for_pins = min(int(widest) + 32, scale.pins_width) if scale.time_width else scale.pins_width
        self.width = max(self.lane(last) + self._margin, self.pins + (room_for_pins if widest else 0))

    def lane(self, index: int) -> int:
        """The x of a lane."""
        return self.scale.time_width + self._margin + index * self.pitch

    def line(self, row: int) -> int:
        """The y of an arrow's line; of a lower row its bottom."""
        return self.tops[row] + min(self.baseline, self.heights[row])

    @property
    def baseline(self) -> int:
        """From the top of a row to its arrow's line."""
        return self.scale.arrow * 7 // 10

    def room(self, source: int, destination: int) -> int:
        """How many characters fit over an arrow."""
        width = abs(self.lane(source) - self.lane(destination)) or self.pitch
        return max(3, int((width - 2 * self.scale.font) / (self.scale.font * EM)))


def height(row: Row, scale: Scale) -> int:
    """Of a row, so that its note and its pins have room."""
    match row:
        case Arrow():
            tall = scale.arrow + (scale.under if row.count > 1 else 0)
            lines = sum(2 if pin.timer else 1 for pin in row.pins)
            return max(tall, scale.arrow // 2 + lines * scale.pin_line) if scale.pins_width else tall
        case Absence():
            return scale.absence
    return scale.break_


def _pitch(ladder: Ladder, scale: Scale) -> int:
    """Wide enough for most labels between two neighbours, within the scale's bounds."""
    wanted = max(
        (
            scale.width_of(_words(row)) / (abs(row.source - row.destination) or 1)
            for row in ladder.rows
            if isinstance(row, Arrow | Absence)
        ),
        default=0,
    )
    names = _widest_name(ladder, scale)
    widest = min(wanted + 3 * scale.font, scale.room / max(1, len(ladder.lanes) - 1))
    bounded = min(max(widest, names + scale.font, scale.min_pitch), scale.max_pitch)
    return int(bounded) // 2 * 2


def pin_words(pin: Pin) -> tuple[str, str]:
    """The two lines that stand beside a pin; the second may be empty."""
    return f"{pin.code} {pin_doubt(pin)}".rstrip(), pin.timer


def pin_doubt(pin: Pin) -> str:
    """How a finding stands, unless it is what findings are: confirmed."""
    return "" if pin.state is FindingState.CONFIRMED else pin.state.value


def _is_loop_at(row: Row, lane: int) -> TypeGuard[Arrow]:
    return isinstance(row, Arrow) and row.source == row.destination == lane


def _words(row: Arrow | Absence) -> str:
    return f"{row.label} {row.detail} {row.times}" if isinstance(row, Arrow) else row.label


def _widest_name(ladder: Ladder, scale: Scale) -> float:
    """Room for the lane heads; a small picture has no addresses below the names."""
    names = (lane.name if not scale.time_width else max(lane.name, lane.address, key=len) for lane in ladder.lanes)
    return max((scale.width_of(name) for name in names), default=0) + 2 * scale.font


def has_break(row: Row) -> bool:
    """Time or rows are left out here: the lanes are drawn broken."""
    return not isinstance(row, Arrow | Absence)
