"""The second stage: what crosses Call-IDs. Committed updates in, alert decisions out; figures on demand.

A fold, like the first stage: it reads no clock, and the same commits in the same order give the same
decisions. Its state has three parts, by how they come back after a restart:

- the figures and the thresholds on their way are a fold over the last minutes of the commit log;
- open alerts are what was committed of them (`restore_alerts`), however old they are;
- what stands (calls alive, bindings in force, collectors) is begun from stored rows (`expect_…`), and
  every later update corrects it.
"""

from collections.abc import Iterable, Iterator
from typing import Final, assert_never

from collectors.sip.timers import SECOND
from collectors.wire.events import Loss
from monitor.core.alerting.engine import Alerting
from monitor.core.alerting.rules import DEFAULT_RULES, Rule
from monitor.core.alerting.values import Decision, HeldAlert, Signal
from monitor.core.limits import Limits
from monitor.core.metrics import STEP_US, STEPS, Gauges, Meter, Metrics
from monitor.core.presence import Bindings, Calls, Collectors, SilenceBegan, SilenceEnded, name_of
from monitor.core.retention import disk_is_short
from monitor.core.sources.stage import Sources
from monitor.core.sources.values import SubjectFinding
from monitor.core.updates import (
    AlertAcknowledged,
    CallAnswered,
    CallEnded,
    CallRang,
    CallStarted,
    CollectorReported,
    Committed,
    ConditionChanged,
    ConnectionFailed,
    FindingCleared,
    FindingConfirmed,
    FindingRaised,
    FindingState,
    LoggedUpdate,
    LoginFailed,
    LossRecorded,
    RecordClosed,
    RecordGrew,
    RegistrationEnded,
    RegistrationSucceeded,
    RequestRefused,
    RetryAfterGiven,
    SourceSeen,
    WeaklyChallenged,
)

# The partition of a row of the commit log that is not of ingest: a tick of the clock, or what a person did.
NO_PARTITION: Final = -1
# No wire time is believed that is so far ahead of the watermark: one bad clock must not age all the rest.
AHEAD_US: Final = 60 * SECOND
# "silent" ranges are told by the alert about the collector, and whoever stops one knows of it ("planned"): they are
# no messages known to be lost.
PLANNED: Final = "planned"
NOT_LOST: Final = frozenset(("silent", "lagging", PLANNED))
# So long a stop is no update or reboot any more: what passed meanwhile is missed as if it were lost.
PLANNED_MOST_US: Final = 300 * SECOND
# A range of this reason counts batches: where a collector dropped them itself, it tells of their messages, too.
GAP: Final = "gap"


def horizon_us(rules: Iterable[Rule] = DEFAULT_RULES) -> int:
    """How far back the commit log must be folded again to have the same state."""
    return max(STEPS * STEP_US, *(rule.within_us for rule in rules)) + STEP_US


