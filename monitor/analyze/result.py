"""What a capture file told, whole. Plain Python: msgspec Structs lose their options when compiled."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from collectors.wire.events import SideEvent
from monitor.core.leg import Leg, Link
from monitor.core.reviewed import Review
from monitor.core.sources.values import SubjectFinding
from monitor.core.updates import CallRecord, Record, RecordKey, RegistrationRecord, TransactionRecord

if TYPE_CHECKING:
    from array import array


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """What the file itself told, whoever read it."""

    packets: int
    messages: int
    first_us: int | None
    last_us: int | None
    skipped: dict[str, int]
    fault: str
    capture_drops: int


class Records(msgspec.Struct, frozen=True, kw_only=True):
    """What a share of the messages told, or all of them. Members are those of `Result`, but for `legs`."""

    calls: list[CallRecord]
    registrations: list[RegistrationRecord]
    transactions: list[TransactionRecord]
    legs: list[Leg]  # of the calls, in their order
    ordinals: dict[RecordKey, "array[int]"]
    side: dict[RecordKey, list[SideEvent]]
    media: dict[RecordKey, Review]
    registration_delays_ms: dict[RecordKey, float]
    malformed: int
    side_unmatched: int
    evicted: int

    @property
    def records(self) -> Iterable[Record]:
        """All of them."""
        return (*self.calls, *self.registrations, *self.transactions)


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a file told. Times are wire times in µs since the epoch.

    In the findings of these records a message's number is its 1-based ordinal among all SIP messages of the
    file, not, as in the core, within the record.
    """

    file: str
    packets: int
    messages: int
    malformed: int
    first_us: int | None  # first and last packet; None in an empty file
    last_us: int | None
    calls: list[CallRecord]  # one an INVITE Call-ID, in order of appearance; without one, one a sender
    registrations: list[RegistrationRecord]  # one a REGISTER Call-ID
    transactions: list[TransactionRecord]  # of all other methods
    links: list[Link]  # calls that are legs of one conversation
    ordinals: dict[RecordKey, "array[int]"]  # of the messages of each record
    side: dict[RecordKey, list[SideEvent]]  # what was seen beside the messages of a record, in order of time
    media: dict[RecordKey, Review]  # what is known of the media of calls
    side_unmatched: int  # side events that fit no record
    subjects: list[SubjectFinding]  # findings about sources, accounts and peers, the oldest first
    registration_delays_ms: dict[RecordKey, float]  # first REGISTER → first 2xx of each session
    skipped: dict[str, int]  # what was no SIP message, by kind: "not_sip_stun", "tcp", …
    fault: str  # what is wrong with the file ("cut within a packet"), or ""
    capture_drops: int  # packets that the file says were lost while it was captured
    evicted: int  # records that were closed early to bound the memory
    key_log: str = ""  # the file of TLS secrets with which it was read

    @property
    def records(self) -> Iterable[Record]:
        """All of them."""
        return (*self.calls, *self.registrations, *self.transactions)
