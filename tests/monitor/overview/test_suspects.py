"""One entry among many that can't be folded: found by halves."""

from collections.abc import Iterable

import pytest

from monitor.overview.suspects import Suspects


def fold(entries: Iterable[int], poison: set[int], most: int = 2000) -> tuple[list[int], int]:
    """What is set aside, and in how many turns, where whatever bites on `poison` fails."""
    suspects, waiting, aside, turns = Suspects(most), list(entries), [], 0
    while waiting:
        turns += 1
        bite = waiting[: suspects.bite]
        if suspects.guilty(bite[0]):
            aside.append(bite[0])
            bite = bite[:1]
        elif poison & set(bite):
            suspects.failed(bite, ValueError("poison"))
            continue
        suspects.took()
        waiting = waiting[len(bite) :]
    return aside, turns


@pytest.mark.parametrize("poison", [set(), {0}, {1}, {1999}, {700, 701}, {3, 5, 1000}])
def test_what_fails_is_set_aside_and_nothing_else_is(poison: set[int]) -> None:
    aside, turns = fold(range(2000), poison)
    assert set(aside) == poison
    assert turns <= 1 + 30 * len(poison)


def test_what_failed_once_may_go_down_the_second_time() -> None:
    suspects = Suspects(10)
    suspects.failed([7], ValueError("away"))
    assert suspects.guilty(7) == ""
    suspects.failed([8], ValueError("poison"))
    assert suspects.guilty(8) == ""
    suspects.failed([8], ValueError("poison"))
    assert "ValueError: poison" in suspects.guilty(8)
    assert suspects.guilty(7) == ""


def test_bites_grow_again() -> None:
    suspects = Suspects(10)
    suspects.failed(range(10), ValueError())
    sizes = []
    for _ in range(4):
        sizes.append(suspects.bite)
        suspects.took()
    assert sizes == [5, 10, 10, 10]
