"""Lists, parameters and quoted strings, as RFC 3261 §25.1 has them and as they come."""

import pytest

from collectors.sip.grammar import (
    MOST_VALUES,
    head_and_parameters,
    is_token,
    listed,
    outside,
    parameters,
    split,
    tokens,
    unquoted,
    whole_number,
)


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("a, b,c", ["a", "b", "c"]),
        (",, a ,,", ["a"]),
        ("", []),
        ('"a, b" <sip:a@h>, <sip:b@h;x,y>', ['"a, b" <sip:a@h>', "<sip:b@h;x,y>"]),
        (r'"a \", b" <sip:a>, c', [r'"a \", b" <sip:a>', "c"]),
        ('"open <sip:a@h>, <sip:b@h>', ['"open <sip:a@h>', "<sip:b@h>"]),
        ('"a" "open, b, c', ['"a" "open', "b", "c"]),
        ("<sip:open, b", ["<sip:open", "b"]),
        ("<sip:open, <b, c", ["<sip:open", "<b", "c"]),
        ("sip:a(b@h, sip:c@h", ["sip:a(b@h", "sip:c@h"]),
        ('"(", x', ['"("', "x"]),
    ],
)
def test_a_list_is_split_outside_of_quotes_and_brackets(value: str, parts: list[str]) -> None:
    assert split(value) == parts


def test_comments_are_kept_together_where_a_header_has_them() -> None:
    assert split("a (b, c), d", comments=True) == ["a (b, c)", "d"]
    assert split("a (b, c), d (e", comments=True) == ["a (b, c)", "d (e"]
    assert split("a (b, c)") == ["a (b", "c)"]


def test_a_list_over_several_headers_is_one_list() -> None:
    assert listed(["a, b", "", "c"]) == ["a", "b", "c"]
    assert tokens(["100rel, timer", "timer, x"]) == ("100rel", "timer", "x")


@pytest.mark.parametrize("value", ["a,", '"a",'])
def test_a_list_without_end_is_read_up_to_a_bound(value: str) -> None:
    assert len(split(value * 10_000)) == MOST_VALUES
    assert len(listed([value * 10_000] * 2)) == MOST_VALUES
    assert len(listed([value * (MOST_VALUES - 1)] * 2)) == MOST_VALUES


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (";Tag=a; lr ;q=0.5", {"tag": "a", "lr": "", "q": "0.5"}),
        (' ; text = "a;b=\\"c\\"" ; x', {"text": 'a;b="c"', "x": ""}),
        ("a=1;A=2", {"a": "1"}),
        (";;=;", {"": ""}),
        ("", {}),
    ],
)
def test_parameters_are_read(text: str, found: dict[str, str]) -> None:
    assert parameters(text) == found


def test_a_head_and_its_parameters_part_at_the_first_semicolon() -> None:
    assert head_and_parameters('Q.850 ;cause=16 ;text="a;b"') == ("Q.850", {"cause": "16", "text": "a;b"})
    assert head_and_parameters("Q.850") == ("Q.850", {})
    assert head_and_parameters(" ;cause=16") == ("", {"cause": "16"})
    assert head_and_parameters("") == ("", {})


def test_quotation_marks_and_escapes_are_undone() -> None:
    assert unquoted(r'"a \"b\" \\"') == r'a "b" \ '.strip()
    assert unquoted('"a"') == "a"
    assert unquoted('"') == '"'
    assert unquoted('"a') == '"a'


@pytest.mark.parametrize(
    ("value", "bare", "kept"),
    [
        ('"a" <sip:b>;c', " ;c", "x <sip:b>;c"),
        ('"a<b>" c', " c", "x c"),
        ('<a"b> "c', ' "c', '<a"b> "c'),
        ('"closed <a>"', "", "x"),
        ('"open <a> <b', '"open  <b', '"open <a> <b'),
        ('"open "x" y', 'x" y', 'xx" y'),
        ("plain", "plain", "plain"),
    ],
)
def test_what_stands_outside_of_quotes_and_brackets_is_found(value: str, bare: str, kept: str) -> None:
    assert outside(value) == bare
    assert outside(value, "x", None) == kept


def test_tokens_are_told_from_what_is_none() -> None:
    assert is_token("INVITE")
    assert is_token("!interesting-Method0123456789_*+`.%indeed'~")
    assert not is_token("a b")
    assert not is_token("")


def test_numbers_are_read_as_far_as_they_mean_one() -> None:
    assert whole_number("9" * 19, 10**30) is None
    assert whole_number(" 0068 ", 100) == 68
    assert whole_number("100", 100) is None
    assert whole_number("12x", 100) is None
    assert whole_number("²", 100) is None
    assert whole_number("", 100) is None
