"""The same messages give the same findings about sources: in one piece, or by partitions that commit as they please."""

from random import Random
from zlib import crc32

import pytest

from collectors.wire.events import SipEvent
from monitor.core.correlator import Correlator
from monitor.core.overview import Overview
from monitor.core.sources.values import SubjectFinding
from monitor.core.updates import Committed, EvidenceAdded, LegMarked, LoggedUpdate, MessageAdded, Update
from tests.monitor.core.sources.traffic import Look
from tests.support.messages import request, response, us
from tests.support.watch import Watch

Rows = dict[tuple[str, str, str, int], SubjectFinding]
PARTITIONS = 8


def attack() -> list[SipEvent]:
    """A scan of sixty users, and a hundred passwords on one, among other people's registrations."""
    events: list[SipEvent] = []
    for number in range(60):
        at, call_id = number / 4, f"scan-{number}"
        headers = [("User-Agent", "friendly-scanner")] if number == 30 else []
        events.append(request("OPTIONS", at, "carol>edge", call_id=call_id, headers=headers))
        events.append(response(404, at + 0.01, "carol>edge", method="OPTIONS", call_id=call_id))
    for number in range(100):
        at, call_id, branch = 20 + number / 20, f"crack-{number % 5}", f"z9hG4bK-{number}"
        digest = f'Digest username="alice", realm="home", nonce="n{number % 5}", response="{number}"'
        login = [("Authorization", digest)] if number > 4 else []
        challenge = [("WWW-Authenticate", f'Digest realm="home", nonce="n{number % 5}"')]
        cseq = 2 if number > 4 else 1
        events.append(request("REGISTER", at, "carol>edge", call_id=call_id, cseq=cseq, branch=branch, headers=login))
        events.append(
            response(
                401,
                at + 0.02,
                "carol>edge",
                method="REGISTER",
                call_id=call_id,
                cseq=cseq,
                branch=branch,
                headers=challenge,
            )
        )
    for number in range(40):
        at, call_id = number / 2, f"phone-{number}"
        contact = [("Contact", "<sip:alice@10.0.0.1>;expires=600")]
        events.append(request("REGISTER", at, "alice>edge", call_id=call_id, headers=contact))
        events.append(response(200, at + 0.03, "alice>edge", method="REGISTER", call_id=call_id, headers=contact))
    return sorted(events, key=lambda event: event.captured_us)


def happened(updates: list[Update]) -> list[LoggedUpdate]:
    return [update for update in updates if not isinstance(update, MessageAdded | EvidenceAdded | LegMarked)]


def by_partitions(events: list[SipEvent], seed: int) -> Rows:
    """As ingest does it: each partition feeds its own and commits when it likes, and the overview reads all."""
    dice = Random(seed)
    correlators = [Correlator() for _ in range(PARTITIONS)]
    logged: list[list[LoggedUpdate]] = [[] for _ in range(PARTITIONS)]
    overview, rows = Overview(), Rows()

    def commit(number: int, watermark_us: int) -> None:
        overview.feed(Committed(number, watermark_us, list(logged[number])))
        logged[number].clear()
        for finding in overview.subjects():
            rows[finding.kind, finding.name, finding.finding.code, finding.finding.at_us] = finding

    for event in events:
        watermark_us = event.captured_us - 500_000
        mine = crc32(event.call_id.encode()) % PARTITIONS
        for number, correlator in enumerate(correlators):
            told = correlator.feed(event) if number == mine else []
            logged[number] += happened(told + correlator.advance(watermark_us))
            if dice.random() < 0.2:
                commit(number, watermark_us)
    for number, correlator in enumerate(correlators):
        logged[number] += happened(correlator.advance(us(60)))
        commit(number, us(60))
    overview.feed(Committed(-1, us(90), []))
    for finding in overview.subjects():
        rows[finding.kind, finding.name, finding.finding.code, finding.finding.at_us] = finding
    return rows


@pytest.mark.parametrize("seed", range(3))
def test_partitions_come_to_what_one_correlator_comes_to(seed: int) -> None:
    events = attack()
    whole = Look(Watch(events, until=60).told)
    assert whole.found() == [
        ("brute-force", "10.0.0.4", "confirmed"),
        ("scanner", "10.0.0.4", "confirmed"),
        ("weak-auth", "10.0.0.5", "confirmed"),
    ]
    assert by_partitions(events, seed) == whole.rows
