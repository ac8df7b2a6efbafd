"""Warning: what more a server has to say of a response (RFC 3261 §20.43)."""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from collectors.sip.grammar import listed, unquoted

NAMES: Final = {
    300: "incompatible network protocol",
    301: "incompatible network address formats",
    302: "incompatible transport protocol",
    303: "incompatible bandwidth units",
    304: "media type not available",
    305: "incompatible media format",
    306: "attribute not understood",
    307: "session description parameter not understood",
    330: "multicast not available",
    331: "unicast not available",
    370: "insufficient bandwidth",
    380: "SIPS not allowed",
    381: "SIPS required",
    399: "miscellaneous",
}

_VALUE: Final = re.compile(r"(\d{3})(?!\S)[ \t]*([^\s\"]*)[ \t]*(.*)", re.DOTALL | re.ASCII)


class SipWarning(msgspec.Struct, frozen=True):
    """One value."""

    code: int
    agent: str  # who says so: a host or a name
    text: str

    @property
    def name(self) -> str:
        """What the code means; "" for one that RFC 3261 and RFC 5630 don't know."""
        return NAMES.get(self.code, "")


def read_warnings(values: Iterable[str]) -> tuple[SipWarning, ...]:
    """'307 isi.edu "Parameter 'foo' not understood"' → (SipWarning(307, "isi.edu", …),); what is none is left out."""
    found = [_VALUE.fullmatch(value) for value in listed(values)]
    return tuple(SipWarning(int(each[1]), each[2], unquoted(each[3].strip())) for each in found if each)
