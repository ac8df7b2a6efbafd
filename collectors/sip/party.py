"""Who calls, as the network says: P-Asserted-Identity, Remote-Party-ID, From, and what of it is private.

RFC 3325, RFC 5876, RFC 3323; Remote-Party-ID never became an RFC and is everywhere.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from collectors.sip.grammar import split
from collectors.sip.name_addr import NameAddr, read_address, read_addresses
from collectors.sip.reading import Reading

# By how much the network stands behind them, the best first.
_SOURCES: Final = ("p-asserted-identity", "remote-party-id", "p-preferred-identity")
ANONYMOUS: Final = "anonymous.invalid"


class Party(msgspec.Struct, frozen=True):
    """One claim of who calls."""

    source: str  # the header that says so, in lower case
    address: NameAddr

    @property
    def screened(self) -> bool | None:
        """Whether Remote-Party-ID says that the network checked it; None where nothing says so."""
        screen = self.address.parameters.get("screen", "").lower()
        return screen == "yes" if screen in ("yes", "no") else None

    @property
    def anonymous(self) -> bool:
        """Whether it names nobody (RFC 3323 §4.1.1.3)."""
        uri = self.address.uri
        return uri.host == ANONYMOUS or uri.user.lower() in ("anonymous", "restricted", "unavailable")


def read_privacy(values: Iterable[str]) -> tuple[str, ...]:
    """'Id; critical' → ("id", "critical"): what the caller wants hidden (RFC 3323 §4.2)."""
    return tuple(token.lower() for value in values for token in split(value, ";"))


def caller(reading: Reading) -> tuple[Party, ...]:
    """All claims of who calls, that which the network stands behind first, From last."""
    found = [
        Party(source, address)
        for source in _SOURCES
        for address in read_addresses(reading.all(source))
        if address.parameters.get("party", "calling").lower() == "calling"
    ]
    from_ = reading.first("from")
    return (*found, Party("from", read_address(from_))) if from_ else tuple(found)
