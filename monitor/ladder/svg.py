"""The ladder as SVG for pages: `draw` (one picture), `draw_parts` (head and body, for a head that stays), `draw_mini`.

Look and theme come from the page: elements carry classes, `dashboard/static/dashboard/css/ladder.css` styles them
by custom properties. Rows are focusable buttons:

    <g class="row success evidence" role="button" tabindex="0" data-number="4" data-numbers="4 5 6"
       data-at-us="…" data-delta-us="…" data-findings="0 2">
      <title>…</title> <text class="time" data-relative="0.512" data-delta="+0.500" data-absolute="08:41:58.123">

so that a page selects the message (`aria-current`), switches the time column (µs are in the title and in
`data-at-us`) and links pins (`data-finding`) to cards.
"""

from collections.abc import Iterable, Iterator
from html import escape

from monitor.core.updates import FindingState, Severity
from monitor.ladder.geometry import FULL, MINI, Geometry, Scale, has_break, pin_doubt
from monitor.ladder.values import Absence, Arrow, Bar, Elision, Gap, Ladder, Lane, Pin, Row
from monitor.ladder.words import absolute, clock, duration, seconds

_HEAD_PX = 7  # length of an arrow's head
_MINI_HEAD_PX = 5


def draw(ladder: Ladder, title: str = "Message ladder") -> str:
    """One SVG with the lane heads on top. `title` is its accessible name."""
    geometry = Geometry(ladder)
    head = "".join(_heads(ladder, geometry))
    body = "".join(_body(ladder, geometry))
    height = geometry.scale.head + geometry.body_height
    return _svg(
        "ladder", geometry.width, height, title, f'{head}<g transform="translate(0,{geometry.scale.head})">{body}</g>'
    )


def draw_parts(ladder: Ladder, title: str = "Message ladder") -> tuple[str, str]:
    """(head, body) as two SVGs of the same width; the page keeps the first in sight while the second scrolls."""
    geometry = Geometry(ladder)
    return (
        _svg("ladder ladder-head", geometry.width, geometry.scale.head, "Lanes", "".join(_heads(ladder, geometry))),
        _svg("ladder ladder-body", geometry.width, geometry.body_height, title, "".join(_body(ladder, geometry))),
    )


def draw_mini(ladder: Ladder, title: str = "Evidence") -> str:
    """The small picture for lists: give it an `excerpt`. An image to assistive technology, without focus stops."""
    geometry = Geometry(ladder, MINI)
    head = "".join(_heads(ladder, geometry))
    body = "".join(_body(ladder, geometry))
    return (
        f'<svg class="ladder ladder-mini" role="img" width="{geometry.width}" '
        f'height="{MINI.head + geometry.body_height}" '
        f'viewBox="0 0 {geometry.width} {MINI.head + geometry.body_height}">'
        f"<title>{escape(title)}. {escape(describe(ladder))}</title>"
        f'{head}<g transform="translate(0,{MINI.head})">{body}</g></svg>'
    )


def describe(ladder: Ladder) -> str:
    """The rows in words, for whoever can't see them: "alice to bob: INVITE. bob to alice: 200 ×10. ACK never came."."""
    words = []
    for row in ladder.rows:
        match row:
            case Arrow():
                names = ladder.lanes[row.source].name, ladder.lanes[row.destination].name
                words.append(f"{names[0]} to {names[1]}: {row.label}{' ' if row.times else ''}{row.times}.")
            case Absence():
                words.append(f"{row.label}.")
            case Gap():
                words.append(f"{duration(row.duration_us)} later.")
            case Elision():
                words.append(f"{row.messages} messages not shown.")
    return " ".join(words)


def _svg(classes: str, width: int, height: int, title: str, inner: str) -> str:
    return (
        f'<svg class="{classes}" role="group" aria-label="{escape(title)}" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">{inner}</svg>'
    )


# --- lanes ---------------------------------------------------------------------------------------


