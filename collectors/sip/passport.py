"""Identity: the PASSporT by which a carrier signs who calls (RFC 8224, 8225, 8588, 8946). Decoded, never verified.

A bystander has neither the certificate nor a reason to fetch it: what is read here is what the signer claims,
if it was the signer, and has to be shown as that.
"""

import binascii
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from collectors.sip.grammar import head_and_parameters, listed

ATTESTATIONS: Final = {
    "A": "full: the signer knows the customer, and that the number is theirs",
    "B": "partial: the signer knows the customer, not the number",
    "C": "gateway: the signer only let the call in",
}

_LONGEST: Final = 16_384  # characters of one part of a token
_MOST_NUMBERS: Final = 64
_URL_SAFE: Final = str.maketrans("-_", "+/")


class Passport(msgspec.Struct, frozen=True, kw_only=True):
    """One Identity value. In the compact form only what stands beside the token is known."""

    form: str  # "full", "compact", "rfc4474" (the signature of RFC 4474), "broken"
    kind: str = ""  # ppt: "shaken", "div", "rph" …; "" for a plain one
    algorithm: str = ""
    certificate: str = ""  # where the signer's is said to be: info, else x5u
    attestation: str = ""  # "A", "B", "C"; "" where it has none
    origid: str = ""
    originator: str = ""  # number, or URI
    destinations: tuple[str, ...] = ()
    diverted_by: str = ""  # of a "div" one (RFC 8946): who the call was for before
    issued_s: int | None = None  # iat: seconds since the epoch

    def age_s(self, at_us: int) -> float | None:
        """How old it was at a wire time, in seconds; verifiers refuse what is older than a minute (RFC 8224 §6.2.1)."""
        return None if self.issued_s is None else at_us / 1_000_000 - self.issued_s


def read_passports(values: Iterable[str]) -> tuple[Passport, ...]:
    """All Identity values, in order."""
    return tuple(map(read_passport, listed(values)))


def read_passport(value: str) -> Passport:
    """'eyJhbGciOi….eyJhdHRlc3Qi….c2ln;info=<https://cert.example.org/a.pem>;ppt=shaken' as a value."""
    token, parameters = head_and_parameters(value)
    kind, algorithm = parameters.get("ppt", ""), parameters.get("alg", "")
    info = parameters.get("info", "").strip("<>")
    if token.startswith('"'):
        return Passport(form="rfc4474", algorithm=algorithm, certificate=info)
    header, payload, signature = [*token.split(".", 3), "", ""][:3]
    if not header and not payload and signature:
        return Passport(form="compact", kind=kind, algorithm=algorithm, certificate=info)
    said, claims = _object(header), _object(payload)
    if said is None or claims is None:
        return Passport(form="broken", kind=kind, algorithm=algorithm, certificate=info)
    issued = claims.get("iat")
    return Passport(
        form="full",
        kind=_text(said.get("ppt")) or kind,
        algorithm=_text(said.get("alg")) or algorithm,
        certificate=info or _text(said.get("x5u")),
        attestation=_text(claims.get("attest")),
        origid=_text(claims.get("origid")),
        originator="".join(_names(claims.get("orig"))[:1]),
        destinations=_names(claims.get("dest")),
        diverted_by="".join(_names(claims.get("div"))[:1]),
        issued_s=issued if isinstance(issued, int) else None,
    )


def _object(part: str) -> dict[str, Any] | None:
    """A JSON object in URL-safe base64 without padding; None where it is something else."""
    if not part or len(part) > _LONGEST:
        return None
    padded = part.translate(_URL_SAFE).rstrip("=")
    try:
        found = msgspec.json.decode(binascii.a2b_base64(padded + "=" * (-len(padded) % 4), strict_mode=True))
    except (ValueError, RecursionError):  # no base64, no UTF-8, no JSON, JSON nested without end
        return None
    return found if isinstance(found, dict) else None


def _names(end: object) -> tuple[str, ...]:
    """The numbers and URIs of {"tn": "12155550100"} or {"tn": ["12155550100"], "uri": ["sip:a@example.com"]}."""
    found: list[str] = []
    for kind in ("tn", "uri"):
        names = end.get(kind) if isinstance(end, dict) else None
        found += [_text(name) for name in (names if isinstance(names, list) else [names])[:_MOST_NUMBERS]]
    return tuple(filter(None, found))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
