"""Findings in the picture: the pin at its message, the message that never came, the timer that ran.

What a finding looks like depends on its code (`_SHAPES`) or its variant; where it stands, on its evidence.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from typing import Final

import msgspec

from collectors.sip.timers import TIMER_C_US, Timers
from collectors.wire.trouble import FATAL
from monitor.core.undelivered import variant_of
from monitor.core.updates import Finding, FindingState
from monitor.ladder.lanes import Lanes
from monitor.ladder.values import Absence, Arrow, Pin, Tone
from monitor.ladder.words import clean, duration

_MAX_CAUSE: Final = 400
_FOR_EVER_US: Final = 2**62


class Anchor(Enum):
    """Which message of the evidence a finding is about."""

    FIRST = auto()
    LAST = auto()
    ACCEPTED = auto()  # the first 2xx
    RANG = auto()  # the last 1xx
    HUNG_UP = auto()  # the BYE, else the first 2xx


class Way(Enum):
    """Which way the message that never came should have gone, seen from the hop's request direction."""

    ALONG = auto()
    BACK = auto()


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """How findings of a code are drawn."""

    anchor: Anchor = Anchor.LAST
    absent: str = ""  # how it is said that something never came; "": nothing failed to come
    awaited: str = ""  # the same while it may still come
    way: Way = Way.BACK
    timer: str = ""  # name of the timer that runs from the anchor
    timer_us: Callable[[Timers], int] | None = None  # None: until the last evidence


def _timeout(timers: Timers) -> int:
    return timers.timeout_us


def _timer_c(_timers: Timers) -> int:
    return TIMER_C_US


_PLAIN: Final = Shape()
_UNANSWERED: Final = Shape(
    anchor=Anchor.FIRST, absent="no response", awaited="no response yet", timer="64·T1", timer_us=_timeout
)
_SHAPES: Final[Mapping[str, Shape]] = {
    "missing-ack": Shape(
        anchor=Anchor.ACCEPTED,
        absent="ACK never came",
        awaited="no ACK yet",
        way=Way.ALONG,
        timer="64·T1",
        timer_us=_timeout,
    ),
    "dropped-at-32s": Shape(anchor=Anchor.HUNG_UP),
    "ack-ignored": Shape(anchor=Anchor.ACCEPTED, timer="64·T1", timer_us=_timeout),
    "invite-unanswered": _UNANSWERED,
    "registration-unanswered": _UNANSWERED,
    "bye-unanswered": _UNANSWERED,
    "no-final-response": Shape(
        anchor=Anchor.RANG,
        absent="no final response",
        awaited="no final response yet",
        timer="Timer C",
        timer_us=_timer_c,
    ),
    "missing-prack": Shape(
        anchor=Anchor.FIRST,
        absent="PRACK never came",
        awaited="no PRACK yet",
        way=Way.ALONG,
        timer="64·T1",
        timer_us=_timeout,
    ),
    "unacked-failure": Shape(
        anchor=Anchor.FIRST,
        absent="ACK never came",
        awaited="no ACK yet",
        way=Way.ALONG,
        timer="64·T1",
        timer_us=_timeout,
    ),
    "session-expired": Shape(timer="session interval"),
    "unanswered-ringing": Shape(anchor=Anchor.RANG),
    "no-trying": Shape(timer="without a response"),
    "slow-setup": Shape(timer="post-dial delay"),
}
# By variant: what the network reported is why no response came, and no timer had to run out.
_UNDELIVERED: Final[Mapping[str, Shape]] = {
    variant_of(trouble): Shape(anchor=Anchor.FIRST, absent=trouble, awaited=trouble) for trouble in FATAL
}


class Timer(msgspec.Struct, frozen=True, kw_only=True):
    """A timer that a finding speaks of: it ran from `start_us` to `end_us` at the element that waited."""

    finding: Finding
    index: int
    lane: int
    start_us: int
    end_us: int
    text: str


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """A finding with its place: all of it None where its evidence is not among the arrows."""

    pin: Pin
    row: int | None  # of the arrow that it is about
    absence: Absence | None = None
    absence_after: int = 0  # row of an arrow
    timer: Timer | None = None


def place(
    index: int,
    finding: Finding,
    arrows: Sequence[Arrow],
    row_of: Mapping[int, int],
    lanes: Lanes,
    timers: Timers,
) -> Placed:
    """Where finding number `index` stands; `row_of` maps message numbers to arrows."""
    shape = _UNDELIVERED.get(finding.variant) or _SHAPES.get(finding.code, _PLAIN)
    evidence = sorted({row_of[number] for number in finding.messages if number in row_of})
    pin = Pin(
        finding=index,
        code=clean(finding.code),
        severity=finding.severity,
        state=finding.state,
        cause=clean(finding.cause, _MAX_CAUSE),
    )
    if not evidence:
        return Placed(pin=pin, row=None)
    hop = _hop_lanes(finding.hop, lanes)
    row = _anchor(shape.anchor, evidence, arrows, hop)
    if finding.state is FindingState.CLEARED:
        return Placed(pin=pin, row=row)
    timer = _timer(index, finding, shape, arrows, evidence, row, timers)
    return Placed(
        pin=msgspec.structs.replace(pin, timer=timer.text) if timer else pin,
        row=row,
        absence=_absence(index, finding, shape, arrows[row], hop),
        absence_after=max((each for each in evidence if arrows[each].label == "ACK"), default=row),
        timer=timer,
    )


