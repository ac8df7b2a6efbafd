"""The transfers of a record: its REFERs, and what the NOTIFYs about them report; and where a call was sent to."""

from typing import Any, Final

from collectors.sip.message import start_line
from collectors.sip.subscription import read_event
from collectors.sip.uri import addr_spec
from monitor.core.attempt import Attempt, Attempts
from monitor.core.call import Call
from monitor.core.diagnosis import transfer as rules
from monitor.core.diagnosis.transfer import Report
from monitor.core.facet import Facet
from monitor.core.fold import Fold
from monitor.core.message import Message
from monitor.core.transaction import Transaction
from monitor.core.updates import Update

_MOST_REFERS: Final = 16
_MOST_PLACES: Final = 16
_LONGEST: Final = 80  # of what is quoted


class Refer(Attempt):
    """A REFER on all its hops."""

    __slots__ = ("report", "target", "to_tag")

    def __init__(self, event: Message) -> None:
        super().__init__(event)
        self.target = ""  # Refer-To
        self.to_tag = event.to_tag
        self.report: Report | None = None  # the last that was final


class Transfers(Facet[Fold]):
    """Follows REFERs and the NOTIFYs about them."""

    __slots__ = ("_refers", "_reports")

    def __init__(self, fold: Fold) -> None:
        super().__init__(fold)
        self._refers: Attempts[Refer] = Attempts(Refer, _MOST_REFERS)
        self._reports: dict[str, Report] = {}  # by the id of the event: the CSeq number of a REFER; "" for the only one

    @staticmethod
    def may_begin(method: str, status: int, cseq_method: str) -> bool:
        """A REFER or a NOTIFY, or a response to one."""
        return cseq_method in ("REFER", "NOTIFY")

    @staticmethod
    def begins(event: Message) -> bool:
        """With the first REFER, or the first NOTIFY about one that was not seen."""
        return event.cseq_method == "REFER" or (event.method == "NOTIFY" and _of_refer(event))

    @staticmethod
    def hears(method: str, status: int, cseq_method: str, *, found: bool) -> bool:
        """REFER, a response to one, NOTIFY."""
        return cseq_method == "REFER" or method == "NOTIFY"

    def news(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """A REFER, a response to one, or a report."""
        if transaction is None:
            return
        at_us = event.captured_us
        if event.cseq_method == "REFER":
            refer = self._refers.on(transaction, event)
            refer.to_tag = refer.to_tag or event.to_tag
            if event.method:
                refer.target = addr_spec(event.first("refer-to"))[0][:_LONGEST]
            elif event.status >= 300:
                self.fold.wake_facet(at_us + self.fold.context.settings.repair_us, self)
        elif event.method == "NOTIFY" and _of_refer(event):
            self._note(event, number, transaction)
        else:
            return
        self._judge(at_us, out)

    def fire(self, about: Any, due_us: int, out: list[Update]) -> None:
        """A refused REFER has waited for its retry."""
        self._judge(due_us, out)

    def _note(self, event: Message, number: int, transaction: Transaction) -> None:
        words = start_line(event.body).split(None, 2)
        status = int(words[1]) if len(words) > 1 and words[1].isascii() and words[1].isdigit() else 0
        about = read_event(event.first("event")).id[:_LONGEST]
        known = self._reports.get(about)
        if status < 200 or (known is None and len(self._reports) >= _MOST_REFERS):
            return
        line = " ".join(words[1:])[:_LONGEST]
        report = Report(
            event.captured_us, status, line, transaction.hop, number, event.from_tag, event.cseq, transaction.vias
        )
        if known is None or report.replaces(known):
            self._reports[about] = report

    # --- verdicts

    def _judge(self, at_us: int, out: list[Update]) -> None:
        fold, refers = self.fold, sorted(self._refers, key=lambda refer: (refer.first_us, refer.cseq))
        settings, now_us = fold.context.settings, fold.now_us
        for refer in refers:
            again = [other.first_us for other in refers if other.cseq > refer.cseq and other.from_tag == refer.from_tag]
            retried_us = min(again, default=0)
            verdict = rules.refer_refused(refer, refer.target or "nobody", settings, now_us, retried_us=retried_us)
            fold.judge(rules.TRANSFER_FAILED, refer.subject, verdict, refer.first_us, at_us, out)
        for about, report in self._reports.items():
            subject = f"NOTIFY {about}".strip()
            verdict = rules.target_failed(subject, self._target(about, refers), report)
            fold.judge(rules.TRANSFER_FAILED, subject, verdict, fold.first_us, at_us, out)

    def _target(self, about: str, refers: list[Refer]) -> str:
        named = [refer.target for refer in refers if about in ("", str(refer.cseq)) and refer.target]
        return named[-1] if named else "somebody"


def _of_refer(event: Message) -> bool:
    return read_event(event.first("event")).package == "refer"


class Redirections(Facet[Call]):
    """The 3xx of a call, by hop, with where they point."""

    __slots__ = ("_places",)

    def __init__(self, fold: Call) -> None:
        super().__init__(fold)
        self._places: dict[Transaction, str] = {}

    @staticmethod
    def may_begin(method: str, status: int, cseq_method: str) -> bool:
        """A redirection of an INVITE."""
        return 300 <= status < 400 and cseq_method == "INVITE"

    @staticmethod
    def begins(event: Message) -> bool:
        """With the first of them."""
        return 300 <= event.status < 400 and event.cseq_method == "INVITE"

    @staticmethod
    def hears(method: str, status: int, cseq_method: str, *, found: bool) -> bool:
        """A redirection, or an INVITE that may follow it."""
        return method == "INVITE" or (300 <= status < 400 and cseq_method == "INVITE")

    def news(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """A 3xx, or an INVITE that may follow it."""
        if 300 <= event.status < 400 and event.cseq_method == "INVITE" and transaction is not None:
            if transaction in self._places or len(self._places) < _MOST_PLACES:
                self._places[transaction] = event.contact[:_LONGEST]
        elif event.method != "INVITE":
            return
        for place, contact in self._places.items():
            self._judge(place, contact, event.captured_us, out)

    def _judge(self, place: Transaction, contact: str, at_us: int, out: list[Update]) -> None:
        attempts = [attempt for attempt in self.fold.attempts if attempt.initial]
        mine = next((attempt for attempt in attempts if place in attempt.transactions), None)
        # Of the hops that carried a 3xx backwards, the one next to who sent it tells.
        if mine is None or any(hop in self._places and hop.vias > place.vias for hop in mine.transactions):
            return
        told = {hop.source for hop in mine.transactions if hop in self._places}
        later = [
            hop
            for attempt in attempts
            for hop in attempt.transactions
            if hop.source in told and hop.first_us > place.final_us and hop.seen_request
        ]
        followed = min(later, key=lambda hop: hop.first_us, default=None)
        verdict = rules.redirected(mine.subject, place, contact, followed)
        self.fold.judge(rules.REDIRECTED, mine.subject, verdict, place.first_us, at_us, out)
