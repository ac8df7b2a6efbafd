"""State machines as tables: (state, input) → (state, anomaly), where "" is no anomaly."""

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import TypeVar

StateT = TypeVar("StateT", bound=IntEnum)
InputT = TypeVar("InputT", bound=IntEnum)


def walk(
    table: Mapping[tuple[StateT, InputT], tuple[StateT, str]], begin: StateT, seen: Iterable[tuple[int, InputT]]
) -> tuple[StateT, list[str]]:
    """The state in which the inputs end, and their anomalies, in the order of the wire.

    `seen`: (wire time in µs, input), in any order. Of inputs at the same time the lower comes first.
    """
    state, anomalies = begin, list[str]()
    for _, message in sorted(seen):
        state, anomaly = table[state, message]
        if anomaly:
            anomalies.append(anomaly)
    return state, anomalies