def _heads(ladder: Ladder, geometry: Geometry) -> Iterator[str]:
    small = geometry.scale is MINI
    for index, lane in enumerate(ladder.lanes):
        x = geometry.lane(index)
        width = int(geometry.head_width)
        room = int((width - geometry.scale.font) / geometry.scale.width_of("m"))
        named = lane.name != lane.address and bool(lane.address)
        yield f'<g class="lane-head{" others" if lane.others else ""}"><title>{escape(_lane_title(lane))}</title>'
        if small:
            yield f'<text class="name" x="{x}" y="13" text-anchor="middle">{_fit(lane.name, room)}</text></g>'
            continue
        yield f'<rect x="{x - width // 2}" y="4" width="{width}" height="{geometry.scale.head - 8}" rx="6"/>'
        y = 24 if named else 30
        yield f'<text class="{"name" if named else "address"}" x="{x}" y="{y}" text-anchor="middle">'
        yield f"{_fit(lane.name, room)}</text>"
        if named:
            yield f'<text class="address" x="{x}" y="40" text-anchor="middle">{_fit(lane.address, room)}</text>'
        yield "</g>"


def _lane_title(lane: Lane) -> str:
    if lane.others:
        return f"{lane.others} more addresses share this lane"
    ports = f" (ports {', '.join(map(str, lane.ports))})" if len(lane.ports) > 1 else ""
    return f"{lane.name} {lane.address}{ports}" if lane.name != lane.address else f"{lane.address}{ports}"


def _lane_lines(ladder: Ladder, geometry: Geometry) -> Iterator[str]:
    """Solid over messages, broken where time or rows are left out; one path a lane and a kind."""
    solid, broken = [], []
    start = 0
    for index, row in enumerate(ladder.rows):
        if has_break(row):
            top, bottom = geometry.tops[index], geometry.tops[index] + geometry.heights[index]
            solid.append((start, top))
            broken.append((top, bottom))
            start = bottom
    solid.append((start, geometry.body_height))
    for name, spans in (("lane", solid), ("lane broken", broken)):
        path = "".join(
            f"M{geometry.lane(lane)}.5 {top}V{bottom}" for lane in range(len(ladder.lanes)) for top, bottom in spans
        )
        if path:
            yield f'<path class="{name}" d="{path}"/>'


# --- rows ----------------------------------------------------------------------------------------


def _body(ladder: Ladder, geometry: Geometry) -> Iterator[str]:
    yield from _lane_lines(ladder, geometry)
    yield from (_bar(bar, geometry) for bar in ladder.bars)
    for index, row in enumerate(ladder.rows):
        yield "".join(_row(index, row, ladder, geometry))


def _row(index: int, row: Row, ladder: Ladder, geometry: Geometry) -> Iterator[str]:
    match row:
        case Arrow():
            yield from _arrow_row(index, row, ladder, geometry)
        case Absence():
            yield from _absence_row(index, row, geometry)
        case Gap():
            yield from _break_row(index, "gap", f"{duration(row.duration_us)} later", ladder, geometry)
        case Elision():
            text = _left_out(row)
            yield from _break_row(index, "elision", text, ladder, geometry, f' data-first="{row.first}"')


def _left_out(row: Elision) -> str:
    if row.messages == 1:
        return "1 message not shown"
    span = f" in {duration(row.duration_us)}" if row.duration_us else ""
    return f"{row.messages:,} messages{span} not shown"


def _arrow_row(index: int, row: Arrow, ladder: Ladder, geometry: Geometry) -> Iterator[str]:
    small = geometry.scale is MINI
    classes = ["row", row.tone.value, *_evidence_classes(row, ladder)]
    findings = " ".join(map(str, row.evidence))
    title = arrow_title(row, ladder)
    focus = "" if small else f' role="button" tabindex="0" aria-label="{escape(title)}"'
    yield (
        f'<g class="{" ".join(classes)}"{focus} data-number="{row.number}" '
        f'data-numbers="{" ".join(map(str, row.numbers[:200]))}" data-at-us="{row.at_us}" '
        f'data-delta-us="{row.delta_us}" data-findings="{findings}" '
        f'transform="translate(0,{geometry.tops[index]})"><title>{escape(title)}</title>'
        f'<rect class="hit" x="1" y="0.5" width="{geometry.width - 2}" height="{geometry.heights[index] - 1}" rx="4"/>'
    )
    if not small:
        relative = seconds(row.at_us - ladder.first_us)
        yield (
            f'<text class="time" x="{geometry.scale.time_width - 8}" y="{geometry.baseline + 4}" text-anchor="end" '
            f'data-relative="{relative}" data-delta="+{seconds(row.delta_us)}" '
            f'data-absolute="{escape(clock(row.at_us)[:12])}">{relative}</text>'
        )
    yield from _arrow(row, geometry)
    if small:
        yield from _mini_pin(row, geometry)
    else:
        yield from _pins(row.pins, geometry)
    yield "</g>"


