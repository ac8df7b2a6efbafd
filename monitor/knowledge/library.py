"""The texts, read from the files of this package when they are first asked for."""

import tomllib
from functools import cache
from importlib.resources import files

import msgspec

from monitor.knowledge.values import Article, Status


@cache
def findings() -> dict[str, Article]:
    """All articles, by the code of the finding."""
    found: dict[str, Article] = {}
    for file in sorted(files(__package__).joinpath("findings").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".toml"):
            found |= msgspec.convert(tomllib.loads(file.read_text("utf-8")), dict[str, Article])
    return found


@cache
def statuses() -> dict[int, Status]:
    """All status codes."""
    text = files(__package__).joinpath("statuses.toml").read_text("utf-8")
    return {int(code): status for code, status in msgspec.convert(tomllib.loads(text), dict[str, Status]).items()}


def finding(code: str) -> Article | None:
    """What is known of a finding; None for a code that does not exist."""
    return findings().get(code)


def status(code: int) -> Status | None:
    """What is known of a status code; None for one that is not registered."""
    return statuses().get(code)