class Overview:
    """`feed` commits in order, `advance` time; both return what was decided.

    `limits`: when a source does too much.
    """

    def __init__(self, rules: Iterable[Rule] = DEFAULT_RULES, limits: Limits | None = None) -> None:
        self._alerting = Alerting(rules)
        self._meter = Meter()
        self._calls = Calls()
        self._bindings = Bindings()
        self._collectors = Collectors()
        self._sources = Sources(limits)
        self._short: dict[str, bool] = {}  # collectors whose disks were heard of, and whether they are nearly full
        self._now_us = 0  # wire time: the highest watermark
        self._store_us = 0  # the stream store's clock

    # --- the beginning -------------------------------------------------------------------------

    def expect_call(self, call: int) -> None:
        """A stored call is alive (`presence.number_of`)."""
        self._calls.add(call, rang=True)

    def expect_binding(self, bound: RegistrationSucceeded) -> None:
        """A stored registration is in force."""
        self._bindings.add(name_of(bound.key), bound.aor, bound.contact, bound.expires_us)
        self._sources.expect(bound)

    def expect_collector(self, name: str, seen_us: int) -> None:
        """A collector was heard of then, and did not say goodbye."""
        self._collectors.expect(name, seen_us)

    def restore_subjects(self, findings: Iterable[SubjectFinding]) -> None:
        """These findings about sources, accounts and peers stand, and no others."""
        self._sources.restore(findings)

    def restore_alerts(self, alerts: Iterable[HeldAlert]) -> None:
        """These alerts are open, and no others."""
        self._alerting.restore(alerts)

    # --- the way -------------------------------------------------------------------------------

    def feed(self, committed: Committed) -> list[Decision]:
        """Fold one commit of one partition, then its watermark."""
        decisions: list[Decision] = []
        reference_us = max(self._now_us, committed.watermark_us)
        for update in committed.updates:
            at_us = self._believed(update, reference_us)
            # Within a commit, what was due before an update happens before it.
            decisions += self._alerting.advance(min(at_us, reference_us))
            decisions += self._alert(self._apply(update, at_us))
            self._sources.take(update, at_us)
        if committed.partition == NO_PARTITION:
            self._store_us = max(self._store_us, committed.watermark_us)
        decisions += self.advance(committed.watermark_us)
        return decisions

    def advance(self, watermark_us: int) -> list[Decision]:
        """Time passes: deadlines that are over by then."""
        self._now_us = max(self._now_us, watermark_us)
        self._bindings.advance(self._now_us)
        self._sources.advance(self._now_us)
        decisions = self._alert(self._told(event) for event in self._collectors.advance(self._store_us))
        decisions += self._alert(_of_subject(finding) for finding in self._sources.news() if _worth_telling(finding))
        decisions += self._alerting.advance(self._now_us)
        self._meter.advance(self._now_us, self._gauges())
        return decisions

    def metrics(self) -> Metrics:
        """The figures as they are now."""
        return self._meter.metrics()

    def subjects(self) -> list[SubjectFinding]:
        """The findings about sources, accounts and peers that changed since this was asked last."""
        return self._sources.changed()

    def _believed(self, update: LoggedUpdate, reference_us: int) -> int:
        if isinstance(update, CollectorReported | LossRecorded):
            return reference_us
        return min(update.at_us, reference_us + AHEAD_US) if reference_us else update.at_us

    def _gauges(self) -> Gauges:
        return Gauges(
            active_calls=len(self._calls),
            registrations=len(self._bindings),
            open_alerts=self._alerting.open_alerts,
            collectors_up=self._collectors.up,
            collectors_total=self._collectors.total,
        )

    def _alert(self, signals: Iterable[Signal]) -> list[Decision]:
        return [
            decision
            for signal in signals
            for decision in self._alerting.signal(signal, max(self._now_us, signal.at_us))
        ]

    # --- updates -------------------------------------------------------------------------------

    def _apply(self, update: LoggedUpdate, at_us: int) -> Iterable[Signal]:
        match update:
            case CallStarted() | CallRang() | CallAnswered() | CallEnded():
                self._count_call(update, at_us)
            case RegistrationSucceeded() | RegistrationEnded():
                self._count_registration(update, at_us)
            case FindingRaised() | FindingConfirmed() | FindingCleared():
                return (Signal.of(update, at_us),)
            case CollectorReported():
                return self._count_collector(update, at_us)
            case LossRecorded():
                return self._count_loss(update, at_us)
            case RecordClosed():
                self._calls.remove(name_of(update.key))
            case (
                SourceSeen()
                | RecordGrew()
                | RequestRefused()
                | LoginFailed()
                | WeaklyChallenged()
                | RetryAfterGiven()
                | ConnectionFailed()
            ):
                pass  # of sources, which take them in the order of wire time
            case ConditionChanged():
                return (_of_condition(update, at_us),)
            case AlertAcknowledged():
                pass  # the row says so already; this only tells pages
            case _:
                assert_never(update)
        return ()

    def _count_call(self, update: CallStarted | CallRang | CallAnswered | CallEnded, at_us: int) -> None:
        call = name_of(update.key)
        match update:
            case CallStarted():
                self._calls.add(call, rang=False)
                self._meter.call_started(at_us)
            case CallRang():
                self._calls.add(call, rang=True)
                if update.pdd_ms is not None:
                    self._meter.call_proceeded(at_us, update.pdd_ms)
            case CallAnswered():
                # Answered without a ring: the 2xx ends the post-dial delay.
                if not self._calls.add(call, rang=True) and update.setup_ms is not None:
                    self._meter.call_proceeded(at_us, update.setup_ms)
                self._meter.call_answered(at_us)
            case CallEnded():
                self._calls.remove(call)
                self._meter.call_ended(at_us, update.state, update.status, answered=update.answered)
            case _:
                assert_never(update)

    def _count_registration(self, update: RegistrationSucceeded | RegistrationEnded, at_us: int) -> None:
        record = name_of(update.key)
        match update:
            case RegistrationSucceeded():
                self._bindings.add(record, update.aor, update.contact, update.expires_us)
                self._meter.registration_answered(at_us, 200)
            case RegistrationEnded():
                self._bindings.remove(record)
                self._meter.registration_answered(at_us, update.status)
            case _:
                assert_never(update)

    def _count_collector(self, update: CollectorReported, at_us: int) -> Iterator[Signal]:
        name, heartbeat = update.collector, update.heartbeat
        self._store_us = max(self._store_us, update.stored_us)
        count, rate = self._collectors.reported(
            name, update.boot, update.stored_us, heartbeat.sent_us, heartbeat.counters.get("parsed", 0)
        )
        self._meter.messages_read(at_us, name, count, rate)
        for event in self._collectors.end_silence(name, update.stored_us):
            yield self._told(event)
        yield from self._count_room(update, at_us)
        if heartbeat.final:
            self._collectors.leave(name)
            self._meter.collector_gone(name)

    def _count_room(self, update: CollectorReported, at_us: int) -> Iterator[Signal]:
        """The room for a collector's spool, where that changed for better or worse, or was not known."""
        name, counters = update.collector, update.heartbeat.counters
        octets, free = counters.get("disk_octets", 0), counters.get("disk_free_octets", 0)
        before = self._short.get(name)
        if octets and before is not (short := disk_is_short(octets, free, was=bool(before))):
            self._short[name] = short
            yield Signal(
                code="disk-low",
                state=FindingState.CONFIRMED if short else FindingState.CLEARED,
                at_us=at_us,
                kind="collector",
                slug=name,
                cause=f"The disk of collector {name} is nearly full: {free / 1e9:.1f} GB of {octets / 1e9:.1f} GB are "
                "free. When it is full, what can't be sent is lost.",
                remedy="Make room there, or limit the spool (OFFHOOK_COLLECTOR_SPOOL_SIZE).",
            )
        if update.heartbeat.final:
            self._short.pop(name, None)

    def _count_loss(self, update: LossRecorded, at_us: int) -> Iterator[Signal]:
        if update.echo:
            return
        loss = update.loss
        long = loss.reason == PLANNED and loss.to_us - loss.from_us > PLANNED_MOST_US
        if loss.reason not in NOT_LOST or long:
            self._meter.messages_lost(at_us, 0 if loss.reason == GAP else loss.count)
            yield _lost(update.collector, loss, at_us)

    def _told(self, event: SilenceBegan | SilenceEnded) -> Signal:
        """A collector's silence as a finding."""
        name = event.collector
        began = isinstance(event, SilenceBegan)
        if began:
            self._meter.collector_gone(name)
        return Signal(
            code="collector-offline",
            state=FindingState.CONFIRMED if began else FindingState.CLEARED,
            at_us=event.at_us,
            kind="collector",
            slug=name,
            cause=f"Collector {name} is not heard of any more: what only it sees is missed.",
            remedy="See whether its process runs, and whether its host reaches the stream store (OFFHOOK_STREAM_URL).",
        )


