"""Headers that say for how long: Retry-After, Session-Expires, Min-SE, Expires (RFC 3261 §20, RFC 4028)."""

from functools import lru_cache

import msgspec

from collectors.sip.grammar import head_and_parameters, parameters, split, whole_number


class RetryAfter(msgspec.Struct, frozen=True):
    """When to try again (RFC 3261 §20.33)."""

    seconds: int
    comment: str = ""
    duration: int | None = None  # how long it will be there then, in seconds


class SessionExpires(msgspec.Struct, frozen=True):
    """The session interval, and who refreshes it (RFC 4028 §4)."""

    seconds: int
    refresher: str = ""  # "uac", "uas", or "" while that is open


def read_delta(value: str) -> int | None:
    """Seconds of Expires, Min-Expires, Min-SE: '90;some=parameter' → 90; None where it is no number (§25.1)."""
    return whole_number(head_and_parameters(value)[0], 2**32)


def read_retry_after(value: str) -> RetryAfter | None:
    """'18000 (in a meeting);duration=3600' as a value; None where it names no seconds."""
    head, *rest = split(value, ";", comments=True) or [""]
    digits, _, comment = head.partition("(")
    seconds = whole_number(digits, 2**32)
    if seconds is None:
        return None
    duration = whole_number(parameters(";".join(rest)).get("duration", ""), 2**32)
    return RetryAfter(seconds, comment.rpartition(")")[0], duration)


@lru_cache(256)  # most say one of a few
def read_session_expires(value: str) -> SessionExpires | None:
    """'1800;refresher=uac' as a value; None where it names no seconds."""
    head, parameters = head_and_parameters(value)
    seconds = whole_number(head, 2**32)
    if seconds is None:
        return None
    refresher = parameters.get("refresher", "").lower()
    return SessionExpires(seconds, refresher if refresher in ("uac", "uas") else "")
