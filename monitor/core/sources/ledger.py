"""What is said of sources, accounts and peers at present, and what of it is news."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from monitor.core.diagnosis.rule import Rule
from monitor.core.limits import Limits
from monitor.core.sources.values import Subject, SubjectFinding
from monitor.core.updates import FindingState, RecordKey, Severity

MOST: Final = 10_000  # findings that stand; beyond it the one that was said longest ago is left as it is
_MOST_EVIDENCE: Final = 10

Name = tuple[Subject, str, str]  # kind, name, code


class Ledger:
    """One finding of a code for each source, account or peer, as long as evidence comes."""

    def __init__(self, limits: Limits, most: int = MOST) -> None:
        self._limits = limits
        self._most = most
        self._standing: OrderedDict[Name, SubjectFinding] = OrderedDict()  # the least recently said first
        self._told_us: dict[Name, int] = {}
        self._changed: dict[tuple[Name, int], SubjectFinding] = {}
        self._news: list[SubjectFinding] = []
        self._due_us = 0  # before this, nothing is over; 0: not known
        self.forgotten = 0

    def say(
        self,
        rule: Rule,
        kind: Subject,
        name: str,
        at_us: int,
        cause: str,
        *,
        state: FindingState = FindingState.CONFIRMED,
        count: int = 1,
        hop: str = "",
        evidence: Iterable[RecordKey] = (),
        severity: Severity | None = None,
        variant: str = "",
        remedy: str = "",
    ) -> None:
        """A rule says this of `name` now, on new evidence. What is confirmed stays so."""
        key = (kind, name, rule.code)
        known = self._standing.get(key)
        if known is not None and known.finding.state == FindingState.CONFIRMED:
            state = FindingState.CONFIRMED
        since_us = known.finding.at_us if known is not None else at_us
        finding = rule.finding(
            subject=name,
            state=state,
            at_us=since_us,
            hop=hop,
            messages=set(),
            cause=cause,
            remedy=remedy,
            variant=variant,
            severity=severity,
        )
        seen = dict.fromkeys((*known.evidence, *evidence) if known is not None else evidence)
        self._put(
            SubjectFinding(
                kind=kind,
                name=name,
                finding=finding,
                last_us=max(at_us, known.last_us) if known is not None else at_us,
                count=max(count, known.count) if known is not None else count,
                evidence=tuple(seen)[-_MOST_EVIDENCE:],
            ),
            tell=known is None
            or known.finding.state != state
            or at_us >= self._told_us.get(key, 0) + self._limits.again_us,
        )

    def clear(self, rule: Rule, kind: Subject, name: str, at_us: int) -> None:
        """It turned out to be repaired, or never to have been so."""
        known = self._standing.get((kind, name, rule.code))
        if known is not None and known.finding.state != FindingState.CLEARED:
            finding = replace(known.finding, state=FindingState.CLEARED)
            self._put(replace(known, finding=finding, last_us=max(known.last_us, at_us)), tell=True)
            self._drop((kind, name, rule.code))

    def stands(self, rule: Rule, kind: Subject, name: str) -> SubjectFinding | None:
        """What is said of it at present, if anything."""
        return self._standing.get((kind, name, rule.code))

    def restore(self, findings: Iterable[SubjectFinding]) -> None:
        """These stand, as they were stored; what was said while the past was folded again was said before."""
        self._standing.clear()
        self._told_us.clear()
        for finding in sorted(findings, key=lambda each: each.last_us):
            key = (finding.kind, finding.name, finding.finding.code)
            self._standing[key] = finding
            self._told_us[key] = finding.last_us
        self._due_us = 0
        self._changed.clear()
        self._news.clear()

    def advance(self, now_us: int) -> None:
        """Forget what is over."""
        while self._standing and self._due_us <= now_us:
            key, oldest = next(iter(self._standing.items()))
            due_us = oldest.last_us + self._limits.episode_us
            if due_us <= now_us:
                self._drop(key)
            else:
                self._due_us = due_us

    def changed(self) -> list[SubjectFinding]:
        """Each finding that changed since this was asked last, as it stands now."""
        changed, self._changed = list(self._changed.values()), {}
        return changed

    def news(self) -> list[SubjectFinding]:
        """What is to be told since this was asked last: new, surer, cleared, or still going on."""
        news, self._news = self._news, []
        return news

    def _put(self, finding: SubjectFinding, *, tell: bool) -> None:
        key = (finding.kind, finding.name, finding.finding.code)
        self._standing[key] = finding
        self._standing.move_to_end(key)
        self._due_us = 0
        self._changed[key, finding.finding.at_us] = finding
        if tell:
            self._told_us[key] = finding.last_us
            self._news.append(finding)
        if len(self._standing) > self._most:
            self._drop(next(iter(self._standing)))
            self.forgotten += 1

    def _drop(self, key: Name) -> None:
        self._due_us = 0
        del self._standing[key]
        self._told_us.pop(key, None)