def _hop_lanes(hop: str, lanes: Lanes) -> tuple[int, int] | None:
    source, _, destination = hop.partition(">")
    ends = []
    for text in (source, destination):
        host, _, port = text.rpartition(":")
        if not port.isdecimal() or (lane := lanes.find(host.strip("[]"), int(port))) is None:
            return None
        ends.append(lane)
    return ends[0], ends[1]


def _anchor(anchor: Anchor, evidence: Sequence[int], arrows: Sequence[Arrow], hop: tuple[int, int] | None) -> int:
    if anchor is Anchor.FIRST:
        return evidence[0]
    if anchor is Anchor.HUNG_UP and (byes := [row for row in evidence if arrows[row].label == "BYE"]):
        return byes[0]
    if anchor in (Anchor.ACCEPTED, Anchor.HUNG_UP):
        accepted = [row for row in evidence if arrows[row].tone is Tone.SUCCESS]
        there = [row for row in accepted if hop and (arrows[row].destination, arrows[row].source) == hop]
        return (there or accepted or evidence)[0]
    if anchor is Anchor.RANG:
        ringing = [row for row in range(len(arrows)) if _rings(arrows[row], hop)]
        return ([row for row in ringing if row in evidence] or ringing or evidence)[-1]
    return evidence[-1]


def _rings(arrow: Arrow, hop: tuple[int, int] | None) -> bool:
    """A provisional response (100 does not count) on that hop."""
    on_hop = hop is None or (arrow.destination, arrow.source) == hop
    return arrow.tone is Tone.PROVISIONAL and not arrow.label.startswith("100") and on_hop


def _absence(index: int, finding: Finding, shape: Shape, about: Arrow, hop: tuple[int, int] | None) -> Absence | None:
    if not shape.absent:
        return None
    requested = about.tone is Tone.REQUEST
    source, destination = hop or ((about.source, about.destination) if requested else (about.destination, about.source))
    if shape.way is Way.BACK:
        source, destination = destination, source
    return Absence(
        label=shape.awaited if finding.state is FindingState.SUSPECTED else shape.absent,
        source=source,
        destination=destination,
        state=finding.state,
        severity=finding.severity,
        finding=index,
    )


def _timer(
    index: int,
    finding: Finding,
    shape: Shape,
    arrows: Sequence[Arrow],
    evidence: Sequence[int],
    row: int,
    timers: Timers,
) -> Timer | None:
    if not shape.timer:
        return None
    if shape.timer_us is None:
        started = arrows[evidence[0]]
        end_us = max(finding.at_us, arrows[evidence[-1]].at_us)
        text = f"{duration(end_us - started.at_us)} {shape.timer}"
        return Timer(
            finding=finding, index=index, lane=started.source, start_us=started.at_us, end_us=end_us, text=text
        )
    about, limit_us = arrows[row], shape.timer_us(timers)
    passed_us = _passed_us(finding, about, arrows)
    # A peer's own clock makes it a little less or more than the nominal value.
    slack_us = limit_us // 50
    ran_out = passed_us >= limit_us - slack_us
    if passed_us > limit_us + slack_us:
        passed_us = limit_us
    text = f"{duration(limit_us)} = {shape.timer}"
    return Timer(
        finding=finding,
        index=index,
        lane=about.source,
        start_us=about.at_us,
        end_us=about.at_us + passed_us,
        text=text if ran_out else f"{duration(passed_us)} of {text}",
    )


def _passed_us(finding: Finding, about: Arrow, arrows: Sequence[Arrow]) -> int:
    """How long the timer ran: until something else came, if certain; until the last that is known, if not."""
    silent_from_us = about.at_us + about.span_us
    if finding.state is FindingState.CONFIRMED:
        ends = (arrow.at_us for arrow in arrows if arrow.at_us > silent_from_us and _stops(about, arrow))
        next_us = min(ends, default=None)
        return next_us - about.at_us if next_us is not None else _FOR_EVER_US
    return max(finding.at_us, *(arrow.at_us + arrow.span_us for arrow in arrows)) - about.at_us


def _stops(about: Arrow, arrow: Arrow) -> bool:
    """Whether an arrow ends the wait that `about` began: the client tried elsewhere, or the other side moved."""
    if about.tone is Tone.REQUEST:
        is_retry = arrow.tone is Tone.REQUEST and arrow.label.split()[0] == about.label.split()[0]
        return is_retry and arrow.source == about.source
    return about.source in (arrow.source, arrow.destination)


def number_rows(arrows: Sequence[Arrow]) -> dict[int, int]:
    """Message number → index of the arrow that it is folded into."""
    return {number: row for row, arrow in enumerate(arrows) for number in arrow.numbers}
