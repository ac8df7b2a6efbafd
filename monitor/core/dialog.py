"""Dialogs (RFC 3261 §12) and the 2xx that forms them with its ACK (§13.2.2.4, §13.3.1.4), as seen.

A dialog is named by Call-ID and both tags. To a bystander it is *early* with a 101–199 that has a To
tag, *confirmed* with a 2xx, *failed* with a final response ≥ 300 of that tag, and *terminated* with a BYE
from either side (whatever the response: a side that says BYE has hung up, §15). An INVITE that forks
forms several. A 2xx outranks a failure, and a BYE all: so the same messages lead to the same state, in
whatever order they come.

A 2xx to INVITE is resent end to end by the callee, over any transport, until *its* ACK comes, which is
a request of its own: same CSeq number, both tags, any branch and any path. `Answer` is that pair.
"""

from enum import IntEnum
from typing import Final

from collectors.sip.timers import COPY_US, SECOND
from monitor.core.attempt import Attempt
from monitor.core.hop import address_of, ends
from monitor.core.message import Message
from monitor.core.times import earlier
from monitor.core.transaction import EVIDENCE, numbered

_MOST_DIALOGS: Final = 256  # of one call
_MOST_ANSWERS: Final = 256  # 2xx of one call that are watched for their ACK
_NEVER: Final = 1 << 61


class DialogState(IntEnum):
    """How far a dialog has come."""

    EARLY = 0
    FAILED = 1
    CONFIRMED = 2
    TERMINATED = 3


class DialogInput(IntEnum):
    """What a message means to a dialog."""

    PROVISIONAL = 0
    SUCCESS = 1
    FAILURE = 2
    BYE = 3


# Looked up often, and through the class slowly (Python 3.11).
EARLY: Final = DialogState.EARLY
FAILED: Final = DialogState.FAILED
CONFIRMED: Final = DialogState.CONFIRMED
TERMINATED: Final = DialogState.TERMINATED
PROVISIONAL: Final = DialogInput.PROVISIONAL
SUCCESS: Final = DialogInput.SUCCESS
FAILURE: Final = DialogInput.FAILURE
BYE: Final = DialogInput.BYE

DIALOG_TABLE: Final[dict[tuple[DialogState, DialogInput], DialogState]] = {
    (EARLY, PROVISIONAL): EARLY,
    (EARLY, SUCCESS): CONFIRMED,
    (EARLY, FAILURE): FAILED,
    (EARLY, BYE): TERMINATED,
    (FAILED, PROVISIONAL): FAILED,
    (FAILED, SUCCESS): CONFIRMED,
    (FAILED, FAILURE): FAILED,
    (FAILED, BYE): TERMINATED,
    (CONFIRMED, PROVISIONAL): CONFIRMED,
    (CONFIRMED, SUCCESS): CONFIRMED,
    (CONFIRMED, FAILURE): CONFIRMED,
    (CONFIRMED, BYE): TERMINATED,
    (TERMINATED, PROVISIONAL): TERMINATED,
    (TERMINATED, SUCCESS): TERMINATED,
    (TERMINATED, FAILURE): TERMINATED,
    (TERMINATED, BYE): TERMINATED,
}


class Dialog:
    """One dialog of a call. `from_tag` is the caller's. Times in µs, 0: never."""

    __slots__ = ("answered_us", "bye_number", "bye_tag", "bye_us", "from_tag", "known", "state", "to_tag")

    def __init__(self, from_tag: str, to_tag: str) -> None:
        self.from_tag = from_tag
        self.to_tag = to_tag
        self.state = EARLY
        self.known = False  # by more than a BYE
        self.answered_us = 0
        self.bye_us = 0
        self.bye_tag = ""  # of the side that hung up first
        self.bye_number = 0

    def joins(self, one_tag: str, other_tag: str) -> bool:
        """Whether it has these tags, whoever says which."""
        if self.from_tag == one_tag:
            return self.to_tag == other_tag
        return self.from_tag == other_tag and self.to_tag == one_tag

    def answered(self, at_us: int, message: DialogInput) -> None:
        """A response to its INVITE was seen."""
        self.known = True
        self.state = DIALOG_TABLE[self.state, message]
        if message == SUCCESS and (not self.answered_us or at_us < self.answered_us):
            self.answered_us = at_us

    def over(self, before_us: int) -> bool:
        """Whether it ended before a time."""
        return self.state is TERMINATED and self.bye_us < before_us

    def hung_up(self, event: Message, number: int) -> bool:
        """A BYE was seen; whether it is the first one."""
        self.state = DIALOG_TABLE[self.state, BYE]
        if self.bye_us and event.captured_us >= self.bye_us:
            return False
        self.bye_us, self.bye_tag, self.bye_number = event.captured_us, event.from_tag, number
        return True


