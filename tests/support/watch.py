"""A correlator at work as tests look at it: what it told, and when, in seconds of the timeline."""

from collections.abc import Iterable
from typing import TypeVar

from collectors.scenario import START_US
from collectors.sip.timers import SECOND
from collectors.wire.events import Loss, Observation, SipEvent
from monitor.core.correlator import Correlator
from monitor.core.settings import Settings
from monitor.core.updates import (
    CallRecord,
    Finding,
    FindingCleared,
    FindingConfirmed,
    FindingRaised,
    FindingState,
    Record,
    RecordClosed,
    RecordKey,
    RegistrationRecord,
    TransactionRecord,
    Update,
)
from tests.support.messages import us

R = TypeVar("R", bound=Record)


class Watch:
    """Feeds messages in order, and lets the watermark follow them as ingest does: the window behind the latest."""

    def __init__(
        self, events: Iterable[Observation] = (), *, until: float | None = None, settings: Settings | None = None
    ):
        self.settings = settings or Settings()
        self.correlator = Correlator(self.settings)
        self.told: list[Update] = []
        self.records: dict[RecordKey, Record] = {}  # as they stood last, those that left memory too
        self._latest_us = 0
        self.see(events)
        if until is not None:
            self.wait(until)

    def see(self, events: Iterable[Observation]) -> "Watch":
        """Messages come, and what is seen beside them."""
        for event in events:
            correlator = self.correlator
            self._note(correlator.feed(event) if isinstance(event, SipEvent) else correlator.witness(event))
            self._latest_us = max(self._latest_us, event.captured_us)
            self._note(self.correlator.advance(self._latest_us - self.settings.window_us))
        return self

    def wait(self, until: float) -> "Watch":
        """Time passes up to a second of the timeline."""
        self._note(self.correlator.advance(us(until)))
        return self

    def lose(self, begin: float, end: float, observer: str = "lab/eth0") -> "Watch":
        """The observer lost messages."""
        self.correlator.lost(Loss(observer, us(begin), us(end), "kernel", 1))
        return self

    def _note(self, updates: list[Update]) -> None:
        self.told += updates
        for key in {update.key for update in updates}:
            self.records[key] = self.correlator.record(key)
        for update in updates:
            if isinstance(update, RecordClosed):
                key = update.key  # a reused name is the next incarnation, as whoever stores records knows
                self.correlator.reserve(key.kind, key.call_id, key.discriminator, key.incarnation + 1)

    @property
    def call(self) -> CallRecord:
        """The one call."""
        (call,) = self.of(CallRecord)
        return call

    @property
    def registration(self) -> RegistrationRecord:
        """The one registration."""
        (registration,) = self.of(RegistrationRecord)
        return registration

    @property
    def transactions(self) -> list[TransactionRecord]:
        """All standalone transactions."""
        return self.of(TransactionRecord)

    def of(self, kind: type[R]) -> list[R]:
        """The records of a kind."""
        return [record for record in self.records.values() if isinstance(record, kind)]

    def story(self, code: str) -> list[tuple[str, float]]:
        """What was told of a code: [("suspected", 5.5), ("confirmed", 34.0)]."""
        return [
            (str(update.finding.state), seconds(update.at_us))
            for update in self.told
            if isinstance(update, FindingRaised | FindingConfirmed | FindingCleared) and update.finding.code == code
        ]

    def findings(self) -> dict[str, str]:
        """The codes of all records' findings, with their states."""
        return {finding.code: str(finding.state) for record in self.records.values() for finding in record.findings}

    def finding(self, code: str) -> Finding:
        """The one finding of a code that stands, or was cleared."""
        (finding,) = [each for record in self.records.values() for each in record.findings if each.code == code]
        return finding

    def standing(self) -> set[str]:
        """The codes of findings that are not cleared."""
        return {
            finding.code
            for record in self.records.values()
            for finding in record.findings
            if finding.state != FindingState.CLEARED
        }


def seconds(at_us: int) -> float:
    """Wire time as a second of the timeline, to the millisecond."""
    return round((at_us - START_US) / SECOND, 3)
