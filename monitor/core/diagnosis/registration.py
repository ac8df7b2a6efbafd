"""Registrations that are refused (RFC 3261 §10, §22). `registration-unanswered` is judged as in set-up."""

from collections.abc import Sequence
from typing import Final

from monitor.core.attempt import CHALLENGES, Attempt, repairable
from monitor.core.diagnosis.refusal import refusal
from monitor.core.diagnosis.rule import Rule, standing
from monitor.core.diagnosis.setup import INVITE_UNANSWERED
from monitor.core.diagnosis.text import ends, times
from monitor.core.settings import Settings
from monitor.core.updates import Finding, Severity

REGISTRATION_REJECTED: Final = Rule(
    code="registration-rejected",
    severity=Severity.MAJOR,
    when="A REGISTER gets a final response ≥ 300 that is no challenge, and no retry repairs it: a 423 that is retried "
    "with a longer interval is normal, a redirection that is followed too. One finding a session gathers them, "
    "*cleared* when it registers.",
    source="RFC 3261 §10.3, §10.2.8, §21",
    remedy="Does the account exist there, and may it register from this address? "
    "Compare the user, the domain in From and To, and the registrar's access list.",
    repeats=True,
)
REGISTRATION_AUTH_FAILED: Final = Rule(
    code="registration-auth-failed",
    severity=Severity.MAJOR,
    when="Credentials were sent for a realm with that realm's latest nonce, and it challenged again. An older nonce, "
    "one that has served before, or one that the challenge calls stale, is no failure; nor is an empty response "
    "(IMS AKA). One finding a session gathers them, *cleared* when it registers.",
    source="RFC 3261 §22, RFC 3310, RFC 7616 §3.3",
    remedy="Compare user name, authentication name, password and realm on the phone and in the registrar; "
    "a changed password, or a proxy that alters the digest URI, gives this, too.",
    repeats=True,
)
REGISTRATION_UNANSWERED: Final = Rule(
    code="registration-unanswered",
    severity=Severity.MAJOR,
    when="As `invite-unanswered`, for REGISTER. *Cleared* when the client registers all the same.",
    source="RFC 3261 §17.1.2, §10.2.7",
    remedy=INVITE_UNANSWERED.remedy,
)

_COUNTED: Final = 10  # fewer than a session remembers


def rejected(attempts: Sequence[Attempt], settings: Settings, now_us: int, *, registered_us: int) -> Finding | None:
    """`registration-rejected` of a session: its attempts, in order, and when it registered after them (0: never)."""
    refused = [attempt for attempt in attempts if _refused_us(attempt, attempts, settings, now_us)]
    if not refused:
        return None
    first, last = refused[0], refused[-1]
    state = standing(confirmed_us=_refused_us(first, attempts, settings, now_us), cleared_us=registered_us)
    final = last.final()
    if state is None or final is None:
        return None
    origin = last.origin(final.final_status)
    why = refusal(final.final_status, final.explanation)
    _, registrar = ends(origin.hop)
    often = f" {_times(refused)}, last" if len(refused) > 1 else ""
    return REGISTRATION_REJECTED.finding(
        subject="",
        state=state,
        at_us=final.final_us,
        hop=origin.hop,
        messages={*final.numbers[:1], *_finals(refused)},
        cause=f"{registrar} refused the registration{often} with {final.explanation or final.final_status}: "
        f"{why.meaning}.",
        variant=why.name,
    )


def auth_failed(failed: Sequence[Attempt], aor: str, *, registered_us: int) -> Finding | None:
    """`registration-auth-failed` of a session: the attempts to which that happened, in order."""
    last = failed[-1].final() if failed else None
    first = failed[0].final() if failed else None
    if first is None or last is None:
        return None
    state = standing(confirmed_us=first.final_us, cleared_us=registered_us)
    if state is None:
        return None
    client, registrar = ends(last.hop)
    often = f", {_times(failed)}," if len(failed) > 1 else ","
    return REGISTRATION_AUTH_FAILED.finding(
        subject="",
        state=state,
        at_us=last.final_us,
        hop=last.hop,
        messages={*last.numbers[:1], *_finals(failed)},
        cause=f"{registrar} challenged {client} again{often} although it had sent credentials for the latest nonce: "
        f"the password, or the user name, of {aor} is wrong.",
    )


def _refused_us(attempt: Attempt, attempts: Sequence[Attempt], settings: Settings, now_us: int) -> int:
    """When the refusal of an attempt counts; 0 where it is none, may yet be repaired, or was."""
    status, final = attempt.status(), attempt.final()
    if final is None or status < 300 or status in CHALLENGES:
        return 0
    if not repairable(status):
        return final.final_us
    due_us = final.final_us + settings.repair_us
    retried = any(attempt.first_us < other.first_us <= due_us for other in attempts)
    return 0 if retried or now_us < due_us else due_us


def _times(attempts: Sequence[Attempt]) -> str:
    """How often, as far as is remembered."""
    return times(len(attempts)) if len(attempts) < _COUNTED else f"{_COUNTED} times or more"


def _finals(attempts: Sequence[Attempt]) -> list[int]:
    """The final responses of these attempts as evidence, the last dozen."""
    return sorted({number for attempt in attempts for t in attempt.nearest() for number in t.final_numbers[:1]})[-12:]
