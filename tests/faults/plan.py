"""From a seed: what kind of world it is, and what befalls it when, for how long."""

import random
from collections.abc import Mapping
from typing import Final

import msgspec

from collectors.sip.timers import SECOND
from tests.faults import faults
from tests.faults.wire import Split
from tests.faults.world import Setting

_A_SECOND: Final = 0.9  # faults, on average
_CLOCKS_US: Final = tuple(round(s * SECOND) for s in (0, 0, 0, 0, 0, -0.3, 2.0, -3.0, 20.0, 3 * 3600.0, -3600.0))


class Blow(msgspec.Struct, frozen=True):
    """A fault that strikes at a time of the world's life, for so long."""

    at_s: float
    for_s: float
    name: str
    seed: str  # of its own choices

    def __str__(self) -> str:
        return f"{self.at_s:5.2f} s  {self.name} for {self.for_s:.2f} s"


class Plan(msgspec.Struct, frozen=True):
    """A world's setting and its misfortunes, in order of time."""

    setting: Setting
    blows: list[Blow]


def plan(seed: str, seconds: float, only: frozenset[str] = frozenset()) -> Plan:
    """What this seed means for a world of so many seconds; `only` some faults, where any are named."""
    dice = random.Random(f"{seed}/plan")
    known = {name: fault for name, fault in faults.FAULTS.items() if name in only or not only}
    drawn = blows(dice, seed, seconds, known)
    setting = Setting(
        seed=seed,
        seconds=seconds,
        offsets_us=(0, dice.choice(_CLOCKS_US)),
        split=dice.choice(list(Split)),
        workers=dice.choice((2, 2, 3)),
        defective=dice.random() < 0.2,
        spool_octets=dice.choice((60_000, 400_000, 4_000_000)),
    )
    return Plan(setting, drawn)


def blows(dice: random.Random, seed: str, seconds: float, known: Mapping[str, faults.Fault[faults.W]]) -> list[Blow]:
    """What befalls a world of so many seconds, in order of time."""
    names = sorted(known)
    weights = [known[name].weight for name in names]
    drawn = []
    chosen = dice.choices(names, weights, k=max(1, round(_A_SECOND * seconds))) if names else []
    for number, name in enumerate(chosen):
        for_s = dice.uniform(0.05, 1) * known[name].most_s
        drawn.append(Blow(dice.uniform(0.3, seconds - 0.5), for_s, name, f"{seed}/{number}"))
    return sorted(drawn, key=lambda blow: blow.at_s)
