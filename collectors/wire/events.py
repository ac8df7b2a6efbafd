"""What a collector says: one `SipEvent` a message, `SideEvent`s, `Heartbeat`s, and the `Batch` that carries them.

The Structs are array-like (small on the wire) and frozen. Fields are only ever added at the end,
with a default, so that a server reads what an older collector sends; anything else is a new
`SCHEMA`. This module must stay plain Python: msgspec Structs lose their options when compiled.
"""

from typing import Final, TypeAlias

import msgspec

SCHEMA = 1

# The kinds of `SideEvent`. A reader passes over a kind that it doesn't know.
ICMP: Final = "icmp"  # an ICMP error that quotes a request: it did not arrive
TCP: Final = "tcp"  # a connection did not come about, or was reset after a request and before any response
RTCP: Final = "rtcp"  # a report of how media arrive: loss, jitter, round trip
RTP: Final = "rtp"  # media seen, or not seen, where SDP announced them
LOG: Final = "log"  # a line that some element logged of a call
FRAGMENTS: Final = "fragments"  # a message came in IP fragments, or one of them did not
SIDE_KINDS: Final = (ICMP, RTCP, RTP, LOG, TCP, FRAGMENTS)


class SipEvent(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One SIP message as one observer saw it, with what every later stage needs parsed once.

    A message that can't be parsed is an event too: `fault` says why, and whatever could be read
    is filled in all the same.
    """

    captured_us: int  # wire time, µs since the epoch (UTC)
    received_us: int  # when the collector read it, µs since the epoch
    source: str  # IP address as text, IPv6 without brackets
    source_port: int
    destination: str
    destination_port: int
    transport: str  # "udp", "tcp", "tls", "ws", "wss", "sctp"
    observer: str  # "collector/interface": who saw it
    raw: bytes  # the message, redacted at the edge, otherwise untouched
    fault: str = ""  # why it is malformed ("no-call-id", "bad-cseq", …), "" when it is not
    method: str = ""  # of a request; "" for a response
    status: int = 0  # of a response; 0 for a request
    call_id: str = ""
    from_uri: str = ""  # addr-spec without parameters: "sip:alice@example.com"
    from_tag: str = ""
    to_uri: str = ""
    to_tag: str = ""
    cseq: int = -1  # sequence number, -1 when absent or unreadable
    cseq_method: str = ""
    branch: str = ""  # of the topmost Via
    vias: int = 0  # how many Via values: how far from the UAC
    contact: str = ""  # URI of the first Contact, "" when there is none


class SideEvent(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was seen beside the signaling and belongs to a record: it is evidence, and never a message.

    `call_id` to `branch` are those of the request that is quoted, or of the call that this belongs to; an
    empty `method` leaves open whether that is a call or a registration.
    """

    captured_us: int  # wire time, µs since the epoch (UTC)
    received_us: int  # when the collector read it, µs since the epoch
    source: str  # IP address as text, IPv6 without brackets; of an ICMP error who sent it
    source_port: int  # 0 where there is none
    destination: str
    destination_port: int
    transport: str  # "udp", "tcp", "icmp", …; "" where it is not known
    observer: str  # "collector/interface": who saw it
    kind: str  # one of `SIDE_KINDS`
    call_id: str = ""
    method: str = ""
    cseq: int = -1
    from_tag: str = ""
    branch: str = ""
    text: str = ""  # in plain words: "port unreachable", the log line
    values: dict[str, float] = {}  # what was measured, units in the names: "lost_pct", "jitter_ms"
    raw: bytes = b""  # as it was on the wire, redacted at the edge; "" where `text` and `values` are all
    hop: str = ""  # "10.0.0.1:5060>10.0.0.2:5060": where the quoted request went, or its response came back


# What an observer may see.
Observation: TypeAlias = SipEvent | SideEvent


class Loss(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Messages that an observer knows, or must fear, it has lost.

    No absence is claimed for what this observer saw between the two times.
    """

    observer: str  # "collector/interface", or "collector/*" for all of a collector's
    from_us: int  # wire time, µs since the epoch, inclusive
    to_us: int
    reason: str  # "kernel", "queue", "spool", "gap", "silent", …
    count: int  # messages lost; 0 when it can't be known


class Heartbeat(msgspec.Struct, frozen=True, array_like=True):
    """What a collector says of itself each second, in-band, to every partition."""

    sent_us: int  # the collector's clock, µs since the epoch
    low_water_us: int  # nothing captured before this will still come (from this boot, this partition)
    started_us: int
    host: str
    version: str
    receiver: str  # "libpcap", "tshark", "file", "hep", "scenario"
    interfaces: list[str]
    counters: dict[str, int]  # since start: "received", "kernel_drops", "parsed", "malformed", "sent", …
    losses: list[Loss]  # since the last heartbeat
    backlog: int = 0  # events read and not yet accepted by the stream store (queue and spool)
    final: bool = False  # the last of this boot: it stops, and holds the watermark back no longer


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """One entry of a partition's stream. (collector, boot, partition, sequence) names it for ever:

    a retry resends the same four, so that the reader drops duplicates and counts gaps.
    """

    schema: int
    collector: str
    boot: str
    partition: int
    sequence: int  # from 0, without holes, for each (collector, boot, partition)
    events: list[SipEvent]
    heartbeat: Heartbeat | None = None
    side: list[SideEvent] = []  # none of them was seen before an event that it is sent behind

    @property
    def observations(self) -> list[Observation]:
        """Events and side events, in the order in which they are to be taken."""
        return [*self.events, *self.side]

    @property
    def size(self) -> int:
        """How many observations it carries."""
        return len(self.events) + len(self.side)
