"""Contact: where to reach somebody, and in registrations until when (RFC 3261 §20.10, RFC 5626, RFC 5627)."""

from collections.abc import Iterable

import msgspec

from collectors.sip.grammar import whole_number
from collectors.sip.name_addr import NameAddr, Uri, read_addresses


class Contact(msgspec.Struct, frozen=True):
    """One value of Contact."""

    address: NameAddr

    @property
    def uri(self) -> Uri:
        """Where."""
        return self.address.uri

    @property
    def star(self) -> bool:
        """Whether it is "*": all bindings (§10.2.2)."""
        return self.uri.text == "*"

    @property
    def expires(self) -> int | None:
        """Seconds; None where it has none of its own, or none that can be read (§10.2.1.1)."""
        return whole_number(self.address.parameters.get("expires", ""), 2**32)

    @property
    def q(self) -> float:
        """Preference from 0 to 1; 1 where it has none that can be read (§20.10)."""
        text = self.address.parameters.get("q", "")
        whole, _, decimals = text.partition(".")
        good = len(text) <= 5 and whole in ("0", "1", "") and (decimals.isascii() and decimals.isdigit())
        return min(float(text), 1.0) if good or text in ("0", "1") else 1.0

    @property
    def instance(self) -> str:
        """The device, "urn:uuid:…" (RFC 5626 §4.1); "" without one."""
        return self.address.parameters.get("+sip.instance", "").strip("<>")

    @property
    def reg_id(self) -> int | None:
        """The flow of a device with several (RFC 5626 §4.2)."""
        return whole_number(self.address.parameters.get("reg-id", ""), 2**31)

    @property
    def gruu(self) -> str:
        """The public GRUU that a registrar gave (RFC 5627); "" without one."""
        return self.address.parameters.get("pub-gruu", "")


def read_contacts(values: Iterable[str]) -> tuple[Contact, ...]:
    """All values, in order."""
    return tuple(map(Contact, read_addresses(values)))
