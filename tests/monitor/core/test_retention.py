"""Limits by age and by size: read, shared out, and how much is to go."""

import pytest

from monitor.core.retention import DEFAULTS, DataKind, Keep, age, allot, checked, disk_is_short, keep, surplus, wanted

GB = 10**9
SIZES = {kind: each.octets for kind, each in DEFAULTS.kinds.items()}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("7d,5GB", Keep(168, 5 * GB)),
        ("36h", Keep(36, 20 * GB)),
        ("500mb", Keep(336, 500 * 10**6)),
        (" 2TB  1D ", Keep(24, 2000 * GB)),
    ],
)
def test_an_age_and_a_size_are_read_in_any_order_and_either_may_be_left_out(text: str, kept: Keep) -> None:
    assert keep(text, Keep(336, 20 * GB)) == kept
    assert keep(str(kept), Keep(1, GB)) == kept


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("long", "'long' is neither an age like 14d or 36h nor a size like 20GB or 500MB"),
        ("5", "'5' is neither"),
        ("0h", "from 1h to 3650d"),
        ("3651d", "from 1h to 3650d"),
        ("0MB", "from 1MB to 1000TB"),
        ("1001TB", "from 1MB to 1000TB"),
    ],
)
def test_what_is_no_limit_is_said(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        keep(text, Keep(1, GB))


@pytest.mark.parametrize("text", ["14", "20GB", "d", ""])
def test_what_is_no_age_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="is no age like 14d or 36h"):
        age(text)


def test_the_defaults_are_within_bounds_and_together_under_the_total() -> None:
    assert all(checked(each) == each for each in DEFAULTS.kinds.values())
    assert sum(SIZES.values()) <= DEFAULTS.total
    assert [str(DEFAULTS.kinds[kind]) for kind in (DataKind.MESSAGES, DataKind.LOG)] == ["14d,20GB", "1h,2GB"]
    assert str(Keep(36, 1500 * 10**6)) == "36h,1500MB"


def test_while_all_together_fit_each_has_its_own_limit() -> None:
    assert allot(100 * GB, SIZES, dict.fromkeys(DataKind, 100 * GB)) == SIZES
    assert allot(GB, SIZES, dict.fromkeys(DataKind, 10**7)) == SIZES


def test_a_smaller_total_shrinks_all_limits_alike() -> None:
    shares = allot(23 * GB, SIZES, dict.fromkeys(DataKind, 100 * GB))
    assert shares == {kind: size // 2 for kind, size in SIZES.items()}


def test_what_a_kind_does_not_want_others_may_take() -> None:
    wants = dict.fromkeys(DataKind, 0) | {DataKind.MESSAGES: 20 * GB, DataKind.RECORDS: GB}
    shares = allot(11 * GB, SIZES, wants)
    assert shares[DataKind.MESSAGES] == 10 * GB
    assert shares[DataKind.RECORDS] == 5 * GB
    granted = sum(min(wants[kind], shares[kind]) for kind in DataKind)
    assert granted == 11 * GB


def test_without_any_room_nothing_is_granted() -> None:
    assert set(allot(-5, SIZES, dict.fromkeys(DataKind, 1)).values()) == {0}


@pytest.mark.parametrize(
    ("used", "growth", "part"),
    [
        (900, 0, 0.0),  # a tenth is free
        (901, 0, 0.101),  # down to 810
        (700, 200, 0.229),  # it fills fast: down to 540
        (900, 5000, 0.556),  # never under two fifths
        (300, 5000, 0.0),
        (2000, 0, 0.595),
    ],
)
def test_more_goes_the_faster_it_fills(used: int, growth: int, part: float) -> None:
    assert surplus(used * GB, 1000 * GB, growth * GB) == pytest.approx(part, abs=0.001)
    assert (wanted(used * GB, growth * GB) > 1000 * GB) is (part > 0 or used == 300)


def test_of_a_small_limit_a_quarter_stays_free() -> None:
    assert surplus(75, 100, 0) == 0
    assert surplus(77, 100, 0) == pytest.approx((77 - 67) / 77)


def test_nothing_of_nothing_is_to_go() -> None:
    assert surplus(0, 0, 0) == surplus(0, 0, 5) == 0.0


@pytest.mark.parametrize(
    ("octets", "free", "was", "short"),
    [
        (100, 11, False, False),
        (100, 9, False, True),
        (100, 11, True, True),
        (100, 12, True, False),
        (4000, 21, False, False),  # of a large disk, less than a tenth is enough
        (4000, 19, False, True),
    ],
)
def test_a_disk_is_short_of_room_until_it_has_a_fifth_more(octets: int, free: int, was: bool, short: bool) -> None:
    assert disk_is_short(octets * GB, free * GB, was=was) is short
