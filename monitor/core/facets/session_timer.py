"""The session timers of a call, by dialog, and the call of which nothing is heard any more."""

from typing import Any, Final

from collectors.sip.intervals import read_session_expires
from collectors.sip.timers import SECOND
from monitor.core.call import Call
from monitor.core.diagnosis import timers as rules
from monitor.core.facet import Facet
from monitor.core.message import Message
from monitor.core.session_timer import Asked, Grant, Intervals, Name, least_s
from monitor.core.transaction import Transaction
from monitor.core.updates import CallState, Update

_MOST_DIALOGS: Final = 32
_MOST_REQUESTS: Final = 32
_METHODS: Final = frozenset({"INVITE", "UPDATE"})
_UNASKED: Final = Asked(("", 0, ""), 0, 0)
_CODES: Final = frozenset({rules.SESSION_TIMER_MISCONFIGURED.code, rules.SESSION_EXPIRED.code})


class SessionTimers(Facet[Call]):
    """What each dialog agreed on, and whether it was kept."""

    __slots__ = ("_asked", "_dialogs")

    def __init__(self, fold: Call) -> None:
        super().__init__(fold)
        # Most calls have one of each: no tables for them.
        self._dialogs: tuple[Intervals, ...] = ()
        self._asked: tuple[Asked, ...] = ()

    @staticmethod
    def may_begin(method: str, status: int, cseq_method: str) -> bool:
        """A request that may change the session, or a response that grants or refuses an interval."""
        return cseq_method in _METHODS and (method != "" or 200 <= status < 300 or status == 422)

    @staticmethod
    def begins(event: Message) -> bool:
        """With the first message that names an interval, or refuses one."""
        if event.cseq_method not in _METHODS:
            return False
        if event.status == 422:
            return True
        return event.first("session-expires") != ""

    @staticmethod
    def hears(method: str, status: int, cseq_method: str, *, found: bool) -> bool:
        """What asks, grants or refuses; anything may end what was found."""
        return found or (cseq_method in _METHODS and (method != "" or 200 <= status < 300 or status == 422))

    def news(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """A request that asks, a response that grants or refuses; any other message may show that the call goes on."""
        if event.cseq_method in _METHODS:
            if event.method:
                if self._ask(event) or self._told():
                    self._judge_all(event.captured_us, out)
            elif 200 <= event.status < 300 or event.status == 422:
                self._grant(event, number, out)
        elif self._told():
            self._judge_all(event.captured_us, out)

    def fire(self, about: Any, due_us: int, out: list[Update]) -> None:
        """An interval has passed, or two."""
        self._judge(about, due_us, out)
        last, fold = about.last(), self.fold
        limit_us = 2 * last.seconds * SECOND + fold.context.timeout_us
        if not last.seconds or due_us < last.at_us + limit_us or self._ended_us(about.subject):
            return
        if due_us < fold.last_us + limit_us:
            fold.wake_facet(fold.last_us + limit_us, self, about)
        else:
            fold.fall_silent(limit_us, due_us, out)

    def _ask(self, event: Message) -> bool:
        """Keep what a request asks for; whether that is news."""
        name = (event.cseq_method, event.cseq, event.from_tag)
        if self._asked_by(name) is not _UNASKED or len(self._asked) >= _MOST_REQUESTS:
            return False
        expires = read_session_expires(event.first("session-expires"))
        self._asked += (Asked(name, expires.seconds if expires else 0, least_s(event)),)
        return True

    def _asked_by(self, name: Name) -> Asked:
        for asked in self._asked:
            if asked.name == name:
                return asked
        return _UNASKED

    def _grant(self, event: Message, number: int, out: list[Update]) -> None:
        refused = event.status == 422
        tags = "" if refused else _subject(event.from_tag, event.to_tag)
        intervals = self._intervals_of(tags)
        grant, new = intervals.of(event)
        changed = grant.seen(event, number)
        if new and grant.seconds and not refused:
            self._wake(intervals, grant)
        if changed or self._told():
            self._judge(intervals, event.captured_us, out)

    def _intervals_of(self, tags: str) -> Intervals:
        for known in self._dialogs:
            if known.subject == tags:
                return known
        intervals = Intervals(tags)
        if len(self._dialogs) < _MOST_DIALOGS:
            self._dialogs += (intervals,)
        return intervals

    def _wake(self, intervals: Intervals, grant: Grant) -> None:
        expiry_us, timeout_us = grant.at_us + grant.seconds * SECOND, self.fold.context.timeout_us
        for due_us in (expiry_us, expiry_us + timeout_us, expiry_us + timeout_us + grant.seconds * SECOND):
            self.fold.wake_facet(due_us, self, intervals)

    # --- verdicts

    def _told(self) -> bool:
        """Whether there was ever something to be said of them, which any message may change."""
        found = self.fold.found
        return bool(found) and not found.isdisjoint(_CODES)

    def _judge_all(self, at_us: int, out: list[Update]) -> None:
        for intervals in self._dialogs:
            self._judge(intervals, at_us, out)

    def _judge(self, intervals: Intervals, at_us: int, out: list[Update]) -> None:
        fold = self.fold
        settings, subject, now_us = fold.context.settings, intervals.subject, fold.now_us
        for grant in intervals.grants:
            asked = self._asked_by(grant.name)
            grant.asked, grant.least = asked.seconds, asked.least
        for grant in intervals.refused:
            grant.asked = self._asked_by(grant.name).seconds
        verdict = rules.misconfigured(intervals, settings)
        if verdict is not None or self._told():
            fold.judge(rules.SESSION_TIMER_MISCONFIGURED, subject, verdict, fold.first_us, at_us, out)
        last = intervals.last()
        if last is None:
            return
        if now_us < last.at_us + last.seconds * SECOND and rules.SESSION_EXPIRED.code not in fold.found:
            return
        ended_us, acked = self._ended_us(subject), self._acked(subject)
        expired = rules.session_expired(intervals, ended_us=ended_us, asked=acked, settings=settings, now_us=now_us)
        fold.judge(rules.SESSION_EXPIRED, subject, expired, last.at_us, at_us, out)

    def _ended_us(self, subject: str) -> int:
        """When the dialog ended; a BYE whose tags fit nothing ends the only one there is."""
        tags = subject.split(" ")
        dialog = self.fold.dialogs.find(tags[0], tags[-1])
        return (dialog.bye_us if dialog else 0) or (self.fold.bye_us if self.fold.state is CallState.ENDED else 0)

    def _acked(self, subject: str) -> bool:
        return any(
            answer.ack_us and _subject(answer.from_tag, answer.to_tag) == subject
            for answer in self.fold.dialogs.answers()
        )


def _subject(one: str, other: str) -> str:
    """Names a dialog by its tags, whoever asks whom."""
    return f"{one} {other}" if one <= other else f"{other} {one}"