def _worth_telling(finding: SubjectFinding) -> bool:
    """A suspicion about somebody is for the page, not for a mail at night."""
    return finding.finding.state != FindingState.SUSPECTED


def _of_subject(finding: SubjectFinding) -> Signal:
    """A finding about a source, an account or a peer: as many records show it, it is one."""
    found = finding.finding
    return Signal(
        code=found.code,
        state=found.state,
        at_us=finding.last_us,
        kind=finding.kind,
        slug=finding.name,
        hop=found.hop,
        cause=found.cause,
        remedy=found.remedy,
    )


def _of_condition(update: ConditionChanged, at_us: int) -> Signal:
    """What Offhook says of itself as a finding."""
    return Signal(
        code=update.code,
        state=FindingState.CONFIRMED if update.stands else FindingState.CLEARED,
        at_us=at_us,
        kind="storage",
        slug=update.name,
        cause=update.cause,
        remedy=update.remedy,
    )


def _lost(collector: str, loss: Loss, at_us: int) -> Signal:
    """A loss as a finding."""
    # Of a hole in the numbers of batches it is not known how many messages were in them.
    many = f"{loss.count:,} {'batches' if loss.reason == GAP else 'messages'}" if loss.count else "Messages"
    return Signal(
        code="capture-loss",
        subject=f"{loss.observer} {loss.reason}",
        state=FindingState.CONFIRMED,
        at_us=min(loss.to_us, at_us),
        kind="collector",
        slug=collector,
        cause=f"{many} of {loss.observer} were lost ({loss.reason}): what is missing there is not claimed.",
        remedy="kernel: a larger capture buffer, or a narrower filter; queue: a faster host; "
        "spool: more disk for it, or a stream store that is reached again; gap: see the stream store's log.",
    )
