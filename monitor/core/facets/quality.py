"""The quality of a call's media: reports that were seen beside its messages, and statistics in its BYEs."""

from typing import ClassVar, Final

from collectors.sip.reading import Names
from collectors.sip.statistics import HEADERS, statistics_of
from collectors.wire.events import RTCP, SideEvent
from monitor.core.call import Call
from monitor.core.diagnosis.quality import POOR_QUALITY, poor_quality
from monitor.core.facet import Facet
from monitor.core.facets.media import Media
from monitor.core.hop import endpoint
from monitor.core.message import Message
from monitor.core.quality import Qualities, QualityRow
from monitor.core.transaction import Transaction
from monitor.core.updates import FindingState, Update

_STATISTICS: Final = Names(*HEADERS)


class Quality(Facet[Call]):
    """Sums up what receivers report, and judges it."""

    __slots__ = ("_qualities",)

    beside: ClassVar[frozenset[str]] = frozenset({RTCP})

    def __init__(self, fold: Call) -> None:
        super().__init__(fold)
        self._qualities = Qualities()

    @staticmethod
    def may_begin(method: str, status: int, cseq_method: str) -> bool:
        """BYE, or a response to it."""
        return cseq_method == "BYE"

    @staticmethod
    def begins(event: Message) -> bool:
        """With statistics in a BYE, or its response; or with the first report."""
        return event.cseq_method == "BYE" and bool(event.among(_STATISTICS))

    @staticmethod
    def hears(method: str, status: int, cseq_method: str, *, found: bool) -> bool:
        """BYE, or a response to it."""
        return cseq_method == "BYE"

    def news(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """A BYE, or its response, may carry statistics; the hop nearest to who sends them tells first."""
        if event.cseq_method != "BYE":
            return
        codec, _ = self._codec()
        for statistics in statistics_of(event):
            reporter, sender = (
                endpoint(event.source, event.source_port),
                endpoint(event.destination, event.destination_port),
            )
            if self._qualities.tell(statistics, reporter, sender, number, codec):
                self._judge(event.captured_us, out)

    def witness(self, side: SideEvent, number: int, out: list[Update]) -> None:
        """An RTCP report."""
        if self._qualities.take(side):
            self._judge(side.captured_us, out)

    def rows(self) -> list[QualityRow]:
        """All that was reported, summed up."""
        return self._qualities.rows(*self._codec())

    def _codec(self) -> tuple[str, int]:
        """The codec that the call agreed on, and its clock; of what is not known, that of telephony."""
        media = self.fold.facet(Media)
        agreed = media.codec() if media is not None else ""
        clock = agreed.split("/")[1:2]
        return agreed, int(clock[0]) if clock else 8000

    def _judge(self, at_us: int, out: list[Update]) -> None:
        fold, (codec, clock) = self.fold, self._codec()
        for row in self._qualities.rows(codec, clock):
            subject = f"{row.source} {row.reporter} {row.sender}"
            known = fold.findings.get((POOR_QUALITY.code, subject))
            standing = known is not None and known.state is not FindingState.CLEARED
            since_us = known.at_us if known is not None and standing else at_us
            verdict = poor_quality(row, codec, fold.context.settings, since_us)
            fold.judge(POOR_QUALITY, subject, verdict, since_us, at_us, out)
