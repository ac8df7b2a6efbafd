"""Requests that are challenged: credentials that are wrong, and challenges that nobody answers."""

from collections.abc import Sequence
from typing import Final

from monitor.core.diagnosis.rule import Rule, standing
from monitor.core.diagnosis.text import ends, times
from monitor.core.logins import Try
from monitor.core.settings import Settings
from monitor.core.updates import Finding, Severity

AUTH_FAILED: Final[Rule] = Rule(
    code="auth-failed",
    severity=Severity.MAJOR,
    when="Credentials were sent for a realm with that realm's latest nonce, and it challenged again. An older nonce, "
    "one that has served before, or one that the challenge calls stale, is no failure; nor is an empty response (IMS "
    "AKA). For all requests but REGISTER; *cleared* when they are accepted.",
    source="RFC 3261 §22, RFC 3310, RFC 7616 §3.3",
    remedy="Compare user name, authentication name, password and realm on both sides; a proxy that alters the digest "
    "URI gives this, too.",
    repeats=True,
)
AUTH_NOT_ATTEMPTED: Final[Rule] = Rule(
    code="auth-not-attempted",
    severity=Severity.MINOR,
    when="A request was challenged (401, 407), and its client never tried again. *Suspected* after 4 s, *confirmed* "
    "after 64·T1, *cleared* by a retry. Not of REGISTER, BYE and OPTIONS, whose challenges are told of elsewhere or "
    "mean nothing.",
    source="RFC 3261 §22.1, §22.3",
    remedy="Give the client credentials for that realm, or let the server know it by its address instead. Who has none "
    "may also be somebody who tries numbers out.",
)


def auth_failed(failed: Sequence[Try], realm: str, accepted_us: int) -> Finding | None:
    """`auth-failed` of a realm: the tries to which that happened, in order; when one was `accepted` after them."""
    if not failed:
        return None
    first, last = failed[0], failed[-1]
    state = standing(confirmed_us=first.challenged_us, cleared_us=accepted_us)
    if state is None:
        return None
    client, server = ends(last.hop)
    often = f" {times(len(failed))}" if failed[1:] else ""
    return AUTH_FAILED.finding(
        subject=realm,
        state=state,
        at_us=last.challenged_us,
        hop=last.hop,
        messages={number for each in failed for number in each.numbers},
        cause=f"{server} challenged the {last.method} of {client} again{often}, although it had sent credentials for "
        f"the latest nonce of {realm!r}: the password, or the user name, is wrong.",
    )


def auth_not_attempted(tried: Try, retried_us: int, settings: Settings, now_us: int) -> Finding | None:
    """`auth-not-attempted` of a challenged request without credentials; when it was `retried` (0: never)."""
    suspected_us = tried.challenged_us + settings.repair_us
    certain_us = tried.challenged_us + settings.timers.timeout_us
    state = standing(
        suspected_us=suspected_us if now_us >= suspected_us else 0,
        # Of a client out of sight, no retry would have been seen.
        confirmed_us=certain_us if tried.asked and now_us >= certain_us else 0,
        cleared_us=retried_us,
    )
    if state is None:
        return None
    client, server = ends(tried.hop)
    realms = ", ".join(sorted(tried.challenged))
    return AUTH_NOT_ATTEMPTED.finding(
        subject=tried.subject,
        state=state,
        at_us=tried.challenged_us,
        hop=tried.hop,
        messages=set(tried.numbers),
        cause=f"{server} asked {client} for credentials with {tried.status} (realm {realms!r}), and its "
        f"{tried.method} did not come again.",
    )
