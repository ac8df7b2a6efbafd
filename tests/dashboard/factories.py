"""Rows for pages to show: real situations, through the real correlator and the real writer."""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db import transaction

from collectors.scenario.cast import Cast, Role
from collectors.scenario.library import CALLS, PINGS, REGISTRATIONS, play
from collectors.sip.timers import SECOND
from collectors.wire.events import SideEvent, SipEvent
from monitor.core.correlator import Correlator
from monitor.core.sources.stage import Sources
from monitor.core.updates import Kind, LoginFailed, RecordKey, SourceSeen
from monitor.models import Alert, AlertOccurrence, Call, Collector, Delivery, FindingRow, Import, LossRange, Overview
from monitor.services import subjects
from monitor.services.apply_updates import write_content
from monitor.services.harvest import Harvest

EVERYTHING = (*CALLS, *REGISTRATIONS, *PINGS)
PEOPLE = ("ada", "ben", "chloe", "dirk", "edith", "finn", "gert", "hana", "igor", "june", "karl", "lena")


def now_us() -> int:
    return time.time_ns() // 1000


def events_of(names: Sequence[str], start_us: int, apart_s: float = 7.0) -> list[SipEvent]:
    """Situations, one begun every `apart_s` seconds, each by other people: their messages in order of time."""
    events: list[SipEvent] = []
    for index, name in enumerate(names):
        caller, callee = PEOPLE[index % len(PEOPLE)], PEOPLE[(index * 5 + 3) % len(PEOPLE)]
        cast = Cast(
            caller=Role(f"{caller}@192.0.2.{10 + index % 200}:5060"),
            callee=Role(f"{callee}@198.51.100.{20 + index % 200}:5060"),
        )
        scenario = play(name, f"{name}{index}", cast)
        events += scenario.events(start_us=start_us + int(index * apart_s * SECOND), observer="edge-1/eth0")
    return sorted(events, key=lambda event: event.captured_us)


def store(
    events: Iterable[SipEvent], until_us: int, import_id: int = 0, version: int = 1, side: Iterable[SideEvent] = ()
) -> None:
    """Feed messages up to a time, then what was seen beside them; fire what is due by then, and write all of it."""
    correlator = Correlator()
    harvest = Harvest(correlator)
    for event in events:
        if event.captured_us > until_us:
            break
        harvest.add(correlator.advance(event.captured_us - SECOND), event.captured_us - SECOND)
        harvest.add(correlator.feed(event), event.captured_us - SECOND)
    for each in side:
        harvest.add(correlator.witness(each), until_us - SECOND)
    harvest.add(correlator.advance(until_us), until_us)
    with transaction.atomic():
        write_content([(harvest.take(), 0, version)], import_id)


def play_out(events: Sequence[SipEvent], slices: int) -> Iterator[list[str]]:
    """Write messages slice by slice, as commits of a live worker; gives the calls that each touched, by slug."""
    correlator = Correlator()
    harvest = Harvest(correlator)
    length = (events[-1].captured_us - events[0].captured_us) // slices + 1
    for number in range(1, slices + 1):
        from_us, until_us = (events[0].captured_us + length * n for n in (number - 1, number))
        for event in events:
            if from_us <= event.captured_us < until_us:
                harvest.add(correlator.feed(event), from_us)
        harvest.add(correlator.advance(until_us), until_us)
        content = harvest.take()
        with transaction.atomic():
            write_content([(content, 0, number)])
        yield [record.key.slug for record in content.records]


def store_situations(
    names: Sequence[str] = EVERYTHING, ago_s: float = 600, apart_s: float = 7.0, import_id: int = 0
) -> None:
    """Situations that began `ago_s` seconds ago and later, as things stand now."""
    until_us = now_us()
    store(events_of(names, until_us - int(ago_s * SECOND), apart_s), until_us, import_id)


def a_collector(name: str = "edge-1", **columns: Any) -> Collector:
    at_us = now_us()
    values: dict[str, Any] = {
        "name": name,
        "boot": "5f0c",
        "host": "edge.example.com",
        "version": "0.1.0",
        "receiver": "libpcap",
        "interfaces": ["eth0", "lo"],
        "started_us": at_us - 3 * 3600 * SECOND,
        "last_seen_us": at_us,
        "clock_offset_us": 3_400,
        "counters": {
            "received": 1_284_113,
            "parsed": 1_284_090,
            "malformed": 23,
            "sent": 1_284_090,
            "kernel_drops": 12,
        },
        "rate": 412.7,
    }
    return Collector.objects.create(**values | columns)


