"""Dialogs (RFC 3261 §12) and the 2xx that forms them with its ACK (§13.2.2.4, §13.3.1.4), as seen.

A dialog is named by Call-ID and both tags. To a bystander it is *early* with a 101–199 that has a To
tag, *confirmed* with a 2xx, *terminated* with a BYE from either side (whatever the response: a side
that says BYE has hung up, §15) or, while early, with a failure of its INVITE. An INVITE that forks forms
several. A BYE that comes out of order, before its 2xx, terminates all the same.

A 2xx to INVITE is resent end to end by the callee, over any transport, until *its* ACK comes, which is
a request of its own: same CSeq number, both tags, any branch and any path. `Answer` is that pair.
"""

from enum import IntEnum
from typing import Final

from collectors.sip.timers import COPY_US
from collectors.wire.events import SipEvent
from monitor.core.hop import request_hop
from monitor.core.transaction import EVIDENCE


class DialogState(IntEnum):
    """How far a dialog has come."""

    EARLY = 0
    CONFIRMED = 1
    TERMINATED = 2


class DialogInput(IntEnum):
    """What a message means to a dialog."""

    PROVISIONAL = 0
    SUCCESS = 1
    FAILURE = 2
    BYE = 3


_S, _I = DialogState, DialogInput
DIALOG_TABLE: Final[dict[tuple[DialogState, DialogInput], tuple[DialogState, str]]] = {
    (_S.EARLY, _I.PROVISIONAL): (_S.EARLY, ""),
    (_S.EARLY, _I.SUCCESS): (_S.CONFIRMED, ""),
    (_S.EARLY, _I.FAILURE): (_S.TERMINATED, ""),
    (_S.EARLY, _I.BYE): (_S.TERMINATED, ""),
    (_S.CONFIRMED, _I.PROVISIONAL): (_S.CONFIRMED, ""),
    (_S.CONFIRMED, _I.SUCCESS): (_S.CONFIRMED, ""),
    (_S.CONFIRMED, _I.FAILURE): (_S.CONFIRMED, ""),
    (_S.CONFIRMED, _I.BYE): (_S.TERMINATED, ""),
    (_S.TERMINATED, _I.PROVISIONAL): (_S.TERMINATED, ""),
    (_S.TERMINATED, _I.SUCCESS): (_S.TERMINATED, ""),
    (_S.TERMINATED, _I.FAILURE): (_S.TERMINATED, ""),
    (_S.TERMINATED, _I.BYE): (_S.TERMINATED, ""),
}


class Dialog:
    """One dialog of a call. `from_tag` is the caller's. Times in µs, 0: never."""

    __slots__ = ("answered_us", "bye_number", "bye_tag", "bye_us", "from_tag", "state", "to_tag")

    def __init__(self, from_tag: str, to_tag: str) -> None:
        self.from_tag = from_tag
        self.to_tag = to_tag
        self.state = DialogState.EARLY
        self.answered_us = 0
        self.bye_us = 0
        self.bye_tag = ""  # of the side that hung up first
        self.bye_number = 0

    def move(self, message: DialogInput) -> None:
        """Step the machine."""
        self.state, _ = DIALOG_TABLE[self.state, message]

    def hung_up(self, event: SipEvent, number: int) -> None:
        """A BYE was seen."""
        if not self.bye_us or event.captured_us < self.bye_us:
            self.bye_us, self.bye_tag, self.bye_number = event.captured_us, event.from_tag, number
        self.move(DialogInput.BYE)


class Sending:
    """How often one hop carried a 2xx. Times in µs."""

    __slots__ = ("first_us", "hop", "last_us", "numbers", "sends", "times", "vias")

    def __init__(self, hop: str, event: SipEvent) -> None:
        self.hop = hop  # in the direction of the INVITE
        self.vias = event.vias
        self.first_us = event.captured_us
        self.last_us = event.captured_us
        self.sends = 0
        self.numbers: list[int] = []
        self.times: list[int] = []

    def add(self, at_us: int, number: int) -> None:
        """One more copy on this hop."""
        if self.sends and abs(at_us - self.last_us) < COPY_US:
            return
        self.first_us = min(self.first_us, at_us)
        self.last_us = max(self.last_us, at_us)
        self.sends += 1
        if self.sends <= EVIDENCE:
            self.numbers.append(number)
            self.times.append(at_us)


class Answer:
    """A 2xx to an INVITE on all its hops, and the ACK that it waits for.

    `subject` names it within the call: "CSEQ FROM-TAG TO-TAG".
    """

    __slots__ = (
        "ack_hops",
        "ack_numbers",
        "ack_us",
        "cseq",
        "first_us",
        "from_tag",
        "initial",
        "last_ack_us",
        "resent",
        "sendings",
        "to_tag",
    )

    def __init__(self, cseq: int, from_tag: str, to_tag: str) -> None:
        self.cseq = cseq
        self.from_tag = from_tag
        self.to_tag = to_tag
        self.initial = False  # it forms a dialog (not the 2xx of a re-INVITE)
        self.first_us = 0  # of the 2xx, anywhere
        self.sendings: dict[str, Sending] = {}  # by hop of the INVITE, in order of appearance
        self.resent = False  # some hop carried it more than once
        self.ack_us = 0  # of the first ACK, anywhere
        self.last_ack_us = 0
        self.ack_hops: dict[str, int] = {}  # hop of the ACK → its first time
        self.ack_numbers: list[int] = []

    @property
    def subject(self) -> str:
        return f"{self.cseq} {self.from_tag} {self.to_tag}"

    def sent(self, event: SipEvent, number: int) -> None:
        """The 2xx was seen, for the first time or again."""
        hop = request_hop(event)
        sending = self.sendings.get(hop)
        if sending is None:
            sending = self.sendings[hop] = Sending(hop, event)
        sending.add(event.captured_us, number)
        if not self.first_us or event.captured_us < self.first_us:
            self.first_us = event.captured_us
        self.resent |= sending.sends > 1

    def acknowledged(self, event: SipEvent, number: int) -> None:
        """An ACK for it was seen."""
        at_us = event.captured_us
        if not self.ack_us or at_us < self.ack_us:
            self.ack_us = at_us
        self.last_ack_us = max(self.last_ack_us, at_us)
        self.ack_hops.setdefault(request_hop(event), at_us)
        if len(self.ack_numbers) < EVIDENCE:
            self.ack_numbers.append(number)
