"""Transfers and take-overs: Refer-To, Referred-By, Replaces, Join (RFC 3515, 3892, 3891, 3911)."""

import msgspec

from collectors.sip.grammar import head_and_parameters
from collectors.sip.name_addr import NameAddr, read_address, unescaped


class Replaces(msgspec.Struct, frozen=True):
    """The dialog that a new one takes the place of, as its receiver names it; Join has the same form."""

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False


class ReferTo(msgspec.Struct, frozen=True):
    """Whom to call, how, and in whose place."""

    address: NameAddr
    replaces: Replaces | None

    @property
    def method(self) -> str:
        """What to send there: INVITE, unless the URI says otherwise."""
        return self.address.uri.parameters.get("method", "INVITE").upper()


def read_replaces(value: str) -> Replaces | None:
    """'98732@sip.example.com;from-tag=r33th4x0r;to-tag=ff87ff'; None where Call-ID or a tag is missing."""
    call_id, parameters = head_and_parameters(value)
    to_tag, from_tag = parameters.get("to-tag", ""), parameters.get("from-tag", "")
    if not (call_id and to_tag and from_tag):
        return None
    return Replaces(call_id, to_tag, from_tag, "early-only" in parameters)


def read_refer_to(value: str) -> ReferTo:
    """A Refer-To, with the Replaces that its URI carries, escaped as it must be, or twice as it sometimes is."""
    address = read_address(value)
    carried = address.uri.header("replaces")
    return ReferTo(address, read_replaces(unescaped(carried)) if carried else None)
