"""Digest challenges and credentials (RFC 3261 §22, RFC 8760), as far as a diagnosis needs them."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

_PARAMETER: Final = re.compile(
    r'(?<![A-Za-z0-9_-])([A-Za-z0-9_-]++)\s*+=\s*(?:"([^"\\]*+(?:\\.[^"\\]*+)*+)"|([^\s,"]*))'
)

_NAME: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


@lru_cache(64)  # several look at one challenge
def parameters(value: str) -> Mapping[str, str]:
    """'Digest realm="a", nonce=b' → {"": "digest", "realm": "a", "nonce": "b"}; the first of each name."""
    scheme, _, rest = value.strip().partition(" ")
    found = {"": scheme.lower()}
    for part in rest.split(","):
        name, _, said = part.strip().partition("=")
        if said[:1] == '"':
            text = said[1:-1]
            plain = len(said) > 1 and said[-1] == '"' and '"' not in text and "\\" not in text
        else:
            text = said
            plain = '"' not in said and said.split(None, 1) == [said]
        if not (plain and name and _NAME.issuperset(name)):
            return taken_apart(scheme, rest)  # a comma in quotes, blanks around the sign, or junk
        found.setdefault(name.lower(), text)
    return found


def taken_apart(scheme: str, rest: str) -> dict[str, str]:
    """The same of a scheme and what follows it, whatever quotes hold and wherever blanks stand."""
    found = {"": scheme.lower()}
    for name, quoted, plain in _PARAMETER.findall(rest):
        found.setdefault(name.lower(), quoted or plain)
    return found
