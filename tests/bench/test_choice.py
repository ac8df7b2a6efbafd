"""Which names a command line of the bench takes."""

import argparse

import pytest

from bench.choice import one_of

NAMES = ("memory", "live")


def parts(*words: str) -> list[str]:
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", type=one_of(NAMES), default=list(NAMES))
    taken: list[str] = parser.parse_args(words).parts
    return taken


def test_some_names_are_taken_and_without_any_all() -> None:
    assert parts("live") == ["live"]
    assert parts() == ["memory", "live"]


def test_a_name_that_is_not_there_is_refused_with_those_that_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parts("memroy")
    assert "there is no 'memroy', but memory, live" in capsys.readouterr().err