def _evidence_classes(row: Arrow, ladder: Ladder) -> list[str]:
    """ "evidence" and the severity of the worst finding that rests on this message."""
    severities = {pin.severity for pin in ladder.pins if pin.finding in row.evidence}
    return ["evidence", next(each.value for each in Severity if each in severities)] if severities else []


def _arrow(row: Arrow, geometry: Geometry) -> Iterator[str]:
    y = geometry.baseline
    start, end = geometry.lane(row.source), geometry.lane(row.destination)
    head = _MINI_HEAD_PX if geometry.scale is MINI else _HEAD_PX
    if start == end:
        yield f'<path class="shaft" d="M{start} {y - 7}h22a4 4 0 0 1 4 4v6a4 4 0 0 1 -4 4h-{22 - head}"/>'
        yield _triangle(start, y + 7, 1, head)
        yield _label(row, start + 34, y + 4, "start", geometry.room(row.source, row.destination) - 4)
        return
    step = 1 if end > start else -1
    yield f'<path class="shaft" d="M{start + 0.5} {y + 0.5}H{end - step * head}"/>'
    if row.count > 1:  # the echo of the folded retransmissions
        yield f'<path class="shaft echo" d="M{start + 0.5} {y + 3.5}H{end - step * (head + 4)}"/>'
    yield f'<circle class="origin" cx="{start + 0.5}" cy="{y + 0.5}" r="2.5"/>'
    yield _triangle(end, y + 0.5, -step, head)
    middle = (start + end) // 2
    yield _label(row, middle, y - geometry.scale.lift, "middle", geometry.room(row.source, row.destination))
    if row.count > 1 and geometry.scale.under:
        yield (
            f'<text class="under" x="{middle}" y="{y + 15}" text-anchor="middle">'
            f"over {escape(duration(row.span_us))}</text>"
        )


def _triangle(tip: float, y: float, way: int, size: int) -> str:
    """An arrow's head; `way` leads back along the shaft."""
    return f'<path class="tip" d="M{tip} {y}l{way * size} -{size / 2 + 0.5}v{size + 1}z"/>'


def _label(row: Arrow, x: int, y: int, anchor: str, room: int) -> str:
    """As much of "label ×n detail" as there is room for; the label first."""
    text = f"{row.label} {row.times}".rstrip()
    shown = f'<tspan class="label">{_fit(row.label, room - len(row.times) - (1 if row.times else 0))}</tspan>'
    if row.times:
        shown += f'<tspan class="times" dx="0.5em">{row.times}</tspan>'
    left = room - len(text) - 1
    if row.detail and left >= min(len(row.detail), 6):
        shown += f'<tspan class="detail" dx="0.5em">{_fit(row.detail, left)}</tspan>'
    return f'<text class="words" x="{x}" y="{y}" text-anchor="{anchor}">{shown}</text>'


def _absence_row(index: int, row: Absence, geometry: Geometry) -> Iterator[str]:
    y = geometry.baseline
    start, end = geometry.lane(row.source), geometry.lane(row.destination)
    if start == end:
        end = start + geometry.pitch // 2
    step = 1 if end > start else -1
    lost = start + (end - start) * 3 // 4
    yield (
        f'<g class="absence {_state(row.state, row.severity)}" data-finding="{row.finding}" '
        f'transform="translate(0,{geometry.tops[index]})">'
        f'<path class="shaft" d="M{start + 0.5} {y + 0.5}H{lost - step * 8}"/>'
        f'<circle class="origin" cx="{start + 0.5}" cy="{y + 0.5}" r="2.5"/>'
        f'<path class="cross" d="M{lost - 4} {y - 4}l8 8m0 -8l-8 8"/>'
        f'<text class="words" x="{(start + end) // 2}" y="{y - geometry.scale.lift}" text-anchor="middle">'
        f'<tspan class="label">{_fit(row.label, max(16, geometry.room(row.source, row.destination)))}</tspan>'
        "</text></g>"
    )


