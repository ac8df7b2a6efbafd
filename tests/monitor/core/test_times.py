"""Wire times of which one may never have been."""

import pytest

from monitor.core.times import earlier


@pytest.mark.parametrize(("one_us", "other_us", "first_us"), [(0, 0, 0), (7, 0, 7), (0, 7, 7), (7, 9, 7), (9, 7, 7)])
def test_what_never_was_is_not_the_earlier(one_us: int, other_us: int, first_us: int) -> None:
    assert earlier(one_us, other_us) == first_us
