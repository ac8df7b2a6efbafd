"""Event and Subscription-State of SUBSCRIBE, NOTIFY and PUBLISH (RFC 6665 §8.2)."""

import msgspec

from collectors.sip.grammar import head_and_parameters, whole_number


class Event(msgspec.Struct, frozen=True):
    """What is watched."""

    package: str  # lower case, with its templates: "presence", "dialog", "refer", "presence.winfo"
    id: str = ""


class SubscriptionState(msgspec.Struct, frozen=True):
    """How a subscription stands."""

    state: str  # lower case: "active", "pending", "terminated", or an extension
    reason: str = ""  # lower case: "deactivated", "noresource", "rejected", "timeout" …
    expires: int | None = None  # seconds
    retry_after: int | None = None  # seconds

    @property
    def over(self) -> bool:
        """Whether no more NOTIFYs follow."""
        return self.state == "terminated"


def read_event(value: str) -> Event:
    """'Refer;id=93809824' → Event("refer", "93809824")."""
    package, parameters = head_and_parameters(value)
    return Event(package.lower(), parameters.get("id", ""))


def read_subscription_state(value: str) -> SubscriptionState:
    """'terminated;reason=noresource' as a value."""
    state, parameters = head_and_parameters(value)
    return SubscriptionState(
        state.lower(),
        parameters.get("reason", "").lower(),
        whole_number(parameters.get("expires", ""), 2**32),
        whole_number(parameters.get("retry-after", ""), 2**32),
    )
