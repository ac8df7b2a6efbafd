"""What a correlator's updates ask to be written: collected as they come, taken once a commit. Pure."""

import msgspec

from collectors.wire.events import Observation, SideEvent, SipEvent
from monitor.core.correlator import Correlator, Name
from monitor.core.updates import (
    EvidenceAdded,
    LegMarked,
    LoggedUpdate,
    MessageAdded,
    Record,
    RecordClosed,
    RecordKey,
    Update,
)


class Chunk(msgspec.Struct):
    """What came of one record in one commit under one watermark, in order of arrival: messages, then side events."""

    key: RecordKey
    watermark_us: int  # to which the correlator had advanced when they were fed
    events: list[SipEvent] = []
    side: list[SideEvent] = []
    first_number: int = 0  # of its first message and of its first side event within the record; 0: it has none
    first_side: int = 0

    @property
    def observations(self) -> list[Observation]:
        """All of it, in order."""
        return [*self.events, *self.side]


class Chunks:
    """Collects messages and side events into chunks."""

    def __init__(self) -> None:
        self._found: list[Chunk] = []
        self._last: dict[RecordKey, Chunk] = {}

    def add(self, update: MessageAdded | EvidenceAdded, watermark_us: int) -> None:
        """A message that was fed, or a side event that was witnessed, at this watermark."""
        chunk = self._last.get(update.key)
        message = isinstance(update, MessageAdded)
        if chunk is None or chunk.watermark_us != watermark_us or (message and chunk.side):
            chunk = self._last[update.key] = Chunk(update.key, watermark_us)
            self._found.append(chunk)
        if isinstance(update, MessageAdded):
            chunk.first_number = chunk.first_number or update.number
            chunk.events.append(update.event)
        else:
            chunk.first_side = chunk.first_side or update.number
            chunk.side.append(update.side)

    def of(self, key: RecordKey) -> list[Chunk]:
        """Those of one record, in order."""
        return [chunk for chunk in self._found if chunk.key == key]

    def all(self) -> list[Chunk]:
        """All of them, in order."""
        return self._found


class Content(msgspec.Struct, frozen=True):
    """What one commit writes of records: present values, new messages, and what the overview reads."""

    records: list[Record]
    chunks: list[Chunk]
    logged: list[LoggedUpdate]
    marked: list[LegMarked]
    reopened: list[RecordKey] = []  # were over, and go on

    def __bool__(self) -> bool:
        return bool(self.records or self.logged)


class Harvest:
    """Collects the updates of one correlator."""

    def __init__(self, correlator: Correlator) -> None:
        self._correlator = correlator
        self._chunks = Chunks()
        self._touched: dict[RecordKey, Record | None] = {}  # the value of those that left memory
        self._left: dict[Name, RecordKey] = {}
        self._logged: list[LoggedUpdate] = []
        self._marked: list[LegMarked] = []
        self._reopened: list[RecordKey] = []

    def add(self, updates: list[Update], watermark_us: int) -> None:
        """What `feed`, `witness` or `advance` just returned; what was seen was fed at this watermark."""
        for update in updates:
            key = update.key
            self._touched[key] = None
            if isinstance(update, (MessageAdded, EvidenceAdded)):
                self._chunks.add(update, watermark_us)
                continue
            if isinstance(update, LegMarked):
                self._marked.append(update)
                continue
            self._logged.append(update)
            if isinstance(update, RecordClosed):
                self._touched[key] = self._correlator.record(key)
                self._left[key.kind, key.call_id, key.discriminator] = key

    def log(self, update: LoggedUpdate) -> None:
        """Something for the overview that is about no record."""
        self._logged.append(update)

    def reopened(self, key: RecordKey) -> None:
        """A record that was over is in memory again, and its next update will be written."""
        self._reopened.append(key)

    def pending(self, key: RecordKey) -> list[Chunk]:
        """What was collected of a record and not yet taken, in order."""
        return self._chunks.of(key)

    def left(self, name: Name) -> Record | None:
        """The latest record of this name, if it left memory since the last commit."""
        key = self._left.get(name)
        return None if key is None else self._touched[key]

    def take(self) -> Content:
        """Everything collected since the last time."""
        content = Content(
            [value or self._correlator.record(key) for key, value in self._touched.items()],
            self._chunks.all(),
            self._logged,
            self._marked,
            self._reopened,
        )
        self._chunks, self._touched, self._left = Chunks(), {}, {}
        self._logged, self._marked, self._reopened = [], [], []
        return content
