"""A world lives through its plan."""

import heapq
import random
import time
import traceback
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.faults.account import account
from tests.faults.disk import Disk
from tests.faults.faults import FAULTS, Fault, W
from tests.faults.plan import Blow, Plan
from tests.faults.undisturbed import differences, finish
from tests.faults.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

_PAUSE_S = 0.02


def survive(plan: Plan, folder: Path, environment: dict[str, str], database: Disk) -> dict[str, Any]:
    """A world from its beginning to its account: `problems`, `notes` of what befell it, and figures."""
    with World(plan.setting, folder, environment) as world:
        world.database_disk = database
        faults = frozenset(blow.name for blow in plan.blows)
        told: dict[str, Any] = {"faults": ", ".join(sorted(faults))}
        try:
            live(world, plan, FAULTS)
            at_us = finish(world)
            told |= account(world, faults)._asdict()
            told["problems"] += differences(world, at_us)
        except Exception:  # noqa: BLE001 - whatever goes wrong in a world is told with what befell it
            told["problems"] = [traceback.format_exc()]
        return told | {"notes": [str(plan.setting), *world.notes]}


def live(world: W, plan: Plan, known: Mapping[str, Fault[W]]) -> None:
    """Begin, let everything befall it, heal it, and wait until it is at rest; it ends with its workers ended."""
    world.begin()
    ticket = count()
    agenda: list[tuple[float, int, Callable[[], None]]] = []

    def strike(blow: Blow) -> None:
        heal = known[blow.name].strike(world, random.Random(blow.seed))
        heapq.heappush(agenda, (world.elapsed_s + blow.for_s, next(ticket), heal))

    for blow in plan.blows:
        heapq.heappush(agenda, (blow.at_s, next(ticket), lambda blow=blow: strike(blow)))  # type: ignore[misc]  # a default
    end_s = plan.setting.seconds
    while world.elapsed_s < end_s:
        while agenda and agenda[0][0] <= world.elapsed_s:
            heapq.heappop(agenda)[2]()
        crashed = world.crashed()
        assert not crashed, f"{crashed} ended by themselves"
        time.sleep(_PAUSE_S)
    while agenda:
        heapq.heappop(agenda)[2]()
    world.settle()
    world.end()