# Resends are T2 apart, 16 s where that is long (3GPP radio access): what comes later is a call that is played again.
_APART_US: Final = 30 * SECOND


class Sending:
    """How often one hop carried a 2xx. Times in µs."""

    __slots__ = ("_times", "first_us", "last_us", "next", "numbers", "sends", "vias", "way")

    def __init__(self, event: Message) -> None:
        self.way = event.way  # in the direction of the INVITE
        self.vias = event.vias
        self.first_us = event.captured_us
        self.last_us = event.captured_us
        self.sends = 0
        self.numbers: tuple[int, ...] = ()
        self._times: tuple[int, ...] = ()  # where it is more than one
        self.next: Sending | None = None  # of the same 2xx on another hop

    @property
    def hop(self) -> str:
        """Its way as text."""
        return self.way.hop

    def add(self, at_us: int, number: int) -> None:
        """One more copy on this hop. A call that passes here twice (a spiral) shows two at once."""
        if self.sends:
            times = self.times
            if at_us > self.last_us + _APART_US or any(abs(at_us - known_us) < COPY_US for known_us in times):
                return
            if self.sends < EVIDENCE:
                self._times = tuple(sorted((*times, at_us)))
            self.first_us = min(self.first_us, at_us)
            self.last_us = max(self.last_us, at_us)
        self.sends += 1
        if self.sends <= EVIDENCE:
            self.numbers += numbered(number)

    @property
    def times(self) -> tuple[int, ...]:
        """Those of the first ones, in order."""
        return self._times or (self.first_us,)

    def nth_us(self, nth: int) -> int:
        """When it was sent for the `nth` time; 0 when it was not so often."""
        times = self.times
        return times[nth - 1] if len(times) >= nth else 0

    def resends_after(self, at_us: int) -> int:
        """How often it was sent again later than that."""
        resends = 0
        for known_us in self._times[1:]:
            resends += known_us > at_us
        return resends


