"""Digest challenges and credentials (RFC 3261 §22, RFC 8760), as far as a diagnosis needs them."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

_PARAMETER: Final = re.compile(
    r'(?<![A-Za-z0-9_-])([A-Za-z0-9_-]++)\s*+=\s*(?:"([^"\\]*+(?:\\.[^"\\]*+)*+)"|([^\s,"]*))'
)


@lru_cache(64)  # several look at one challenge
def parameters(value: str) -> Mapping[str, str]:
    """'Digest realm="a", nonce=b' → {"": "digest", "realm": "a", "nonce": "b"}; the first of each name."""
    scheme, _, rest = value.strip().partition(" ")
    found = {"": scheme.lower()}
    for name, quoted, plain in _PARAMETER.findall(rest):
        found.setdefault(name.lower(), quoted or plain)
    return found
