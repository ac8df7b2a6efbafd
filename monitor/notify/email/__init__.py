"""Mail: what it says (`story`, `letter`), how it looks (`templates/`), how it travels (`smtp`)."""

from monitor.models import Delivery
from monitor.notify.email import smtp
from monitor.notify.email.letter import Letter, compose, test_letter, write
from monitor.notify.email.story import tell
from monitor.notify.errors import SendError
from monitor.services.settings import Mail


def render(delivery: Delivery) -> Letter:
    """What a delivery's mail says, as of now."""
    return test_letter() if delivery.alert is None else write(tell(delivery.alert, delivery.event))


def send(delivery: Delivery, settings: Mail) -> None:
    """Hand a rendered delivery to the mail server. Raises `SendError`."""
    if settings.smtp is None:
        raise SendError("no mail server is set", permanent=True)
    # Somebody sits before the page and waits for a test.
    patience = smtp.TRIAL if delivery.event == "test" else smtp.PATIENCE
    smtp.transmit(settings.smtp, compose(delivery, settings.sender), patience)


__all__ = ["Letter", "render", "send"]
