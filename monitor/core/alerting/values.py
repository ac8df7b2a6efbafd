"""What alerting takes in (signals) and gives out (decisions). Frozen values, past tense."""

from enum import StrEnum
from typing import TypeAlias

import msgspec

from monitor.core.updates import FindingCleared, FindingConfirmed, FindingRaised, FindingState


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """A finding as rules see it, whoever found it. (slug, code, subject) names it."""

    code: str
    subject: str = ""
    state: FindingState
    at_us: int
    kind: str  # "call", "registration", "transaction", "collector"
    slug: str  # of the record, or the collector's name
    hop: str = ""
    from_uri: str = ""
    to_uri: str = ""
    cause: str
    remedy: str

    @classmethod
    def of(cls, update: FindingRaised | FindingConfirmed | FindingCleared, believed_us: int) -> "Signal":
        """The signal in an update of the correlator, which happened at `believed_us` at the latest."""
        finding = update.finding
        return cls(
            code=finding.code,
            subject=finding.subject,
            state=FindingState.CLEARED if isinstance(update, FindingCleared) else finding.state,
            at_us=min(finding.at_us if isinstance(update, FindingRaised) else update.at_us, believed_us),
            kind=update.key.kind,
            slug=update.key.slug,
            hop=finding.hop,
            from_uri=update.from_uri,
            to_uri=update.to_uri,
            cause=finding.cause,
            remedy=finding.remedy,
        )


class AlertValues(msgspec.Struct, frozen=True, kw_only=True):
    """An alert as it stands. `fingerprint` names it among those that are open."""

    fingerprint: str
    rule: str
    severity: str
    title: str
    summary: str
    remedy: str
    place: str
    count: int  # records with a finding that was not cleared
    notified: int  # the count when it was last told of
    opened_us: int
    last_us: int  # of the newest finding
    quiet_us: int | None  # when it resolves unless something comes; None: never by itself
    mail: bool = True  # whether anybody is told


class HeldAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An open alert with the findings that it holds, oldest first: all that alerting remembers of it."""

    alert: AlertValues
    findings: tuple[Signal, ...]


class Resolution(StrEnum):
    """Why an alert is over."""

    QUIET = "quiet"  # nothing came for the rule's quiet time
    CLEARED = "cleared"  # all that it rested on was taken back


class AlertOpened(msgspec.Struct, frozen=True, tag=True):
    """A group reached its threshold."""

    alert: AlertValues


class AlertChanged(msgspec.Struct, frozen=True, tag=True):
    """Something was added or taken back."""

    alert: AlertValues


class AlertEscalated(msgspec.Struct, frozen=True, tag=True):
    """Ten times as many as when it was last told of."""

    alert: AlertValues


class AlertResolved(msgspec.Struct, frozen=True, tag=True):
    """It is over."""

    alert: AlertValues
    at_us: int
    resolution: Resolution


class FindingNoted(msgspec.Struct, frozen=True, tag=True):
    """An open alert holds this finding, in this state; cleared: it holds it no more."""

    fingerprint: str
    finding: Signal


class FindingForgotten(msgspec.Struct, frozen=True, tag=True):
    """A bound was reached: the finding still counts, but can't be taken back any more."""

    fingerprint: str
    slug: str
    code: str
    subject: str


Decision: TypeAlias = AlertOpened | AlertChanged | AlertEscalated | AlertResolved | FindingNoted | FindingForgotten
