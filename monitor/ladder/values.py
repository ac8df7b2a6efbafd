"""What a ladder is made of: lanes, rows, bars and pins. Frozen values, no geometry, no markup."""

from enum import StrEnum
from typing import TypeAlias

import msgspec

from monitor.core.clocks import Clock
from monitor.core.updates import FindingState, Severity


class Tone(StrEnum):
    """What an arrow is, for its colour and its weight."""

    REQUEST = "request"
    PROVISIONAL = "provisional"  # 1xx
    SUCCESS = "success"  # 2xx
    REDIRECT = "redirect"  # 3xx
    CHALLENGE = "challenge"  # 401, 407: asks for credentials, no failure by itself
    FAILURE = "failure"  # ≥ 400
    MALFORMED = "malformed"


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """A vertical line: one element of the path."""

    name: str  # its alias, else its address
    address: str  # "10.0.0.1:5060", or "10.0.0.1" where it uses several ports; "" for the last, shared lane
    ports: tuple[int, ...] = ()
    others: int = 0  # of the shared lane: how many hosts found no lane of their own


class Pin(msgspec.Struct, frozen=True, kw_only=True):
    """A finding at the row that it is about."""

    finding: int  # index in `Ladder.pins`' order of findings, for links between the page's cards and the ladder
    code: str
    severity: Severity
    state: FindingState
    cause: str
    timer: str = ""  # "32.0 s = 64·T1", where the finding speaks of a timer


class Arrow(msgspec.Struct, frozen=True, kw_only=True):
    """A message, with its retransmissions and the copies of other observers folded in."""

    number: int  # of the first transmission, 1-based within the record
    numbers: tuple[int, ...]  # all that are folded here, the first included
    at_us: int  # wire time of the first
    delta_us: int  # since the arrow before; 0 for the first
    source: int  # index of a lane
    destination: int  # index of a lane; may equal `source`
    label: str  # "INVITE (SDP)", "180", "200 (SDP)"
    detail: str  # "Ringing", "OK · BYE", "no Call-ID"; may be ""
    tone: Tone
    transport: str
    count: int = 1  # transmissions: the most that any one observer saw
    span_us: int = 0  # first to last transmission
    observers: int = 1
    evidence: tuple[int, ...] = ()  # the findings (those not cleared) that name it
    pins: tuple[Pin, ...] = ()

    @property
    def times(self) -> str:
        """ "×10", or "" for a message sent once."""
        return f"×{self.count}" if self.count > 1 else ""


class Absence(msgspec.Struct, frozen=True, kw_only=True):
    """A message that should have come here and was not seen: what a finding rests on."""

    label: str  # "ACK never came", "no ACK yet"
    source: int
    destination: int
    state: FindingState
    severity: Severity
    finding: int


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A long silence, drawn short."""

    duration_us: int


class Elision(msgspec.Struct, frozen=True, kw_only=True):
    """Rows left out of the picture."""

    rows: int
    messages: int
    first: int  # number of the first message left out
    duration_us: int


Row: TypeAlias = Arrow | Absence | Gap | Elision


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """A timer, along the lane of the element that waits."""

    lane: int
    first_row: int  # index in `Ladder.rows`
    last_row: int
    text: str  # "32.0 s = 64·T1"
    severity: Severity
    state: FindingState
    finding: int


class Ladder(msgspec.Struct, frozen=True, kw_only=True):
    """A record as a picture. Times are wire times in µs since the epoch; rows are in their order."""

    lanes: tuple[Lane, ...]
    rows: tuple[Row, ...]
    bars: tuple[Bar, ...]
    first_us: int  # the zero of relative time
    last_us: int
    messages: int  # all, also those that are folded or left out
    pins: tuple[Pin, ...] = ()  # of every finding, also those without a place in the rows
    clocks: tuple[Clock, ...] = ()  # collectors whose times are corrected to those of another
