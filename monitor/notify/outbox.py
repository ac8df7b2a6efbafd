"""The outbox: deliveries are rows; whoever claims one by a conditional UPDATE sends it.

    pending ──claim──► sending ──► sent
       ▲                  │ ├────► kept     (no server or nobody is set: for people to see and to send)
       └──back-off────────┘ └────► failed   (refused for good, or tried for three days)

At least once: a claim that ran out may have been sent, so its next attempt counts as a possible
repeat, under the same Message-ID. Celery only rings; `due` is what a sweep finds without it.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec
from django.db import Error, connection
from django.db.models import Case, F, Q, QuerySet, Value, When

from collectors.sip.timers import SECOND
from monitor.models import Delivery
from monitor.notify import email
from monitor.notify.errors import SendError
from monitor.services import database
from monitor.services.alerts import new_message_id
from monitor.services.settings import mail
from monitor.services.sql import text

log = logging.getLogger(__name__)

FIRST_RETRY_US: Final = 10 * SECOND
LAST_RETRY_US: Final = 600 * SECOND
# RFC 5321 §4.5.4.1 lets mail wait for days; what an alert says is old by then.
GIVE_UP_US: Final = 3 * 24 * 3600 * SECOND
# Prolonged for as long as an attempt lasts, so that only a dead worker's claim runs out.
CLAIM_US: Final = 90 * SECOND
PROLONG_S: Final = 30.0
SWEPT: Final = 100


class Claim(msgspec.Struct, frozen=True):
    """The right to make one attempt, until it runs out. No other attempt of this delivery has its number."""

    delivery_id: int
    attempt: int


def clock_us() -> int:
    """Now, µs since the epoch, by the database's clock: a worker's own may be far from that of whoever it competes
    with, and of who said when a delivery is due.
    """
    return database.now_us()


def due(now_us: int, limit: int = SWEPT) -> list[int]:
    """Deliveries whose time has come, the longest waiting first."""
    waiting = Delivery.objects.filter(_claimable(now_us)).order_by("next_attempt_us", "id")
    return list(waiting.values_list("pk", flat=True)[:limit])


def claim(delivery_id: int, now_us: int) -> Claim | None:
    """Take a delivery for one attempt; None when another has it, or its time has not come."""
    taken = Delivery.objects.filter(_claimable(now_us), pk=delivery_id).update(
        state="sending",
        claimed_until_us=now_us + CLAIM_US,
        attempts=F("attempts") + 1,
        possible_repeats=F("possible_repeats") + Case(When(state="sending", then=Value(1)), default=Value(0)),
    )
    if not taken:
        return None
    return Claim(delivery_id, Delivery.objects.values_list("attempts", flat=True).get(pk=delivery_id))


def deliver(delivery_id: int) -> str:
    """Make one attempt if it is due; returns the delivery's state afterwards, "" when there was nothing to do."""
    claimed = claim(delivery_id, clock_us())
    if claimed is None:
        return ""
    delivery = Delivery.objects.select_related("alert").get(pk=delivery_id)
    try:
        if not delivery.subject:
            _render(delivery)
        settings = mail()
        if settings.smtp is None or not delivery.recipient:
            missing = "no mail server is set" if settings.smtp is None else "no recipient is set"
            return _finish(claimed, state="kept", last_error=f"Not sent: {missing}.")
        with _kept(claimed):
            email.send(delivery, settings)
    except SendError as error:
        return _failed(claimed, delivery, error)
    except Exception as error:
        # A fault of ours: the claim is given back, so that a repaired version sends it.
        _failed(claimed, delivery, SendError(f"{type(error).__name__}: {error}", permanent=False))
        raise
    log.info("delivery %d: %s", delivery.pk, delivery.subject)
    return _finish(claimed, state="sent", sent_us=clock_us(), last_error="")


def resend(delivery_id: int) -> list[int]:
    """Make a delivery that rests (sent, kept, failed) due again, to whom the settings say where it had nobody.

    Returns the deliveries to ring for: several where several people are set now; none when it does not rest.
    """
    settings, now_us = mail(), clock_us()
    delivery = Delivery.objects.filter(pk=delivery_id, state__in=("sent", "kept", "failed")).first()
    if delivery is None:
        return []
    first, *others = [delivery.recipient] if delivery.recipient else settings.recipients or ("",)
    changed = Delivery.objects.filter(pk=delivery_id, state=delivery.state).update(
        state="pending",
        recipient=first,
        created_us=now_us,
        next_attempt_us=now_us,
        possible_repeats=F("possible_repeats") + (1 if delivery.state == "sent" else 0),
    )
    if not changed:
        return []
    return [delivery_id, *(_copy(delivery, recipient, now_us, settings.sender) for recipient in others)]


def back_off_us(attempts: int) -> int:
    """How long to wait after so many failed attempts: 10 s, 20 s, 40 s … 10 min."""
    return int(min(FIRST_RETRY_US * 2 ** min(attempts - 1, 10), LAST_RETRY_US))


def _claimable(now_us: int) -> Q:
    return Q(state="pending", next_attempt_us__lte=now_us) | Q(state="sending", claimed_until_us__lte=now_us)


def _render(delivery: Delivery) -> None:
    """Once and for all, so that every attempt carries the same."""
    letter = email.render(delivery)
    delivery.subject, delivery.text, delivery.html = letter.subject, letter.text, letter.html
    delivery.save(update_fields=["subject", "text", "html"])


def _failed(claimed: Claim, delivery: Delivery, error: SendError) -> str:
    now_us = clock_us()
    log.warning("delivery %d, attempt %d: %s", delivery.pk, delivery.attempts, error)
    if error.permanent:
        return _finish(claimed, state="failed", last_error=f"Refused for good: {error}")
    if now_us - delivery.created_us >= GIVE_UP_US:
        return _finish(claimed, state="failed", last_error=f"Given up after three days: {error}")
    return _finish(
        claimed,
        state="pending",
        next_attempt_us=now_us + back_off_us(delivery.attempts),
        possible_repeats=delivery.possible_repeats + error.uncertain,
        last_error=f"Will be tried again: {error}",
    )


def _finish(claimed: Claim, *, state: str, last_error: str, **columns: int) -> str:
    """Write the outcome, unless the claim ran out and another attempt is under way."""
    _held(claimed).update(state=state, last_error=text(last_error, 2_000), **columns)
    return state


def _held(claimed: Claim) -> QuerySet[Delivery]:
    """The delivery, for as long as this claim holds it."""
    return Delivery.objects.filter(pk=claimed.delivery_id, state="sending", attempts=claimed.attempt)


@contextmanager
def _kept(claimed: Claim) -> Iterator[None]:
    """Prolongs the claim meanwhile, from aside: a server may take long, and must not be sent a repeat for it."""
    over = threading.Event()
    keeper = threading.Thread(target=_prolong, args=(claimed, over), name="claim", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()


def _prolong(claimed: Claim, over: threading.Event) -> None:
    while not over.wait(PROLONG_S):
        try:
            _held(claimed).update(claimed_until_us=clock_us() + CLAIM_US)
        except Error as error:
            log.warning("the claim on delivery %d can't be prolonged: %s", claimed.delivery_id, error)
        finally:
            connection.close()


def _copy(delivery: Delivery, recipient: str, now_us: int, sender: str) -> int:
    return Delivery.objects.create(
        alert=delivery.alert,
        event=delivery.event,
        recipient=recipient,
        message_id=new_message_id(sender),
        state="pending",
        next_attempt_us=now_us,
        created_us=now_us,
        subject=delivery.subject,
        text=delivery.text,
        html=delivery.html,
    ).pk
