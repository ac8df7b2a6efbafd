"""Small charts that the server draws: values for a template's SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dashboard.templatetags.offhook import duration

_BARS: Final = 30
_STEP: Final = 6  # from bar to bar
_HEIGHT: Final = 26
_SHORTEST_US: Final = 60_000_000  # a chart of less than a minute says nothing


@dataclass(frozen=True)
class Bar:
    """How often in one stretch of time."""

    x: int
    y: float
    height: float
    title: str


@dataclass(frozen=True)
class Chart:
    """How often something happened, over time."""

    bars: tuple[Bar, ...]
    words: str  # the same for who can't see it
    width: int = _BARS * _STEP
    height: int = _HEIGHT
    bar_width: int = _STEP - 1


def bars(times: Sequence[int], from_us: int, until_us: int) -> Chart | None:
    """How often in each thirtieth of a span; None where nothing happened in it."""
    until_us = max(until_us, from_us + _SHORTEST_US)
    stretch = (until_us - from_us) / _BARS
    counts = [0] * _BARS
    for at_us in times:
        if from_us <= at_us <= until_us:
            counts[min(int((at_us - from_us) / stretch), _BARS - 1)] += 1
    most = max(counts)
    if not most:
        return None
    whole, each = duration((until_us - from_us) / 1000), duration(stretch / 1000)
    ago = [(until_us - from_us - index * stretch) / 1000 for index in range(_BARS)]
    return Chart(
        bars=tuple(
            Bar(index * _STEP, round(_HEIGHT * (1 - count / most), 1), round(_HEIGHT * count / most, 1), title)
            for index, count in enumerate(counts)
            if count
            for title in [f"{count} in the {each} from {duration(ago[index])} before the end"]
        ),
        words=f"{len(times)} over {whole}, at most {most} in {each}",
    )
