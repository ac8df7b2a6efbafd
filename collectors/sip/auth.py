"""Digest challenges and credentials (RFC 3261 §22, RFC 8760), as far as a diagnosis needs them."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

_PARAMETER: Final = re.compile(
    r'(?<![A-Za-z0-9_-])([A-Za-z0-9_-]++)\s*+=\s*(?:"([^"\\]*+(?:\\.[^"\\]*+)*+)"|([^\s,"]*))'
)

_NAME: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
# As nearly all spell them.
_USUAL: Final = {
    name: name
    for name in (
        "algorithm", "auts", "cnonce", "domain", "nc", "nonce", "opaque", "qop", "realm", "response", "stale", "uri",
        "userhash", "username",
    )
}  # fmt: skip


@lru_cache(64)  # several look at one challenge
def parameters(value: str) -> Mapping[str, str]:
    """'Digest realm="a", nonce=b' → {"": "digest", "realm": "a", "nonce": "b"}; the first of each name."""
    scheme, _, rest = value.strip().partition(" ")
    found = {"": scheme.lower()}
    for part in rest.split(","):
        part = part.strip()
        sign = part.find("=")
        spelled = part[: max(sign, 0)]
        name = _USUAL.get(spelled) or (spelled.lower() if _NAME.issuperset(spelled) else "")
        text = _plain(part[sign + 1 :])
        if not name or text is None:
            return taken_apart(scheme, rest)  # a comma in quotes, blanks around the sign, or junk
        if name not in found:
            found[name] = text
    return found


def _plain(said: str) -> str | None:
    """What is said, without its quotes; None where something in it needs a closer look."""
    if said[:1] == '"':
        return said[1:-1] if 0 < said.find('"', 1) == len(said) - 1 and "\\" not in said else None
    return said if said.isalnum() or ('"' not in said and said.split(None, 1) == [said]) else None


def taken_apart(scheme: str, rest: str) -> dict[str, str]:
    """The same of a scheme and what follows it, whatever quotes hold and wherever blanks stand."""
    found = {"": scheme.lower()}
    for name, quoted, plain in _PARAMETER.findall(rest):
        found.setdefault(name.lower(), quoted or plain)
    return found
