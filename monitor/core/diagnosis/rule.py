"""What a rule says of itself, from which `docs/findings.md` is made, and the state of a finding by its times."""

from monitor.core.times import earlier
from monitor.core.updates import Finding, FindingState, Severity


class Rule:
    """One code of the catalogue. Never changed."""

    __slots__ = ("code", "remedy", "repeats", "severity", "source", "when")

    def __init__(
        self, *, code: str, severity: Severity, when: str, source: str, remedy: str, repeats: bool = False
    ) -> None:
        self.code = code  # stable: "missing-ack"
        self.severity = severity
        self.when = when  # it fires; Markdown
        self.source = source  # where the RFCs say so
        self.remedy = remedy  # with {placeholders} where a finding names places
        self.repeats = repeats  # one finding gathers what happens again and again, and each time is told

    def finding(
        self,
        *,
        subject: str,
        state: FindingState,
        at_us: int,
        hop: str,
        messages: set[int],
        cause: str,
        remedy: str = "",
        variant: str = "",
        severity: Severity | None = None,
    ) -> Finding:
        """A finding of this code; the rule's own remedy and severity unless others are given."""
        return Finding(
            code=self.code,
            subject=subject,
            severity=severity or self.severity,
            state=state,
            at_us=at_us,
            hop=hop,
            messages=tuple(messages) if len(messages) == 1 else tuple(sorted(messages)),
            cause=cause,
            remedy=remedy or self.remedy,
            variant=variant,
        )


def standing(*, suspected_us: int = 0, confirmed_us: int = 0, cleared_us: int = 0) -> FindingState | None:
    """The state of what was suspected, confirmed and cleared at these wire times (0: never).

    None where it never was so: not suspected, or cleared before that.
    """
    begin_us = earlier(suspected_us, confirmed_us)
    if not begin_us or 0 < cleared_us <= begin_us:
        return None
    if cleared_us:
        return FindingState.CLEARED
    return FindingState.CONFIRMED if confirmed_us else FindingState.SUSPECTED
