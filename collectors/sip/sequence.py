"""Numbers that put requests in order: CSeq (RFC 3261 §20.16), RSeq and RAck of reliable provisionals (RFC 3262 §7)."""

import msgspec

from collectors.sip.grammar import is_token, whole_number


class CSeq(msgspec.Struct, frozen=True):
    """A request's number and method."""

    number: int
    method: str


class RAck(msgspec.Struct, frozen=True):
    """Which reliable provisional response a PRACK acknowledges."""

    rseq: int
    cseq: int
    method: str


def read_cseq(value: str) -> CSeq | None:
    """'4711 INVITE' as a value; None where it is none: a number that is not below 2**32, no method."""
    number, method = _words(value)
    sequence = whole_number(number, 2**32)
    return CSeq(sequence, method) if sequence is not None and is_token(method) else None


def read_rseq(value: str) -> int | None:
    """The number of a reliable provisional response, from 1."""
    return whole_number(value, 2**32) or None


def read_rack(value: str) -> RAck | None:
    """'776656 1 INVITE' as a value; None where it is none."""
    rseq, rest = _words(value)
    sequence, cseq = whole_number(rseq, 2**32), read_cseq(rest)
    return RAck(sequence, cseq.number, cseq.method) if sequence is not None and cseq is not None else None


def _words(value: str) -> tuple[str, str]:
    """The first word, and the rest; only SP and HTAB are between (§25.1: LWS)."""
    first, _, rest = value.replace("\t", " ").strip(" ").partition(" ")
    return first, rest.strip(" ")
