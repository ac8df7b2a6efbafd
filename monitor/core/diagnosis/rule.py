"""What a rule says of itself, from which `docs/findings.md` is made, and the state of a finding by its times."""

import msgspec

from monitor.core.times import earlier
from monitor.core.updates import Finding, FindingState, Severity


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One code of the catalogue."""

    code: str  # stable: "missing-ack"
    severity: Severity
    when: str  # it fires; Markdown
    source: str  # where the RFCs say so
    remedy: str  # with {placeholders} where a finding names places
    repeats: bool = False  # one finding gathers what happens again and again, and each time is told

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
            messages=tuple(sorted(messages)),
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
