"""Output that can be read, whatever programs write."""

import io
import re

from monitor.up.backoff import Backoff
from monitor.up.console import LONGEST_LINE, Console, Lines


def test_lines_carry_time_and_name_in_columns() -> None:
    stream = io.StringIO()
    console = Console(["web", "collector"], stream=stream)
    console.line("web", "listening")
    console.line("collector", "capturing on eth0")
    first, second = stream.getvalue().splitlines()
    assert re.fullmatch(r"\d\d:\d\d:\d\d web       │ listening", first)
    assert second.index("│") == first.index("│")


def test_colour_is_for_people_only() -> None:
    stream = io.StringIO()
    Console(["web"], stream=stream, colour=True).line("web", "x")
    assert stream.getvalue().startswith("\x1b[36m")


def test_pieces_are_joined_to_lines_and_the_last_needs_no_end() -> None:
    seen: list[str] = []
    lines = Lines(seen.append)
    for data in (b"one\ntw", b"o\r\n", b"three", b""):
        lines.feed(data)
    assert seen == ["one", "two", "three"]


def test_a_line_without_end_is_cut() -> None:
    seen: list[str] = []
    lines = Lines(seen.append)
    lines.feed(b"x" * (LONGEST_LINE * 2 + 5))
    assert list(map(len, seen)) == [LONGEST_LINE, LONGEST_LINE, 5]


def test_hostile_output_does_not_reach_the_terminal_as_commands() -> None:
    seen: list[str] = []
    Lines(seen.append).feed(b"Call-ID: \x1b]0;owned\x07 \xff\tok\n")
    assert seen == ["Call-ID: \\x1b]0;owned\\x07 \ufffd\tok"]


def test_pauses_grow_to_half_a_minute_and_start_anew_after_a_steady_run() -> None:
    backoff = Backoff()
    assert [backoff.after(0) for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert backoff.after(3600) == 0.5