class Answer:
    """A 2xx to an INVITE on all its hops, and the ACK that it waits for.

    `subject` names it within the call: "CSEQ FROM-TAG TO-TAG".
    """

    __slots__ = (
        "_ack_hop",
        "_more_acks",
        "_sending",
        "ack_numbers",
        "ack_us",
        "attempt",
        "contact",
        "contact_vias",
        "cseq",
        "first_us",
        "from_tag",
        "to_tag",
    )

    def __init__(self, cseq: int, from_tag: str, to_tag: str) -> None:
        self.cseq = cseq
        self.from_tag = from_tag
        self.to_tag = to_tag
        self.attempt: Attempt | None = None  # what it answers
        self.contact = ""  # of the 2xx, as near to the caller as it was seen: where the ACK is to go
        self.contact_vias = 0
        self.first_us = 0  # of the 2xx, anywhere
        self._sending: Sending | None = None  # the last of those on which it was seen; they are a chain
        self.ack_us = 0  # of the first ACK, anywhere
        self._ack_hop = ""
        self._more_acks: tuple[tuple[int, str], ...] = ()  # its first time on its other hops, and these, in order
        self.ack_numbers: tuple[int, ...] = ()

    @property
    def subject(self) -> str:
        return f"{self.cseq} {self.from_tag} {self.to_tag}"

    @property
    def forms_dialog(self) -> bool:
        """Whether it is no 2xx of a re-INVITE."""
        return self.attempt is not None and self.attempt.initial

    @property
    def asked(self) -> bool:
        """Whether its INVITE was seen."""
        return self.attempt is not None and self.attempt.asked

    def concerns(self, event: Message) -> bool:
        """Whether a 2xx or an ACK has its CSeq number and tags."""
        return self.cseq == event.cseq and self.from_tag == event.from_tag and self.to_tag == event.to_tag

    def ack_hops(self) -> dict[str, int]:
        """The hops on which its ACK was seen, and when first; the first of them first."""
        first = {self._ack_hop: self.ack_us} if self.ack_us else {}
        return first | {hop: at_us for at_us, hop in self._more_acks}

    def acked_from_us(self, source: str) -> int:
        """When its ACK was first seen to come from an address; 0: never."""
        return min([at_us for hop, at_us in self.ack_hops().items() if address_of(ends(hop)[0]) == source], default=0)

    def acknowledged_by(self, at_us: int) -> bool:
        """Whether its ACK was seen, and on all hops that it was seen on by then."""
        return 0 < self.ack_us <= at_us and (not self._more_acks or self._more_acks[-1][0] <= at_us)

    @property
    def sendings(self) -> list[Sending]:
        """How the hops of the INVITE carried it, in order of appearance."""
        found, sending = [], self._sending
        while sending is not None:
            found.append(sending)
            sending = sending.next
        return found[::-1]

    @property
    def seen(self) -> bool:
        """Whether it was seen at all, and not only its ACK."""
        return self._sending is not None

    @property
    def sends(self) -> int:
        """How often a hop carried it, at most."""
        most, sending = 0, self._sending
        while sending is not None:
            most = max(most, sending.sends)
            sending = sending.next
        return most

    def resends_after(self, at_us: int) -> int:
        """How often a hop carried it again later than that, at most."""
        most, sending = 0, self._sending
        while sending is not None:
            most = max(most, sending.resends_after(at_us))
            sending = sending.next
        return most

    def sending_on(self, hop: str) -> Sending | None:
        """How a hop of the INVITE carried it; None where it did not."""
        sending = self._sending
        while sending is not None and sending.hop != hop:
            sending = sending.next
        return sending

    def sent(self, event: Message, number: int, attempt: Attempt) -> int:
        """The 2xx was seen, for the first time or again; how often its hop has carried it."""
        self.attempt = attempt
        hop = event.hop
        sending = self.sending_on(hop)
        if sending is None:
            sending = Sending(event)
            sending.next, self._sending = self._sending, sending
            if not self.contact or event.vias < self.contact_vias:
                self.contact, self.contact_vias = event.contact, event.vias
        sending.add(event.captured_us, number)
        if not self.first_us or event.captured_us < self.first_us:
            self.first_us = event.captured_us
        return sending.sends

    def acknowledged(self, event: Message, number: int) -> None:
        """An ACK for it was seen."""
        at_us, hop = event.captured_us, event.hop
        if not self.ack_us:
            self.ack_us, self._ack_hop = at_us, hop
        elif hop != self._ack_hop or at_us < self.ack_us:
            acks = [(self.ack_us, self._ack_hop), *self._more_acks]
            for place, (known_us, known) in enumerate(acks):
                if known == hop:
                    acks[place] = min(known_us, at_us), hop
                    break
            else:
                acks.append((at_us, hop))
            acks.sort()
            self.ack_us, self._ack_hop = acks[0]
            self._more_acks = tuple(acks[1:])
        if len(self.ack_numbers) < EVIDENCE:
            self.ack_numbers += numbered(number)


