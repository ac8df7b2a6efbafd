"""Private Contacts of those outside, and requests that are sent to them."""

from typing import Any, Final

from collectors.sip.address import leads_inside
from collectors.sip.uri import host_of, without_parameters
from monitor.core.call import Call
from monitor.core.diagnosis.nat import NAT_CONTACT, Aim, nat_contact
from monitor.core.facet import Facet
from monitor.core.message import Message
from monitor.core.transaction import Transaction
from monitor.core.updates import Update

_MOST: Final = 8  # Contacts of one call


class _Aimed:
    """A request to such a Contact."""

    __slots__ = ("at_us", "hop", "method", "missed_us", "number", "transaction")

    def __init__(self, event: Message, number: int, transaction: Transaction | None) -> None:
        self.at_us = event.captured_us
        self.hop = event.hop
        self.method = event.method
        self.number = number
        self.transaction = transaction  # None: an ACK
        self.missed_us = 0


class PrivateContacts(Facet[Call]):
    """Follows the private Contacts that came from public addresses."""

    __slots__ = ("_aimed", "_given")

    def __init__(self, fold: Call) -> None:
        super().__init__(fold)
        self._given: dict[str, tuple[str, int]] = {}  # Contact → who gave it, in which message
        self._aimed: dict[str, _Aimed] = {}

    @staticmethod
    def may_begin(method: str, status: int, cseq_method: str) -> bool:
        """What gives a Contact for the dialog (§12.1)."""
        return cseq_method == "INVITE" and (method == "INVITE" or 100 < status < 300)

    @staticmethod
    def begins(event: Message) -> bool:
        """It comes from outside and gives an address that is inside."""
        return _hides(event)

    def news(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """Learn a Contact, see whether a request is sent to one, or answered from there."""
        contact = event.contact
        if contact and contact not in self._given and len(self._given) < _MOST and _hides(event):
            self._given[contact] = (event.source, number)
        if event.method and event.to_tag:
            self._aim(event, number, transaction, out)
        elif not event.method:
            for contact, aimed in self._aimed.items():
                if transaction is aimed.transaction:
                    self._judge(contact, event.captured_us, out)

    def again(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """A 2xx that is sent again after its ACK did not get it."""
        if not 200 <= event.status < 300:
            return
        for contact, aimed in self._aimed.items():
            late_us = aimed.at_us + self.fold.context.settings.timers.t1_us
            if aimed.transaction is None and not aimed.missed_us and event.captured_us > late_us:
                aimed.missed_us = event.captured_us
                self._judge(contact, event.captured_us, out)

    def fire(self, about: Any, due_us: int, out: list[Update]) -> None:
        """64·T1 have passed since a request to such a Contact."""
        aimed = self._aimed[about]
        if aimed.transaction is not None and not aimed.transaction.response_us:
            aimed.missed_us = due_us
            self._judge(about, due_us, out)

    def _aim(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        target = target_of(event)
        if target not in self._given or target in self._aimed or event.first("route"):
            return  # with a Route, it goes there first (§16.12)
        if event.destination != host_of(target).strip("[]"):
            return  # to where the Contact came from, as a server does that knows of NATs
        self._aimed[target] = _Aimed(event, number, transaction)
        self._judge(target, event.captured_us, out)
        self.fold.wake_facet(event.captured_us + self.fold.context.timeout_us, self, target)

    def _judge(self, contact: str, at_us: int, out: list[Update]) -> None:
        aimed, (given_by, given) = self._aimed[contact], self._given[contact]
        aim = Aim(
            contact=contact,
            given_by=given_by,
            given=given,
            method=aimed.method,
            hop=aimed.hop,
            number=aimed.number,
            at_us=aimed.at_us,
            missed_us=aimed.missed_us,
            answered_us=aimed.transaction.response_us if aimed.transaction is not None else 0,
        )
        self.fold.judge(NAT_CONTACT, contact, nat_contact(aim), aimed.at_us, at_us, out)


def target_of(event: Message) -> str:
    """The Request-URI without parameters; "" where there is none."""
    return without_parameters(event.start_line.partition(" ")[2].rpartition(" ")[0].strip())


def _hides(event: Message) -> bool:
    """Whether it comes from a public address, and its Contact is one that can't be reached from there."""
    return event.contact != "" and event.from_outside and leads_inside(event.contact)
