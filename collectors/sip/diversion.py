"""How a call came here: Diversion (RFC 5806) and History-Info (RFC 7044)."""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from collectors.sip.grammar import whole_number
from collectors.sip.name_addr import NameAddr, Uri, read_addresses
from collectors.sip.reason import Reason, read_reasons

_INDEX: Final = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,4}){0,62}")


class Diversion(msgspec.Struct, frozen=True):
    """One diversion; the last one comes first in the header."""

    address: NameAddr  # who diverted

    @property
    def reason(self) -> str:
        """ "user-busy", "no-answer", "unconditional" …, in lower case; "" where it doesn't say."""
        return self.address.parameters.get("reason", "").lower()

    @property
    def counter(self) -> int:
        """How many diversions this one stands for."""
        return whole_number(self.address.parameters.get("counter", ""), 1_000) or 1


class Station(msgspec.Struct, frozen=True):
    """One entry of History-Info: a target that the request had."""

    address: NameAddr
    index: tuple[int, ...]  # (1, 2, 1): its place in the tree of targets; () where it has none

    @property
    def uri(self) -> Uri:
        """The target."""
        return self.address.uri

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why it was left, from the Reason in its URI (§10.2)."""
        return read_reasons(value for name, value in self.uri.headers if name == "reason")

    @property
    def private(self) -> bool:
        """Whether it asks not to be told to the other side (§10.1)."""
        return any(name == "privacy" and value.lower() != "none" for name, value in self.uri.headers)

    @property
    def mapped(self) -> str:
        """How the target was found: "rc" (the target was changed), "mp" (another user), "np" (not at all), or ""."""
        return next((kind for kind in ("rc", "mp", "np") if kind in self.address.parameters), "")


def read_diversions(values: Iterable[str]) -> tuple[Diversion, ...]:
    """All diversions, the latest first."""
    return tuple(map(Diversion, read_addresses(values)))


def read_history(values: Iterable[str]) -> tuple[Station, ...]:
    """All entries, in the order of the header."""
    return tuple(Station(address, _index(address.parameters.get("index", ""))) for address in read_addresses(values))


def _index(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split("."))) if _INDEX.fullmatch(text) else ()
