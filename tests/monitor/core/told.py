"""Updates, said briefly: what a correlator tells the overview."""

from collectors.sip.timers import SECOND
from collectors.wire.events import Heartbeat, Loss
from monitor.core.updates import (
    CallAnswered,
    CallEnded,
    CallRang,
    CallStarted,
    CallState,
    CollectorReported,
    Committed,
    Finding,
    FindingCleared,
    FindingConfirmed,
    FindingRaised,
    FindingState,
    Kind,
    LoggedUpdate,
    LossRecorded,
    RecordClosed,
    RecordKey,
    RegistrationEnded,
    RegistrationOutcome,
    RegistrationSucceeded,
    Severity,
)

T0 = 1_800_000_000 * SECOND
HOP = "10.0.0.1:5060>10.0.0.2:5060"
FROM, TO = "sip:alice@example.com", "sip:bob@example.com"


def us(at_s: float) -> int:
    """Seconds after T0 as µs since the epoch."""
    return T0 + round(at_s * SECOND)


def call(name: str = "c1", incarnation: int = 1) -> RecordKey:
    """A call's key."""
    return RecordKey(Kind.CALL, name, "", 20270115, incarnation)


def session(name: str = "r1") -> RecordKey:
    """A registration's key."""
    return RecordKey(Kind.REGISTRATION, name, "", 20270115)


def started(at_s: float, name: str = "c1") -> CallStarted:
    return CallStarted(call(name), us(at_s), FROM, TO, "10.0.0.1:5060", "10.0.0.2:5060")


def rang(at_s: float, name: str = "c1", pdd_ms: float | None = 400.0) -> CallRang:
    return CallRang(call(name), us(at_s), 180, pdd_ms)


def answered(at_s: float, name: str = "c1", setup_ms: float | None = 2000.0) -> CallAnswered:
    return CallAnswered(call(name), us(at_s), setup_ms)


def ended(
    at_s: float,
    name: str = "c1",
    state: CallState = CallState.ENDED,
    status: int | None = 200,
    *,
    was_answered: bool = True,
) -> CallEnded:
    return CallEnded(call(name), us(at_s), state, status, was_answered, None)


def closed(at_s: float, name: str = "c1") -> RecordClosed:
    return RecordClosed(call(name), us(at_s), "over")


def registered(at_s: float, name: str = "r1", contact: str = "sip:a@10.0.0.1", expires_s: float = 3600) -> LoggedUpdate:
    return RegistrationSucceeded(
        session(name), us(at_s), FROM, contact, "10.0.0.1:5060", "10.0.0.9:5060", us(at_s + expires_s)
    )


def unregistered(
    at_s: float, name: str = "r1", outcome: RegistrationOutcome = RegistrationOutcome.UNREGISTERED, status: int = 200
) -> LoggedUpdate:
    return RegistrationEnded(session(name), us(at_s), FROM, "10.0.0.1:5060", "10.0.0.9:5060", outcome, status)


def finding(
    at_s: float, code: str = "missing-ack", state: FindingState = FindingState.SUSPECTED, hop: str = HOP
) -> Finding:
    return Finding(
        code=code,
        subject="d1",
        severity=Severity.CRITICAL,
        state=state,
        at_us=us(at_s),
        hop=hop,
        messages=(1, 2, 3),
        cause=f"cause of {code}",
        remedy=f"remedy of {code}",
    )


def raised(at_s: float, name: str = "c1", code: str = "missing-ack", hop: str = HOP) -> FindingRaised:
    return FindingRaised(call(name), us(at_s), finding(at_s, code, hop=hop), FROM, TO)


def confirmed(at_s: float, name: str = "c1", code: str = "missing-ack", hop: str = HOP) -> FindingConfirmed:
    return FindingConfirmed(call(name), us(at_s), finding(at_s, code, FindingState.CONFIRMED, hop), FROM, TO)


def cleared(at_s: float, name: str = "c1", code: str = "missing-ack", hop: str = HOP) -> FindingCleared:
    return FindingCleared(call(name), us(at_s), finding(at_s, code, FindingState.CLEARED, hop), FROM, TO)


def refused(at_s: float, name: str = "r1", client: str = "10.0.0.1:5060") -> FindingRaised:
    """A registration was rejected."""
    what = finding(at_s, "registration-rejected", FindingState.CONFIRMED, f"{client}>10.0.0.9:5060")
    return FindingRaised(session(name), us(at_s), what, FROM, FROM)


def report(
    at_s: float, name: str = "edge-1", parsed: int = 0, boot: str = "b1", *, final: bool = False, **counters: int
) -> CollectorReported:
    heartbeat = Heartbeat(
        sent_us=us(at_s),
        low_water_us=us(at_s),
        started_us=T0,
        host="host",
        version="0",
        receiver="libpcap",
        interfaces=["eth0"],
        counters={"parsed": parsed} | counters,
        losses=[],
        final=final,
    )
    return CollectorReported(name, boot, us(at_s), heartbeat)


def lost(
    at_s: float, count: int = 5, reason: str = "kernel", name: str = "edge-1", lasted_s: float = 1
) -> LossRecorded:
    return LossRecorded(name, Loss(f"{name}/eth0", us(at_s - lasted_s), us(at_s), reason, count))


def commit(watermark_s: float, *updates: LoggedUpdate, partition: int = 0) -> Committed:
    """One commit of one partition."""
    return Committed(partition, us(watermark_s), list(updates))


def tick(at_s: float) -> Committed:
    """Time passed, and nothing came."""
    return commit(at_s, partition=-1)
