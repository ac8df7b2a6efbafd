"""Headers that name one conversation over several dialogs: Session-ID (RFC 7989), P-Charging-Vector (RFC 7315)."""

import re
from typing import Final

import msgspec

from collectors.sip.grammar import head_and_parameters, parameters

_UUID: Final = re.compile(r"[0-9a-f]{32}")
_NIL: Final = "0" * 32


class SessionId(msgspec.Struct, frozen=True):
    """The two ends of a conversation."""

    local: str  # 32 hexadecimal digits in lower case; "" where the nil UUID says that it is not known
    remote: str  # "" where it is not known, or of the older form (RFC 7329), which names the whole


class ChargingVector(msgspec.Struct, frozen=True):
    """What charging calls the conversation, and the operators at its ends."""

    icid: str
    generated_at: str = ""
    originating: str = ""  # orig-ioi
    terminating: str = ""  # term-ioi


def read_session_id(value: str) -> SessionId | None:
    """'ab30317f1a784dc48ff824d0d3715d86;remote=…' as a value; None where it is no UUID."""
    local, named = head_and_parameters(value)
    local = _uuid(local)
    return SessionId(local.replace(_NIL, ""), _uuid(named.get("remote", "")).replace(_NIL, "")) if local else None


def read_charging_vector(value: str) -> ChargingVector | None:
    """'icid-value="1234bc9876e";icid-generated-at=192.0.6.8;orig-ioi=home1.net'; None without an icid-value."""
    named = parameters(value)
    icid = named.get("icid-value", "")
    if not icid:
        return None
    return ChargingVector(
        icid, named.get("icid-generated-at", ""), named.get("orig-ioi", ""), named.get("term-ioi", "")
    )


def _uuid(text: str) -> str:
    text = text.lower().replace("-", "")  # with hyphens it is no Session-ID, and yet named one
    return text if _UUID.fullmatch(text) else ""