def _break_row(index: int, name: str, text: str, ladder: Ladder, geometry: Geometry, data: str = "") -> Iterator[str]:
    middle = (geometry.lane(0) + geometry.lane(max(0, len(ladder.lanes) - 1))) // 2
    y = geometry.heights[index] // 2 + (3 if geometry.scale is MINI else 4)
    yield (
        f'<g class="{name}"{data} transform="translate(0,{geometry.tops[index]})">'
        f'<text x="{middle}" y="{y}" text-anchor="middle">{escape(text)}</text></g>'
    )


# --- findings ------------------------------------------------------------------------------------


def _bar(bar: Bar, geometry: Geometry) -> str:
    top, bottom = geometry.line(bar.first_row), geometry.line(bar.last_row)
    x = geometry.lane(bar.lane)
    return (
        f'<g class="bar {_state(bar.state, bar.severity)}" data-finding="{bar.finding}">'
        f'<title>{escape(bar.text)}</title><rect x="{x - 2.5}" y="{top}" width="6" height="{bottom - top}" rx="3"/></g>'
    )


def _pins(pins: Iterable[Pin], geometry: Geometry) -> Iterator[str]:
    x = geometry.pins
    y = geometry.baseline
    for pin in pins:
        yield (
            f'<g class="pin {_state(pin.state, pin.severity)}" data-finding="{pin.finding}" '
            f'data-code="{escape(pin.code)}">'
            f"<title>{escape(pin.cause)}</title>{_sign(pin, x + 6, y)}"
            f'<text x="{x + 20}" y="{y + 4}"><tspan class="code">{escape(pin.code)}</tspan>'
            f'<tspan class="state" dx="0.5em">{pin_doubt(pin)}</tspan></text>'
        )
        y += geometry.scale.pin_line
        if pin.timer:
            yield f'<text class="timer" x="{x + 20}" y="{y + 2}">{escape(pin.timer)}</text>'
            y += geometry.scale.pin_line
        yield "</g>"


def _mini_pin(row: Arrow, geometry: Geometry) -> Iterator[str]:
    for pin in row.pins[:1]:
        edge = max(geometry.lane(row.source), geometry.lane(row.destination))
        yield f'<g class="pin {_state(pin.state, pin.severity)}">{_sign(pin, edge + 14, geometry.baseline)}</g>'


def _sign(pin: Pin, x: int, y: int) -> str:
    """A shape for each severity, so that colour is never the only sign; a tick where it was cleared."""
    if pin.state is FindingState.CLEARED:
        return f'<path class="sign tick" d="M{x - 5} {y}l4 4l7 -8"/>'
    if pin.severity in (Severity.CRITICAL, Severity.MAJOR):
        shape = f'<path class="sign" d="M{x} {y - 6.5}L{x + 7} {y + 5.5}H{x - 7}Z"/>'
        return f'{shape}<path class="mark" d="M{x} {y - 2}v3.5m0 1.6v1"/>'
    if pin.severity is Severity.MINOR:
        return f'<path class="sign" d="M{x} {y - 6}l6 6l-6 6l-6 -6z"/>'
    return f'<circle class="sign" cx="{x}" cy="{y}" r="5.5"/>'


def _state(state: FindingState, severity: Severity) -> str:
    return f"{severity.value} {state.value}"


# --- words ---------------------------------------------------------------------------------------


def arrow_title(row: Arrow, ladder: Ladder) -> str:
    """What hover and assistive technology say of a message."""
    source, destination = ladder.lanes[row.source], ladder.lanes[row.destination]
    words = [
        f"{row.number}: {row.label}{f' {row.detail}' if row.detail else ''}, "
        f"{source.name} to {destination.name}, {row.transport.upper()}",
        f"{absolute(row.at_us)}, +{duration(row.delta_us)}",
    ]
    if row.count > 1:
        words.append(f"sent {row.count} times in {duration(row.span_us)}")
    if row.observers > 1:
        words.append(f"seen by {row.observers} observers")
    words += [f"{pin.code} ({pin.state.value}): {pin.cause}" for pin in row.pins]
    return ". ".join(words)


def _fit(text: str, room: int) -> str:
    """Escaped, and shortened to what there is room for."""
    room = max(2, room)
    return escape(text if len(text) <= room else text[: room - 1] + "…")


__all__ = ["FULL", "MINI", "Scale", "draw", "draw_mini", "draw_parts"]
