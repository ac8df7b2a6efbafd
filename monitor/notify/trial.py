"""`offhook send-test-email`: one mail now, and in plain words what became of it."""

import msgspec

from monitor.models import Delivery
from monitor.notify import outbox
from monitor.services.alerts import new_message_id
from monitor.services.settings import Mail, address_problem, mail


class Trial(msgspec.Struct, frozen=True):
    """What happened, and a sentence for each recipient."""

    arrived: bool
    lines: list[str]


def send_test_email(to: str = "") -> Trial:
    """Send a test mail to `to`, or else to everybody who is set. The outbox shows it like any other."""
    settings = mail()
    recipients = (to,) if to else settings.recipients
    if not recipients:
        return Trial(arrived=False, lines=["no recipient is set: name one on the settings page or in OFFHOOK_MAIL_TO"])
    if problem := address_problem(to) if to else "":
        return Trial(arrived=False, lines=[problem])
    outcomes = [_try(settings, recipient) for recipient in recipients]
    return Trial(arrived=all(sent for sent, _ in outcomes), lines=[line for _, line in outcomes])


def _try(settings: Mail, recipient: str) -> tuple[bool, str]:
    now_us = outbox.clock_us()
    delivery = Delivery.objects.create(
        event="test",
        recipient=recipient,
        message_id=new_message_id(settings.sender),
        state="pending",
        next_attempt_us=now_us,
        created_us=now_us,
    )
    outbox.deliver(delivery.pk)
    delivery.refresh_from_db()
    if settings.smtp and delivery.state == "sent":
        return True, f"{settings.smtp.host}:{settings.smtp.port} took the mail to {recipient}"
    return False, f"{recipient}: {delivery.last_error}"
