"""Registrations that are refused (RFC 3261 §10, §22). `registration-unanswered` is judged as in set-up."""

from collections.abc import Sequence
from typing import Final

from monitor.core.attempt import CHALLENGES, Attempt, repairable
from monitor.core.diagnosis.refusal import refusal
from monitor.core.diagnosis.rule import Rule, standing
from monitor.core.diagnosis.setup import INVITE_UNANSWERED
from monitor.core.diagnosis.text import ends, seconds, times
from monitor.core.limits import Limits
from monitor.core.settings import Settings
from monitor.core.updates import Finding, FindingState, Severity

REGISTRATION_REJECTED: Final[Rule] = Rule(
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
REGISTRATION_AUTH_FAILED: Final[Rule] = Rule(
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
REGISTRATION_UNANSWERED: Final[Rule] = Rule(
    code="registration-unanswered",
    severity=Severity.MAJOR,
    when="As `invite-unanswered`, for REGISTER. Over TCP, TLS and WebSocket it is *confirmed* only where the session "
    "has seen a response of that registrar before: nothing else says that there was none. *Cleared* when the client "
    "registers all the same, or answers a challenge.",
    source="RFC 3261 §17.1.2, §10.2.7",
    remedy=INVITE_UNANSWERED.remedy,
)
SLOW_REGISTRATION: Final[Rule] = Rule(
    code="slow-registration",
    severity=Severity.MINOR,
    when=f"A REGISTER that succeeds takes longer than {seconds(Settings().slow_registration_us)} from its first send "
    "to the 2xx (RRD). The challenge before it is a request of its own.",
    source="RFC 6076 §4.1",
    remedy="Did the client resend it? Then packets are lost on the way. Did it not? Then look at the registrar's "
    "load, its database, and the DNS and RADIUS servers that it asks.",
)
REGISTRATION_EXPIRED: Final[Rule] = Rule(
    code="registration-expired",
    severity=Severity.MINOR,
    when="The time that the 2xx gave to a Contact passed, and the binding (address of record and instance, else "
    "Contact, under any Call-ID) was neither renewed nor removed. A phone that has another binding since, under the "
    "same Call-ID or from the same address, only moved. Where messages were lost meanwhile, it is *suspected* when the "
    "same time has passed once more; *cleared* when it registers again.",
    source="RFC 3261 §10.2.1.1, §10.2.4, RFC 5626",
    remedy="Is the phone switched on, and does its network reach the registrar? One that renews too late, or not at "
    "all after a change of address, needs a shorter interval or newer firmware.",
)
REGISTRATION_FLAPPING: Final[Rule] = Rule(
    code="registration-flapping",
    severity=Severity.MINOR,
    when=f"One device (instance, else Call-ID) moves to another address, or comes back after it removed its binding, "
    f"{Limits().flaps} times within {seconds(Limits().flaps_us)}. Other instances, and other ports at the same "
    "address, don't count.",
    source="RFC 3261 §10.2.2, RFC 5626",
    remedy="A phone that wavers between two networks, restarts, or shares its account and instance with another one: "
    "look at its log, its power and its Wi-Fi.",
)
REGISTRATION_STORM: Final[Rule] = Rule(
    code="registration-storm",
    severity=Severity.MINOR,
    when=f"A registrar gets {Limits().storm_logins} registrations or more within 10 s, {Limits().storm_factor} times "
    "what is usual there: the mean of the last ten minutes; *suspected* before it was watched for a minute, by the "
    "lifetimes that it gives.",
    source="RFC 3261 §10.2.4, RFC 5626 §4.5",
    remedy="What was away just before: a network, a registrar, a PBX with many accounts? If the registrar can't bear "
    "it, give Retry-After (RFC 3261 §21.5.4), and spread the renewals by random lifetimes.",
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


def slow(attempt: Attempt, settings: Settings) -> Finding | None:
    """`slow-registration` of a REGISTER that succeeded, as near to the client as it was seen."""
    nearest = attempt.nearest()
    slowest, took_us = nearest[0], 0
    for transaction in nearest:
        if transaction.seen_request and transaction.succeeded_us - transaction.first_us > took_us:
            slowest, took_us = transaction, transaction.succeeded_us - transaction.first_us
    if took_us <= settings.slow_registration_us:
        return None
    client, registrar = ends(slowest.hop)
    resent = f", and {client} sent it {times(slowest.sends)}" if slowest.sends > 1 else ""
    return SLOW_REGISTRATION.finding(
        subject="",
        state=FindingState.CONFIRMED,
        at_us=slowest.succeeded_us,
        hop=slowest.hop,
        messages={*slowest.numbers[:1], *slowest.final_numbers[:1]},
        cause=f"{registrar} took {seconds(took_us)} to accept the registration{resent} "
        f"(over {seconds(settings.slow_registration_us)} is slow).",
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
