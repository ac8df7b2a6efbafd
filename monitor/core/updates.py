"""What the correlator says: past-tense updates, and the records that they change.

`Correlator.feed` and `advance` return a list of `Update`s: the closed union at the end of this file.
A *record* is what is stored, one row each: a call, a registration session, a standalone transaction.
`Correlator.record(key)` gives its present value; whoever commits writes the records of all keys that
the updates of a commit name, the messages of its `MessageAdded`s, and the side events of its `EvidenceAdded`s.
"""

from enum import StrEnum
from typing import TypeAlias

import msgspec

from collectors.wire.events import Heartbeat, Loss, SideEvent, SipEvent
from monitor.core.marks import Mark, digest


class Kind(StrEnum):
    """What a record is about."""

    CALL = "call"  # one Call-ID with an INVITE, all its hops
    REGISTRATION = "registration"  # one Call-ID with REGISTERs
    TRANSACTION = "transaction"  # any other request: an OPTIONS, a subscription with its notifications, …


class RecordKey(msgspec.Struct, frozen=True, order=True, gc=False, cache_hash=True):
    """Names a record for ever. `day` is the UTC day (YYYYMMDD) of its first message."""

    kind: Kind
    call_id: str
    discriminator: str  # of an OPTIONS: "CSEQ METHOD FROM-TAG"; without Call-ID, the sender; "" otherwise
    day: int
    incarnation: int = 1  # a reused Call-ID gets the next one

    @property
    def hash(self) -> int:
        """63 bits of (kind, Call-ID, discriminator): the database's key with day and incarnation."""
        name = f"{self.kind}\0{self.call_id}\0{self.discriminator}".encode("utf-8", "surrogatepass")
        return digest(name)

    @property
    def slug(self) -> str:
        """The record in a URL: "20261122-0f1e2d3c4b5a6978-1"."""
        return f"{self.day}-{self.hash:016x}-{self.incarnation}"


class Severity(StrEnum):
    """How bad: service failing, calls fail or will, quality or hygiene, worth knowing."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"
    INFO = "info"


class FindingState(StrEnum):
    """How sure. A finding is raised suspected or confirmed, and may be cleared later."""

    SUSPECTED = "suspected"
    CONFIRMED = "confirmed"
    CLEARED = "cleared"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One diagnosed fact about a record, with its evidence."""

    code: str  # stable: "missing-ack"; users write alert rules on it
    subject: str  # what tells two of one code in one record apart: a dialog, a transaction; may be ""
    severity: Severity
    state: FindingState
    at_us: int  # when it became true, wire time
    hop: str  # "10.0.0.1:5060>10.0.0.2:5060", where it happened; "" when it has no place
    messages: tuple[int, ...]  # the evidence: 1-based numbers of messages within the record
    cause: str  # one plain sentence
    remedy: str  # what to do about it
    variant: str = ""  # which of the forms of its code it has ("not-sent-on", "capacity"), "" where there is one


class CallState(StrEnum):
    """Of the last initial attempt. `trying` and `ringing` and `answered` are alive."""

    TRYING = "trying"  # nothing, or 100 at most
    RINGING = "ringing"  # 101–199
    ANSWERED = "answered"  # 2xx
    ENDED = "ended"  # BYE in all confirmed dialogs
    FAILED = "failed"  # final ≥ 400, unrepaired challenge, Timer B or C
    CANCELLED = "cancelled"  # 487 at the caller
    REDIRECTED = "redirected"  # 3xx, not retried

    @property
    def alive(self) -> bool:
        """Whether the call goes on."""
        return self in _ALIVE


_ALIVE = frozenset({CallState.TRYING, CallState.RINGING, CallState.ANSWERED})


class RegistrationOutcome(StrEnum):
    """From the last final response."""

    PENDING = "pending"  # live only: no final response yet, and none is late
    REGISTERED = "registered"
    UNREGISTERED = "unregistered"  # 2xx to Expires 0
    FAILED = "failed"  # final ≥ 300, or a challenge to credentials
    CHALLENGED = "challenged"  # never retried
    UNANSWERED = "unanswered"
    EXPIRED = "expired"  # registered, and the binding ran out


class CallRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A call as it stands. Times are wire times in µs since the epoch; None: has not happened."""

    key: RecordKey
    open: bool  # False: final, and left the correlator's memory
    from_uri: str
    to_uri: str
    caller: str  # "10.0.0.1:5060": who sent the first INVITE seen
    callee: str  # "10.0.0.2:5060": who answered the last attempt; else where its last hop went
    state: CallState
    status: int | None  # the final response at the caller
    acked: bool | None  # every dialog-forming 2xx got its ACK; None when not answered
    first_us: int
    last_us: int
    answered_us: int | None  # first 2xx
    ended_us: int | None  # first BYE, or the final response of a call that failed
    setup_ms: float | None  # first INVITE → first 2xx
    pdd_ms: float | None  # first INVITE → first 18x or 2xx
    duration_ms: float | None  # first 2xx → first BYE
    messages: int
    retransmissions: int
    hops: tuple[str, ...]  # of INVITE, in order of appearance: "10.0.0.1:5060>10.0.0.2:5060"
    findings: tuple[Finding, ...]  # those not cleared, and those cleared, in order of raising
    anomalies: tuple[str, ...] = ()  # what RFC 3261 forbids and was seen all the same
    user_agent: str = ""  # of the caller, as its INVITE says
    disconnect_ms: float | None = None  # BYE → its 2xx

    @property
    def answered(self) -> bool:
        return self.answered_us is not None


class RegistrationRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A registration session (all REGISTERs of one Call-ID) as it stands."""

    key: RecordKey
    open: bool
    aor: str  # the To
    contact: str
    client: str  # "10.0.0.1:5060"
    registrar: str
    outcome: RegistrationOutcome
    status: int | None
    first_us: int
    last_us: int
    registered_us: int | None  # first 2xx of the present binding
    expires_us: int | None  # when the present binding runs out
    messages: int
    retransmissions: int
    hops: tuple[str, ...]
    findings: tuple[Finding, ...]
    anomalies: tuple[str, ...] = ()


class TransactionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Requests outside of calls and registrations, as they stand: an OPTIONS, or all others of one Call-ID.

    `method` and `status` are those of what began it. Malformed messages that fit nowhere else come here too.
    """

    key: RecordKey
    open: bool
    method: str  # "" where it can't be read
    from_uri: str
    to_uri: str
    client: str
    server: str
    status: int | None
    first_us: int
    last_us: int
    messages: int
    retransmissions: int
    fault: str  # why its message is malformed, "" when it is not
    hops: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    anomalies: tuple[str, ...] = ()


Record: TypeAlias = CallRecord | RegistrationRecord | TransactionRecord


class _RecordUpdate(msgspec.Struct, frozen=True, gc=False):
    key: RecordKey
    at_us: int  # wire time


class MessageAdded(_RecordUpdate, frozen=True, tag=True):
    """A message joined a record, as its `number`th (1-based)."""

    number: int
    event: SipEvent


class EvidenceAdded(_RecordUpdate, frozen=True, tag=True):
    """What was seen beside the messages joined a record, as its `number`th side event (1-based)."""

    number: int
    side: SideEvent


class CallStarted(_RecordUpdate, frozen=True, tag=True):
    """The first message of a call was seen."""

    from_uri: str
    to_uri: str
    caller: str
    callee: str


class CallRang(_RecordUpdate, frozen=True, tag=True):
    """The first 101–199 came."""

    status: int
    pdd_ms: float | None


class CallAnswered(_RecordUpdate, frozen=True, tag=True):
    """The first 2xx came."""

    setup_ms: float | None


class CallEnded(_RecordUpdate, frozen=True, tag=True):
    """The call is over, in `state` (ended, failed, cancelled, redirected; answered: dropped without BYE)."""

    state: CallState
    status: int | None
    answered: bool
    duration_ms: float | None


class LegMarked(_RecordUpdate, frozen=True, tag=True):
    """A call showed marks by which it may be found again behind a B2BUA."""

    marks: tuple[Mark, ...]


class RegistrationSucceeded(_RecordUpdate, frozen=True, tag=True):
    """A 2xx: a new binding or a refresh."""

    aor: str
    contact: str
    client: str
    registrar: str
    expires_us: int
    identity: str = ""  # of the binding: +sip.instance and reg-id (RFC 5626), else the Contact


class RegistrationEnded(_RecordUpdate, frozen=True, tag=True):
    """The binding is gone (unregistered, expired) or never came (failed, unanswered)."""

    aor: str
    client: str
    registrar: str
    outcome: RegistrationOutcome
    status: int | None
    credentials: bool = False  # the last REGISTER carried a password's digest
    identity: str = ""  # of the binding that it was about; "*" for all of the address of record


class LoginFailed(_RecordUpdate, frozen=True, tag=True):
    """Credentials for the latest nonce were refused: the password, or the user, is wrong. One each time."""

    source: str
    server: str
    account: str
    status: int


class WeaklyChallenged(_RecordUpdate, frozen=True, tag=True):
    """A server asked for credentials by Basic, or by a digest without qop. Told once a record."""

    client: str
    server: str
    scheme: str  # "basic", "digest"
    realm: str


class RetryAfterGiven(_RecordUpdate, frozen=True, tag=True):
    """A server answered 503 and said for how long it wants no more requests (RFC 3261 §21.5.4)."""

    client: str
    server: str
    method: str
    seconds: int


class SourceSeen(_RecordUpdate, frozen=True, tag=True):
    """Who began a record, as near to the client as it was seen: told once, when nothing earlier can come."""

    method: str
    source: str  # "203.0.113.7:5062"
    destination: str
    from_uri: str
    to_uri: str
    agent: str  # User-Agent of the request, "" where it names none
    signature: str  # by which a known scanner gives itself away ("User-Agent: friendly-scanner"), or ""
    asked: bool  # False: only responses were seen


class RecordGrew(_RecordUpdate, frozen=True, tag=True):
    """So many more requests came under one Call-ID, copies and all hops included."""

    source: str  # the client, as far as it is known
    requests: int


class RequestRefused(_RecordUpdate, frozen=True, tag=True):
    """A standalone request got a final response ≥ 300."""

    method: str
    source: str
    destination: str
    to_uri: str
    status: int


class _FindingUpdate(_RecordUpdate, frozen=True):
    finding: Finding
    from_uri: str
    to_uri: str


class FindingRaised(_FindingUpdate, frozen=True, tag=True):
    """A fact was diagnosed, suspected or at once confirmed."""


class FindingConfirmed(_FindingUpdate, frozen=True, tag=True):
    """What was suspected is certain now."""


class FindingCleared(_FindingUpdate, frozen=True, tag=True):
    """What was raised turned out to be repaired, or never to have been so."""


class RecordClosed(_RecordUpdate, frozen=True, tag=True):
    """The record left memory. `reason`: "over" (lingered out), "evicted" (a limit, counted)."""

    reason: str


# What happened to a record, beside that it got a message or a side event.
Happened: TypeAlias = (
    CallStarted
    | CallRang
    | CallAnswered
    | CallEnded
    | RegistrationSucceeded
    | RegistrationEnded
    | LoginFailed
    | WeaklyChallenged
    | RetryAfterGiven
    | SourceSeen
    | RecordGrew
    | RequestRefused
    | FindingRaised
    | FindingConfirmed
    | FindingCleared
    | RecordClosed
)
Update: TypeAlias = MessageAdded | EvidenceAdded | LegMarked | Happened


# --- what ingest adds beside the correlator's updates, for the overview ---------------------------


class CollectorReported(msgspec.Struct, frozen=True, tag=True):
    """A heartbeat was committed (by the one partition that speaks for its collector)."""

    collector: str
    boot: str
    stored_us: int  # the stream store's clock when the heartbeat arrived, µs since the epoch
    heartbeat: Heartbeat


class LossRecorded(msgspec.Struct, frozen=True, tag=True):
    """Messages were lost before they could be correlated: by a collector, or in the streams.

    One partition speaks for a collector. Each of the others tells it too, as an `echo`, before its own time goes on
    over the loss: what the overview misses up to then, it must not take for absent.
    """

    collector: str
    loss: Loss
    echo: bool = False


class ConditionChanged(msgspec.Struct, frozen=True, tag=True):
    """Something of Offhook's own became a matter for a person, or is none any more: a disk that fills up, a limit
    that can't be held. Each change is told once.
    """

    code: str  # that alert rules go by: "disk-low"
    name: str  # what it is about
    stands: bool
    at_us: int
    cause: str
    remedy: str


# --- what people do, told through the same log so that every page hears of it -------------------


class ConnectionFailed(msgspec.Struct, frozen=True, tag=True):
    """A connection to a server did not come about: nothing of SIP was ever sent in it, so that it is of no record."""

    at_us: int
    client: str  # "10.0.0.1:49152"
    server: str
    trouble: str  # one of `collectors.wire.trouble.Connection`
    alert: int = -1  # of TLS (RFC 8446 §6.2)
    by: str = ""  # address of who sent the alert


class AlertAcknowledged(msgspec.Struct, frozen=True, tag=True):
    """Somebody took an alert on."""

    alert_id: int
    at_us: int
    by: str


LoggedUpdate: TypeAlias = (
    Happened | CollectorReported | LossRecorded | ConnectionFailed | ConditionChanged | AlertAcknowledged
)


class Committed(msgspec.Struct, frozen=True, array_like=True):
    """What one commit of one partition told: the overview's input, one row of the commit log.

    Messages and side events are left out; they are in the chunks. `touched` names the records that were written,
    also those that only got a message: pages show their counts.
    """

    partition: int
    watermark_us: int
    updates: list[LoggedUpdate]
    touched: list[RecordKey] = []
