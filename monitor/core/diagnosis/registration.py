"""Registrations that are refused (RFC 3261 §10, §22)."""

from collections.abc import Sequence

from monitor.core.attempt import CHALLENGES, Attempt, repairable
from monitor.core.diagnosis.refusal import refusal
from monitor.core.diagnosis.text import ends, times
from monitor.core.settings import Settings
from monitor.core.updates import Finding, FindingState, Severity


def rejected(attempt: Attempt, settings: Settings, now_us: int, *, repaired: bool) -> Finding | None:
    """`registration-rejected`: an unrepaired final ≥ 300 other than a challenge.

    A 423 that is retried with a longer interval is normal (§10.2.8), a redirection that is followed too.
    """
    status = attempt.status()
    final = attempt.final()
    if final is None or status < 300 or status in CHALLENGES or repaired:
        return None
    if repairable(status) and now_us < final.final_us + settings.repair_us:
        return None
    origin = attempt.origin(status)
    why = refusal(status, final.explanation)
    _, registrar = ends(origin.hop)
    return Finding(
        code="registration-rejected",
        subject=attempt.subject,
        severity=Severity.MAJOR,
        state=FindingState.CONFIRMED,
        at_us=final.final_us,
        hop=origin.hop,
        messages=tuple(sorted({*final.numbers[:1], *final.final_numbers[:1]})),
        cause=f"{registrar} refused the registration with {final.explanation or status}: {why.meaning}.",
        remedy="Does the account exist there, and may it register from this address? "
        "Compare the user, the domain in From and To, and the registrar's access list.",
    )


def auth_failed(failed: Sequence[Attempt], aor: str) -> Finding:
    """`registration-auth-failed`: credentials with the realm's latest nonce were challenged again.

    `failed`: the attempts of one session to which that happened, at least one.
    """
    last = failed[-1]
    place = last.final() or last.deepest()
    client, registrar = ends(place.hop)
    numbers = {number for attempt in failed for t in attempt.nearest() for number in t.final_numbers[:1]}
    return Finding(
        code="registration-auth-failed",
        subject="",
        severity=Severity.MAJOR,
        state=FindingState.CONFIRMED,
        at_us=place.final_us,
        hop=place.hop,
        messages=tuple(sorted({*place.numbers[:1], *sorted(numbers)[-12:]})),
        cause=f"{registrar} challenged {client} again {times(len(failed))} although it had sent credentials for the "
        f"latest nonce: the password, or the user name, of {aor} is wrong.",
        remedy="Compare user name, authentication name, password and realm on the phone and in the registrar; "
        "a changed password, or a proxy that alters the digest URI, gives this, too.",
    )
