"""The lexical rules that all headers share (RFC 3261 §25.1), read leniently: lists, parameters, quoted strings.

Every function is total and linear in the length of its text. What is open (a quotation mark, an angle bracket, a
comment) and never closed means nothing, as does every further mark of its kind.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

# Values of a list, and parameters of a value, that are read; what comes behind them is left out.
MOST_VALUES: Final = 1_024

_MARKS: Final = {mark: re.compile(rf'["<(]|{mark}') for mark in ",;"}
_OPENING: Final = re.compile(r'["<]')
_QUOTED_REST: Final = re.compile(r'(?:[^"\\]++|\\.)*+"', re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_TOKEN: Final = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
_LONGEST_NUMBER: Final = 18  # digits: beyond that no header of SIP means a number


def split(value: str, separator: str = ",", *, comments: bool = False) -> list[str]:
    """The parts between "," or ";" that stand outside of quoted strings and angle brackets, the empty ones left out.

    '"a, b" <sip:a@h>, <sip:b@h;x,y>' → ['"a, b" <sip:a@h>', '<sip:b@h;x,y>']. With `comments`, what stands
    in parentheses is kept together, too; a URI may hold an open one, so only some headers have comments.
    """
    if separator not in value:
        stripped = value.strip()
        return [stripped] if stripped else []
    if '"' not in value and "<" not in value and not (comments and "(" in value):
        parts: Iterable[str] = value.split(separator, MOST_VALUES)[:MOST_VALUES]
    else:
        parts = _parts(value, separator, comments=comments)
    return [stripped for part in parts if (stripped := part.strip())]


def listed(values: Iterable[str]) -> list[str]:
    """The elements of a header that may come several times, and joined by commas (§7.3.1)."""
    found: list[str] = []
    for value in values:
        found += split(value)
        if len(found) >= MOST_VALUES:
            return found[:MOST_VALUES]
    return found


def tokens(values: Iterable[str]) -> tuple[str, ...]:
    """The tokens of Require, Supported, Allow, Allow-Events and the like, as they are spelled, each once."""
    return tuple(dict.fromkeys(listed(values)))


def parameters(text: str) -> dict[str, str]:
    """';Tag=a; lr ;q="0.5"' → {"tag": "a", "lr": "", "q": "0.5"}; the first of each name."""
    found: dict[str, str] = {}
    for part in split(text, ";"):
        name, _, value = part.partition("=")
        found.setdefault(name.strip().lower(), unquoted(value.strip()))
    return found


def head_and_parameters(value: str) -> tuple[str, dict[str, str]]:
    """'Q.850;cause=16' → ("Q.850", {"cause": "16"}); the head is what stands before the first ";"."""
    if value.lstrip().startswith(";"):
        return "", parameters(value)
    head, *rest = split(value, ";") or [""]
    return head, parameters(";".join(rest)) if rest else {}


def unquoted(text: str) -> str:
    """'"a \\"b\\""' → 'a "b"'; any other text as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    return _ESCAPED.sub(r"\1", text[1:-1]) if "\\" in text else text[1:-1]


def outside(value: str, quoted: str = "", bracketed: str | None = "") -> str:
    """A value with its quoted strings, and what stands in angle brackets, replaced; with None, brackets stay.

    '"a" <sip:b>;c' → ' ;c', or with quoted="x" and bracketed=None 'x <sip:b>;c'.
    """
    found: list[str] = []
    opened = {'"', "<"}
    start = 0
    for mark in _OPENING.finditer(value):
        at, kind = mark.start(), mark[0]
        if at < start or kind not in opened:
            continue
        end = _closed(value, kind, at + 1)
        if not end:
            opened.discard(kind)
            continue
        replaced = quoted if kind == '"' else value[at:end] if bracketed is None else bracketed
        found += (value[start:at], replaced)
        start = end
    found.append(value[start:])
    return "".join(found)


def is_token(text: str) -> bool:
    """Whether a text is a token: what methods, option tags and parameter names are made of."""
    return _TOKEN.fullmatch(text) is not None


def whole_number(text: str, below: int) -> int | None:
    """A text that is all digits, and less than `below`; else None."""
    digits = text.strip()
    if not digits.isascii() or not digits.isdigit() or len(digits) > _LONGEST_NUMBER:
        return None
    found = int(digits)
    return found if found < below else None


def _parts(value: str, separator: str, *, comments: bool) -> Iterator[str]:
    marks = _MARKS[separator]
    opened = {'"', "<", "("} if comments else {'"', "<"}
    start = at = count = 0
    while (found := marks.search(value, at)) and count < MOST_VALUES:
        mark, at = found[0], found.end()
        if mark == separator:
            yield value[start : at - 1]
            start = at
            count += 1
        elif mark in opened:
            end = _closed(value, mark, at)
            if end:
                at = end
            else:
                opened.discard(mark)
    if count < MOST_VALUES:
        yield value[start:]


def _closed(value: str, mark: str, at: int) -> int:
    """Where what a mark opened is closed; 0 where it never is."""
    if mark == '"':
        quoted = _QUOTED_REST.match(value, at)
        return quoted.end() if quoted else 0
    return value.find(">" if mark == "<" else ")", at) + 1
