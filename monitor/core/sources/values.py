"""Findings that are of no single record: whom they are about, and the records that show it."""

from enum import StrEnum

import msgspec

from monitor.core.updates import Finding, RecordKey


class Subject(StrEnum):
    """What a finding is about, where that is no record."""

    SOURCE = "source"  # an address that requests come from
    ACCOUNT = "account"  # an address of record
    PEER = "peer"  # an address that requests go to


class SubjectFinding(msgspec.Struct, frozen=True, kw_only=True):
    """A finding about a source, an account or a peer, as it stands.

    (kind, name, code, at_us) names it for ever: what was over and comes again is another one.
    """

    kind: Subject
    name: str  # "203.0.113.7", "sip:alice@example.com"
    finding: Finding  # without messages: `evidence` names the records that have them
    last_us: int  # of the newest evidence, wire time
    count: int  # requests, logins … that it counts
    evidence: tuple[RecordKey, ...]  # the newest of them, oldest first
