"""Whether the media of a call flow: reports of presence against what its sides agreed on."""

from typing import Any, ClassVar, Final

from collectors.wire.events import RTCP, RTP, SideEvent
from monitor.core.call import Call
from monitor.core.diagnosis.flows import GONE_US, MEDIA, NO_MEDIA, ONE_WAY_AUDIO, no_media, one_way_audio, stopped
from monitor.core.diagnosis.timers import ZOMBIE_CALL
from monitor.core.facet import Facet
from monitor.core.facets.media import Media
from monitor.core.flows import Flows, Place, legs
from monitor.core.message import Message
from monitor.core.transaction import Transaction
from monitor.core.updates import CallState, Finding, FindingState, Update

_RULES: Final = {rule.code: rule for rule in (ONE_WAY_AUDIO, NO_MEDIA)}


class Flowing(Facet[Call]):
    """Judges by what collectors saw of RTP."""

    __slots__ = ("_flows",)

    beside: ClassVar[frozenset[str]] = frozenset({RTP, RTCP})

    def __init__(self, fold: Call) -> None:
        super().__init__(fold)
        self._flows = Flows()

    @staticmethod
    def may_begin(method: str, status: int, cseq_method: str) -> bool:
        """No message may."""
        return False

    @staticmethod
    def begins(event: Message) -> bool:
        """Only with a report."""
        return False

    @staticmethod
    def hears(method: str, status: int, cseq_method: str, *, found: bool) -> bool:
        """What may carry the answer, or ends the call."""
        return method in ("ACK", "BYE") or 200 <= status < 300

    def news(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """A later offer may move the media elsewhere, and a BYE ends it."""
        if self._flows.silences and event.method != "BYE":
            self._judge(event.captured_us, out)
        self._judge_stop(event.captured_us, out)

    def witness(self, side: SideEvent, number: int, out: list[Update]) -> None:
        """RTP was seen, or was not; or RTCP was."""
        self._flows.take(side)
        if side.kind == RTP or self._flows.silences:
            self._judge(side.captured_us, out)
        if stopped_us := self._flows.stopped_us():
            self.fold.wake_facet(stopped_us + GONE_US, self)
        self._judge_stop(side.captured_us, out)

    def fire(self, about: Any, due_us: int, out: list[Update]) -> None:
        """No media for long."""
        self._judge_stop(due_us, out)

    def _judge_stop(self, at_us: int, out: list[Update]) -> None:
        fold, media, verdict = self.fold, self.fold.facet(Media), None
        if not self._flows.stopped_us() and (ZOMBIE_CALL.code, MEDIA) not in fold.findings:
            return
        if fold.state is CallState.ANSWERED and media is not None:
            verdicts = (stopped(leg, self._flows, fold.now_us) for leg in legs(media.exchanges()))
            verdict = next(filter(None, verdicts), None)
        fold.judge(ZOMBIE_CALL, MEDIA, verdict, self._flows.stopped_us(), at_us, out)

    def _judge(self, at_us: int, out: list[Update]) -> None:
        fold, media = self.fold, self.fold.facet(Media)
        if media is None:
            return
        found: dict[tuple[str, str], Finding] = {}
        silent: set[Place] = set()
        for leg in legs(media.exchanges()) if self._flows.silences else ():
            verdict = one_way_audio(leg, self._flows) or no_media(leg, self._flows)
            if verdict is not None:
                found[verdict.code, leg.subject] = verdict
                silent |= {leg.offered, leg.accepted} & self._flows.silences.keys()
        for (code, subject), known in list(fold.findings.items()):
            if code in _RULES and known.state is not FindingState.CLEARED and (code, subject) not in found:
                fold.judge(_RULES[code], subject, None, known.at_us, at_us, out)
        since_us = min((silence.since_us for silence in self._flows.silences.values()), default=at_us)
        for (code, subject), verdict in found.items():
            fold.judge(_RULES[code], subject, verdict, since_us, at_us, out)
        media.hear(self._flows.reached(), frozenset(silent), at_us, out)