class Dialogs:
    """The dialogs of a call, and the 2xx that wait for their ACK, by their tags."""

    __slots__ = ("_answer", "_dialog", "_more_answers", "_more_dialogs", "resent")

    def __init__(self) -> None:
        # Most calls have one of each: a reference takes a sixth of what a tuple of it would.
        self._dialog: Dialog | None = None
        self._more_dialogs: tuple[Dialog, ...] = ()
        self._answer: Answer | None = None
        self._more_answers: tuple[Answer, ...] = ()
        self.resent: tuple[Answer, ...] = ()  # those that some hop carried more than once

    def _dialogs(self) -> tuple[Dialog, ...]:
        return () if self._dialog is None else (self._dialog, *self._more_dialogs)

    def _answers(self) -> tuple[Answer, ...]:
        return () if self._answer is None else (self._answer, *self._more_answers)

    def find(self, one_tag: str, other_tag: str) -> Dialog | None:
        """The dialog of these tags, whoever says which."""
        first = self._dialog
        if first is None or first.joins(one_tag, other_tag):
            return first
        for dialog in self._more_dialogs:
            if dialog.joins(one_tag, other_tag):
                return dialog
        return None

    def of(self, one_tag: str, other_tag: str) -> Dialog:
        """The same, or a new one; beyond the bound, one that is not kept."""
        dialog = self.find(one_tag, other_tag)
        if dialog is None:
            dialog = Dialog(one_tag, other_tag)
            if self._dialog is None:
                self._dialog = dialog
            elif len(self._more_dialogs) < _MOST_DIALOGS - 1:
                self._more_dialogs += (dialog,)
        return dialog

    def over(self, before_us: int = _NEVER) -> bool:
        """Whether each dialog that was answered has ended, before a time."""
        if not self._more_dialogs:
            return self._dialog is None or not self._dialog.answered_us or self._dialog.over(before_us)
        answered = alive = 0
        for dialog in self._dialogs():
            if dialog.answered_us:
                answered += 1
                alive += not dialog.over(before_us)
        if answered == alive == 1:
            return self._hung_up_astray(before_us)
        return not alive

    def _hung_up_astray(self, before_us: int) -> bool:
        """Whether there was a BYE whose tags fit nothing: it is the end of the only dialog there is."""
        return any(not dialog.known and dialog.bye_us < before_us for dialog in self._dialogs())

    def last_bye_us(self) -> int:
        """When the last of the dialogs that were answered ended; 0 where none has."""
        last_us = 0
        for dialog in self._dialogs():
            if dialog.answered_us and dialog.bye_us > last_us:
                last_us = dialog.bye_us
        return last_us

    def acknowledged(self) -> bool | None:
        """Whether each 2xx that forms a dialog got its ACK; None where there is none."""
        answers = self.answers()
        forming = [answer for answer in answers if answer.forms_dialog] or answers
        return all(answer.ack_us for answer in forming) if forming else None

    def acked_us(self, attempt: Attempt, source: str = "") -> int:
        """When the first ACK of an INVITE was seen, whatever it acknowledges; from an address, where one is given.

        0: never.
        """
        first_us = 0
        for answer in self._answers():
            if answer.cseq == attempt.cseq and answer.from_tag == attempt.from_tag:
                first_us = earlier(first_us, answer.acked_from_us(source) if source else answer.ack_us)
        return first_us

    def answer_of(self, event: Message) -> Answer:
        """The 2xx and ACK of this CSeq and these tags, from whichever is seen first."""
        first = self._answer
        if first is not None:
            if first.concerns(event):
                return first
            for other in self._more_answers:
                if other.concerns(event):
                    return other
        answer = Answer(event.cseq, event.from_tag, event.to_tag)
        if first is None:
            self._answer = answer
            return answer
        self._more_answers += (answer,)
        if len(self._more_answers) >= _MOST_ANSWERS:
            self._forget_answer()
        return answer

    def answers(self) -> list[Answer]:
        """The 2xx that were seen."""
        return [answer for answer in self._answers() if answer.seen]

    def strays(self, answer: Answer) -> list[Answer]:
        """What ACKs were seen of this dialog that belong to no 2xx: with another CSeq, or another tag."""
        return [
            other
            for other in self._answers()
            if not other.seen
            and other.from_tag == answer.from_tag
            and (other.cseq == answer.cseq or other.to_tag == answer.to_tag)
        ]

    def _forget_answer(self) -> None:
        """Let the oldest go that nobody waits for; else the oldest."""
        answers = self._answers()
        over = (answer for answer in answers if answer.ack_us and not answer.forms_dialog)
        forgotten = next(over, answers[0])
        self._answer, *others = [answer for answer in answers if answer is not forgotten]
        self._more_answers = tuple(others)
        self.resent = tuple([answer for answer in self.resent if answer is not forgotten])
