"""Marks: texts by which a call may be found again behind a B2BUA (`monitor.core.legs` says what they prove)."""

from enum import StrEnum

import msgspec


class MarkKind(StrEnum):
    """What a mark is, the most telling first."""

    SESSION_ID = "session-id"  # a UUID of Session-ID, RFC 7989
    CALL_ID = "call-id"  # its own, one that Replaces or X-CID names, its own without a final "_b2b-1"
    GUID = "guid"  # what vendors' headers carry through their own B2BUAs (Cisco-Guid), or the operator's
    ICID = "icid"  # icid-value of P-Charging-Vector, RFC 7315
    REFERRAL = "referral"  # whom a REFER sends the other side to, and whom an INVITE with Referred-By calls
    ORIGIN = "origin"  # SDP o=: user name, session, address
    MEDIA = "media"  # SDP: address and port of a stream
    CALLED = "called"  # the number or user in To or Request-URI
    CALLING = "calling"  # the number or user in From


def digest(name: bytes) -> int:
    """63 bits of a name, by which the database finds it."""
    from hashlib import blake2b  # loads OpenSSL, which `analyze` does without

    return int.from_bytes(blake2b(name, digest_size=8).digest(), "big") >> 1


class Mark(msgspec.Struct, frozen=True, gc=False):
    """One text by which a call may be found again."""

    kind: MarkKind
    text: str

    @property
    def hash(self) -> int:
        """63 bits of it: the database's key."""
        name = f"{self.kind}\0{self.text}".encode("utf-8", "surrogatepass")
        return digest(name)
