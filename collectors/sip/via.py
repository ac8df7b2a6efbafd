"""Via: the way that a request came, and that its responses take back (RFC 3261 §20.42, RFC 3581)."""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from collectors.sip.grammar import head_and_parameters, listed, whole_number
from collectors.sip.name_addr import read_hostport

MAGIC_COOKIE: Final = "z9hG4bK"

_SENT_PROTOCOL: Final = re.compile(r"\s*([^\s/]+)\s*/\s*([^\s/]+)\s*/\s*([^\s/]+)(?:\s+(.*))?", re.DOTALL)


class Via(msgspec.Struct, frozen=True):
    """One value; the topmost is the hop that a message was seen on."""

    transport: str  # upper case: "UDP", "TLS", "WSS"
    host: str  # sent-by; lower case; an IPv6 reference in its brackets
    port: int | None
    parameters: dict[str, str]
    version: str = "SIP/2.0"
    fault: str = ""  # "bad-via", "bad-host", "bad-port", or ""

    @property
    def branch(self) -> str:
        """Names the transaction, "" before RFC 3261."""
        return self.parameters.get("branch", "")

    @property
    def unique(self) -> bool:
        """Whether the branch is one of RFC 3261: the magic cookie, and something behind it (RFC 4475 §3.2.1)."""
        return self.branch[:7].lower() == MAGIC_COOKIE.lower() and len(self.branch) > len(MAGIC_COOKIE)

    @property
    def received(self) -> str:
        """The address that the next hop saw, IPv6 without brackets (RFC 5118 §4.5); "" where sent-by has it."""
        return self.parameters.get("received", "").strip("[]")

    @property
    def asks_rport(self) -> bool:
        """Whether the client wants responses at the port that it sends from (RFC 3581)."""
        return "rport" in self.parameters

    @property
    def rport(self) -> int | None:
        """The port that the next hop saw; None where it is not filled in."""
        return whole_number(self.parameters.get("rport", ""), 65_536)


def read_via(value: str) -> Via:
    """'SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1' as a value; blanks may stand around each slash."""
    head, parameters = head_and_parameters(value)
    found = _SENT_PROTOCOL.fullmatch(head)
    if not found or not found[4]:
        return Via("", "", None, parameters, fault="bad-via")
    host, port, fault = read_hostport(found[4])
    return Via(found[3].upper(), host, port, parameters, f"{found[1]}/{found[2]}".upper(), fault)


def read_vias(values: Iterable[str]) -> tuple[Via, ...]:
    """All values, the topmost first."""
    return tuple(map(read_via, listed(values)))
