"""The first stage: messages in, updates out. Each message finds its record; each deadline, its moment.

`feed` takes messages in the order of their arrival, `witness` what was seen beside them; both act on positive
evidence at once. `advance` lets the time of the wire pass (the watermark: nothing older will come), which is when
absence can be claimed.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from collectors.wire.events import Loss, Observation, SideEvent, SipEvent
from monitor.core.alarms import Alarms
from monitor.core.call import Call
from monitor.core.context import FAR, Context, Peers
from monitor.core.facet import Families
from monitor.core.families import FAMILIES
from monitor.core.fold import Fold
from monitor.core.message import Message, message_of
from monitor.core.recency import Recency
from monitor.core.registration import Registration
from monitor.core.settings import Settings
from monitor.core.standalone import Standalone
from monitor.core.updates import Kind, MessageAdded, Record, RecordKey, Update

_SWEEPS: Final = 16  # while a call is silent for too long
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_DAY: Final = 2_932_896  # 9999-12-31 in days since the epoch
_FOLDS: Final[dict[Kind, type[Fold]]] = {
    Kind.CALL: Call,
    Kind.REGISTRATION: Registration,
    Kind.TRANSACTION: Standalone,
}

_ALONE: Final = frozenset({"OPTIONS", ""})
# Asked with each message, and slowly through the class (Python 3.11).
_CALL: Final = Kind.CALL
_TRANSACTION: Final = Kind.TRANSACTION
_KINDS: Final = {"INVITE": _CALL, "REGISTER": Kind.REGISTRATION}

# A record's name without day and incarnation: (kind, Call-ID, discriminator).
Name = tuple[Kind, str, str]


class Correlator:
    """Holds the open records of one partition, or of one capture file."""

    def __init__(
        self, settings: Settings | None = None, peers: Peers | None = None, families: Families = FAMILIES
    ) -> None:
        self._context = Context(settings or Settings(), peers or Peers(), families)
        self._peers = self._context.peers
        self._calls: dict[str, Call] = {}  # by Call-ID
        self._registrations: dict[str, Registration] = {}  # the same
        self._others: dict[Name, Fold] = {}  # what is neither, or has no Call-ID
        self._recency = Recency()
        self._closed: dict[RecordKey, Fold] = {}  # in the last feed or advance
        self._incarnations: dict[Name, int] = {}  # reserved
        self.unmatched = 0  # side events that fit no record, or one that has too many
        self._unswept_us = 0  # the first sweep that was not made yet; 0: not known
        self._sweep_us = 0  # when to look for calls that are silent

    # --- the inputs, and what was lost

    def feed(self, event: SipEvent) -> list[Update]:
        """Take a message; the first update tells which record it joined."""
        out: list[Update] = []
        fold = self.take(message_of(event), out)
        out.insert(0, MessageAdded(fold.key, event.captured_us, fold.messages, event))
        return out

    def take(self, message: Message, out: list[Update]) -> Fold:
        """Take a message for those who keep none: the record that it joined; what else it caused is added to `out`."""
        if self._closed:
            self._let_go()
        self._peers.hear(message.source, message.captured_us, message.status)
        # Most messages belong to a record that is known by its Call-ID: one look for these.
        fold: Fold | None
        if (message.method or message.cseq_method) == "REGISTER":
            fold = self._registrations.get(message.call_id)
        else:
            fold = self._calls.get(message.call_id)
        if fold is None:
            name = self._name(message)
            fold = self._known(name)
            if fold is None:
                fold = self._begin(name, message)
                fold.feed(message, out)
                oldest = self._recency.oldest
                if oldest is not None and len(self) > self._context.settings.max_records:
                    self._close(oldest, "evicted", message.captured_us, out)
                return fold
        self._recency.renew(fold)
        fold.feed(message, out)
        return fold

    def overhear(self, source: str, at_us: int, *, response: bool) -> None:
        """Another correlator takes a message of which all must know who was heard."""
        self._peers.hear(source, at_us, response)

    def witness(self, side: SideEvent) -> list[Update]:
        """Take what was seen beside the messages: the first update tells which record it joined.

        None comes of it, and `unmatched` counts it, where no record in memory takes it.
        """
        if self._closed:
            self._let_go()
        out: list[Update] = []
        fold = self._witness_of(side)
        if fold is not None and fold.witness(side, out):
            self._recency.renew(fold)
        else:
            self.unmatched += 1
        return out

    def advance(self, watermark_us: int) -> list[Update]:
        """Nothing captured before `watermark_us` will come any more: fire what is due."""
        self._let_go()
        out: list[Update] = []
        while (deadline := self._context.alarms.due(watermark_us)) is not None:
            fold: Fold = deadline[1]
            if fold.open and not fold.wake(deadline, out):
                self._forget(fold)
        self._sweep(watermark_us, out)
        self._drop_idle(watermark_us, out)
        return out

    def lost(self, loss: Loss) -> None:
        """An observer lost messages: no absence is claimed there."""
        self._context.blind.add(loss)

    # --- what is held

    def next_deadline(self) -> int | None:
        """When `advance` may next have something to say, µs since the epoch."""
        return self._context.alarms.next()

    def record(self, key: RecordKey) -> Record:
        """The present value of an open record, or one that was closed by the last feed or advance.

        Raises KeyError for any other.
        """
        return self._fold(key).record()

    def first_us(self, key: RecordKey) -> int:
        """When the first message of such a record was captured, as far as is known. Raises KeyError as `record`."""
        return self._fold(key).first_us

    def _fold(self, key: RecordKey) -> Fold:
        fold = self.find(key)
        return fold if fold is not None else self._closed[key]

    def find(self, key: RecordKey) -> Fold | None:
        """An open record; None where it is not open."""
        fold = self._known(_name_of(key))
        return fold if fold is not None and fold.key == key else None

    def open_folds(self) -> Iterable[Fold]:
        """All records in memory, the least recently fed first."""
        return self._recency

    def open_keys(self) -> Iterable[RecordKey]:
        """The keys of all records in memory, the least recently fed first."""
        return (fold.key for fold in self._recency)

    def __len__(self) -> int:
        return len(self._calls) + len(self._registrations) + len(self._others)

    def knows(self, event: SipEvent) -> bool:
        """Whether a record in memory takes this message."""
        return self._known(self._name(event)) is not None

    def names(self, event: SipEvent) -> list[Name]:
        """The names under which a message may belong to a record that is stored, the likeliest first."""
        own = self._name(event)
        call = (_CALL, event.call_id, "")
        if own[0] is not _TRANSACTION or not event.call_id:
            return [own]
        return [call, own]

    def misses(self, side: SideEvent) -> list[Name]:
        """The names of the stored records to one of which a side event may belong, the likeliest first; none when
        a record in memory takes it.
        """
        return _names_beside(side) if self._witness_of(side) is None else []

    def refold(self, key: RecordKey, parts: Iterable[tuple[int, Sequence[Observation]]], watermark_us: int) -> None:
        """Take a stored record back into memory: one that was open, or one that is to go on.

        `parts` are its messages and side events in the order of their arrival, each list with the watermark to
        which the correlator had advanced when they were fed; `watermark_us` is where it stands now. What
        comes of it was told when it happened, so nothing is told again. Deadlines that were past already
        when a late message set them wait for the next `advance`, as they did.

        What was `lost` must be told before. It makes no difference to this that it is all known now, if it
        was known in time: what was lost up to a watermark by `advance` to it, and not before.
        """
        fold: Fold | None = None
        context, advanced_us = self._context, 0
        alarms, context.alarms = context.alarms, Alarms()  # for the deadlines that pass in between
        for fed_us, observations in parts:
            context.horizon_us = fed_us
            if fold is not None and fed_us > advanced_us:
                fold.catch_up(fed_us)
            advanced_us = fed_us
            for seen in observations:
                if isinstance(seen, SipEvent):
                    message = message_of(seen)
                    fold = fold or self._start(key, message)
                    fold.feed(message, [])
                elif fold is not None:
                    fold.witness(seen, [])
        context.horizon_us = FAR
        if fold is not None and watermark_us > advanced_us:
            fold.catch_up(watermark_us)
        alarms.join(context.alarms)
        context.alarms = alarms
        self._unswept_us = self._unswept_us or self._next_sweep_us(watermark_us)
        if isinstance(fold, Call):
            self._lose_sight(fold, self._next_sweep_us(advanced_us), watermark_us, [])

    def release(self) -> None:
        """Let go of all records: nobody will ask for any of them again."""
        self._let_go()
        self._context.alarms = Alarms()
        while (fold := self._recency.oldest) is not None:
            self._recency.remove(fold)
            fold.release()

    def reserve(self, kind: Kind, call_id: str, discriminator: str, incarnation: int) -> None:
        """The next new record of this name is its `incarnation`th."""
        self._incarnations[kind, call_id, discriminator] = incarnation

    # --- inside

    def _name(self, event: SipEvent | Message) -> Name:
        call_id, method = event.call_id, event.method or event.cseq_method
        kind = _KINDS.get(method, _TRANSACTION)
        if not call_id:
            # Still an INVITE that somebody sent. Without its name, who sent it must do.
            return kind, "", f"{event.source} {event.source_port} {event.fault}"
        if kind is not _TRANSACTION:
            return kind, call_id, ""
        if call_id in self._calls:
            return _CALL, call_id, ""
        return _TRANSACTION, call_id, _discriminator(event.cseq, method, event.from_tag)

    def _witness_of(self, side: SideEvent) -> Fold | None:
        found = map(self._known, _names_beside(side))
        return next((fold for fold in found if fold is not None), None)

    def _known(self, name: Name) -> Fold | None:
        """The record of this name in memory."""
        kind, call_id, _ = name
        if kind is _TRANSACTION or not call_id:
            return self._others.get(name)
        return self._calls.get(call_id) if kind is _CALL else self._registrations.get(call_id)

    def _begin(self, name: Name, event: Message) -> Fold:
        kind, call_id, discriminator = name
        incarnation = self._incarnations.pop(name, 1)
        day = _day(event.captured_us // 86_400_000_000)
        return self._start(RecordKey(kind, call_id, discriminator, day, incarnation), event)

    def _start(self, key: RecordKey, event: Message) -> Fold:
        fold = _FOLDS[key.kind](key, self._context, event)
        if isinstance(fold, Call) and key.call_id:
            self._calls[key.call_id] = fold
        elif isinstance(fold, Registration) and key.call_id:
            self._registrations[key.call_id] = fold
        else:
            self._others[_name_of(key)] = fold
        self._recency.add(fold)
        return fold

    def _sweep(self, watermark_us: int, out: list[Update]) -> None:
        """Now and then, look for calls that have long been silent, and for those that may have ended unseen."""
        if watermark_us < self._sweep_us:
            return
        silent_us = self._context.settings.silent_us
        self._sweep_us = self._next_sweep_us(watermark_us)
        since_us, self._unswept_us = self._unswept_us or self._sweep_us, self._sweep_us
        for fold in self._calls.values():
            if fold.last_us + silent_us <= watermark_us:
                fold.fall_silent(silent_us, fold.last_us + silent_us, out)
            self._lose_sight(fold, since_us, watermark_us, out)

    def _next_sweep_us(self, after_us: int) -> int:
        """The moments of sweeps are the same for whoever looks."""
        step_us = self._context.settings.silent_us // _SWEEPS
        return (after_us // step_us + 1) * step_us

    def _lose_sight(self, fold: Call, since_us: int, watermark_us: int, out: list[Update]) -> None:
        """Take a call for over that may have ended while messages were lost: at the first sweep that could know,
        of those from `since_us` on.
        """
        lost_us = self._context.blind.first(fold.observers, fold.last_us)
        if lost_us is None:
            return
        at_us = max(since_us, self._next_sweep_us(lost_us + self._context.settings.unseen_us - 1))
        if at_us <= watermark_us:
            fold.lose_sight(at_us, out)

    def _drop_idle(self, watermark_us: int, out: list[Update]) -> None:
        idle_us = self._context.settings.idle_us
        if self._context.settings.linger_us is None:
            return
        while (fold := self._recency.oldest) is not None and fold.last_us + idle_us <= watermark_us:
            self._close(fold, "idle", watermark_us, out)

    def _close(self, fold: Fold, reason: str, at_us: int, out: list[Update]) -> None:
        fold.close(reason, at_us, out)
        self._forget(fold)

    def _let_go(self) -> None:
        for fold in self._closed.values():
            fold.release()
        self._closed.clear()

    def _forget(self, fold: Fold) -> None:
        key = fold.key
        if isinstance(fold, Call) and key.call_id:
            del self._calls[key.call_id]
        elif isinstance(fold, Registration) and key.call_id:
            del self._registrations[key.call_id]
        else:
            del self._others[_name_of(key)]
        self._recency.remove(fold)
        self._context.alarms.settled()
        self._closed[key] = fold


def _name_of(key: RecordKey) -> Name:
    return key.kind, key.call_id, key.discriminator


def _discriminator(cseq: int, method: str, from_tag: str) -> str:
    """What a Call-ID has one record of: a ping stands alone, whatever else is one exchange (a subscription with its
    notifications, the rest of a call that was joined late).
    """
    return f"{cseq} {method} {from_tag}" if method in _ALONE or cseq < 0 else ""


def _names_beside(side: SideEvent) -> list[Name]:
    """As messages are named; what says less of itself may belong to more."""
    call_id, method = side.call_id, side.method
    if not call_id:
        return []
    if not method:
        return [(Kind.CALL, call_id, ""), (Kind.REGISTRATION, call_id, "")]
    if method in _KINDS:
        return [(_KINDS[method], call_id, "")]
    return [(Kind.CALL, call_id, ""), (Kind.TRANSACTION, call_id, f"{side.cseq} {method} {side.from_tag}")]


@lru_cache(64)
def _day(days: int) -> int:
    """Days since the epoch as YYYYMMDD, held within the calendar."""
    date = _EPOCH + timedelta(days=min(max(days, 0), _LAST_DAY))
    return date.year * 10_000 + date.month * 100 + date.day
