"""Which entry is to blame, and when to give up on it."""

from monitor.ingest.suspects import MOST_TRIES, Suspects

ERROR = ZeroDivisionError("a bug")


def test_an_entry_that_fails_twice_is_guilty() -> None:
    suspects = Suspects()
    assert suspects.guilty(0, "1-0") is None
    for _ in range(MOST_TRIES):
        assert suspects.guilty(0, "1-0") is None
        suspects.failed(0, ["1-0"], ERROR, 5)
    assert "a bug" in (suspects.guilty(0, "1-0") or "")
    assert suspects.guilty(1, "1-0") is None


def test_when_several_fail_together_they_are_taken_one_by_one() -> None:
    suspects = Suspects()
    suspects.failed(0, ["1-0", "2-0", "3-0"], ERROR, 5)
    assert suspects.guilty(0, "1-0") is None
    for _ in range(3):
        assert suspects.careful(0)
        assert not suspects.careful(1)
        suspects.took(0, 1)
    assert not suspects.careful(0)


def test_records_are_tried_out_up_to_what_was_reached_for_until_it_goes_well() -> None:
    suspects = Suspects()
    assert suspects.reached(0) is None
    suspects.failed(0, ["1-0"], ERROR, 7)
    suspects.failed(0, ["1-0"], ERROR, 5)
    assert suspects.reached(0) == 7
    suspects.took(0, 1)
    assert suspects.reached(0) is None


def test_what_is_remembered_is_bounded() -> None:
    suspects = Suspects()
    for number in range(2_000):
        for _ in range(MOST_TRIES):
            suspects.failed(0, [f"{number}-0"], ERROR, 0)
    assert suspects.guilty(0, "0-0") is None
    assert suspects.guilty(0, "1999-0")