def a_loss(collector: str = "edge-1", reason: str = "kernel", count: int = 12) -> LossRange:
    at_us = now_us() + LossRange.objects.count()
    return LossRange.objects.create(
        collector=collector,
        observer=f"{collector}/eth0",
        from_us=at_us - 90 * SECOND,
        to_us=at_us - 88 * SECOND,
        reason=reason,
        count=count,
    )


def an_alert(code: str = "missing-ack", **columns: Any) -> Alert:
    """An open alert about the stored calls and registrations that carry a finding."""
    at_us = now_us()
    found = list(FindingRow.objects.filter(code=code, import_id=0).order_by("at_us")[:20])
    values: dict[str, Any] = {
        "fingerprint": f"{code}|{at_us}",
        "rule": code,
        "severity": "critical",
        "title": "Missing ACK, 203.0.113.5:5060 → 198.51.100.20:5060",
        "summary": "The 200 OK was sent again and again, and its ACK never arrived. Such calls drop after 32 seconds.",
        "remedy": "Look at the proxy's routing of ACK: it must follow the Route set of the 200 OK.",
        "place": "203.0.113.5:5060>198.51.100.20:5060",
        "state": "open",
        "count": max(1, len(found)),
        "opened_us": at_us - 480 * SECOND,
        "last_us": at_us - 20 * SECOND,
        "version": 1,
    }
    alert = Alert.objects.create(**values | columns)
    for row in found:
        call = Call.objects.filter(key=row.key, day=row.day).first()
        AlertOccurrence.objects.create(
            alert=alert,
            kind=row.kind,
            slug=row.slug,
            code=row.code,
            state=row.state,
            at_us=row.at_us,
            from_uri=call.from_uri if call else "sip:ada@example.com",
            to_uri=call.to_uri if call else "sip:ada@example.com",
            hop=row.hop,
            cause=row.cause,
        )
    return alert


def a_delivery(alert: Alert | None = None, **columns: Any) -> Delivery:
    at_us = now_us()
    values: dict[str, Any] = {
        "alert": alert,
        "event": "opened",
        "recipient": "noc@example.com",
        "message_id": f"<{at_us}.{Delivery.objects.count()}@offhook>",
        "state": "kept",
        "created_us": at_us - 60 * SECOND,
        "subject": "[Offhook] critical: missing ACK, proxy-1 → pbx-3 (14 calls in 5 min)",
        "text": "ACK never arrived.\n\nWhere: proxy-1 → pbx-3\nSince: 10:42:07 UTC\n",
        "html": "<!doctype html><p style='font:16px sans-serif'>ACK never arrived.</p>",
    }
    return Delivery.objects.create(**values | columns)


def an_import(**columns: Any) -> Import:
    values: dict[str, Any] = {
        "name": "trunk-outage.pcapng",
        "path": "imports/1.pcap",
        "size": 4_218_332,
        "state": "done",
        "bytes_read": 4_218_332,
        "packets": 9_211,
        "messages": 8_730,
        "calls": 312,
        "registrations": 18,
        "findings": 9,
        "created_us": now_us(),
        "created_by": "admin",
    }
    return Import.objects.create(**values | columns)


def an_overview(sequence: int = 1, metrics: dict[str, Any] | None = None) -> Overview:
    overview, _ = Overview.objects.update_or_create(
        id=1, defaults={"sequence": sequence, "watermark_us": now_us(), "metrics": metrics or {}}
    )
    return overview


def some_subjects() -> None:
    """A scanner, and somebody who tries passwords."""
    sources = Sources()
    session, at_us = RecordKey(Kind.REGISTRATION, "279205998884020260561273", "", 20260101), now_us() - 600 * SECOND
    scan = SourceSeen(
        session,
        at_us,
        "REGISTER",
        "203.0.113.77:5062",
        "198.51.100.1:5060",
        "sip:100@198.51.100.1",
        "sip:100@198.51.100.1",
        "friendly-scanner",
        "User-Agent: friendly-scanner",
        asked=True,
    )
    sources.take(scan)
    for number in range(12):
        name = f"guess-{number}@2001:db8:1234:5678:9abc:def0:1234:5678"
        key = RecordKey(Kind.REGISTRATION, name, "", 20260101)
        source = "[2001:db8:1234:5678:9abc:def0:1234:5678]:5060"
        sources.take(
            LoginFailed(
                key, at_us + number, source, "198.51.100.1:5060", "sip:somebody.with.a.long.name@voice.example.com", 401
            )
        )
    sources.finish()
    subjects.apply(sources.changed())
