"""Vias that lead responses to the wrong port."""

from typing import Final

from collectors.sip.address import inside
from monitor.core.call import Call
from monitor.core.diagnosis.nat import VIA_MISMATCH, Misled, via_mismatch
from monitor.core.facet import Facet
from monitor.core.message import Message
from monitor.core.registration import Registration
from monitor.core.standalone import Standalone
from monitor.core.transaction import Transaction
from monitor.core.updates import Update

_MOST: Final = 8  # transactions of one record
_PORT: Final = 5060


class _Odd:
    """A request whose Via leads elsewhere."""

    __slots__ = ("again_us", "misled_us", "number", "port", "response", "sent_by", "went_on_us")

    def __init__(self, sent_by: str, port: int, number: int) -> None:
        self.sent_by = sent_by
        self.port = port  # of the Via
        self.number = number
        self.misled_us = 0
        self.response = 0
        self.again_us = 0
        self.went_on_us = 0


class MisleadingVias(Facet[Call | Registration | Standalone]):
    """Follows requests with a private Via, no rport, and another port than they came from."""

    __slots__ = ("_odd",)

    def __init__(self, fold: Call | Registration | Standalone) -> None:
        super().__init__(fold)
        self._odd: dict[Transaction, _Odd] = {}

    @staticmethod
    def may_begin(method: str, status: int, cseq_method: str) -> bool:
        """A request that gets a response."""
        return method not in ("", "ACK")

    @staticmethod
    def begins(event: Message) -> bool:
        """Such a request."""
        return _misleading(event) is not None

    def news(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """Look where the response goes, and whether the client goes on after it."""
        if event.method:
            self._go_on(event, transaction, out)
            found = _misleading(event)
            if found is not None and transaction is not None and len(self._odd) < _MOST:
                self._odd.setdefault(transaction, _Odd(*found, number))
            return
        odd = self._odd.get(transaction) if transaction is not None else None
        if odd is not None and not odd.misled_us and event.destination_port == odd.port:
            odd.misled_us, odd.response = event.captured_us, number
            self._judge(transaction, odd, event.captured_us, out)

    def again(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """A request that is sent again although it was answered: the client did not get it."""
        odd = self._odd.get(transaction) if transaction is not None and event.method else None
        if odd is not None and 0 < odd.misled_us < event.captured_us and not odd.again_us:
            odd.again_us = event.captured_us
            self._judge(transaction, odd, event.captured_us, out)

    def _go_on(self, event: Message, transaction: Transaction | None, out: list[Update]) -> None:
        """The ACK, or the client's next request: it has the response."""
        for known, odd in self._odd.items():
            on = transaction is not known or event.method == "ACK"
            if on and odd.misled_us and not odd.went_on_us and event.source == known.source:
                odd.went_on_us = event.captured_us
                self._judge(known, odd, event.captured_us, out)

    def _judge(self, transaction: Transaction | None, odd: _Odd, at_us: int, out: list[Update]) -> None:
        assert transaction is not None, "only known transactions are odd"  # noqa: S101 - `_odd` holds no other
        misled = Misled(
            subject=f"{transaction.cseq} {transaction.method}",
            hop=transaction.hop,
            sent_by=odd.sent_by,
            port=transaction.way.source_port,
            numbers=(odd.number, odd.response),
            at_us=odd.misled_us,
            again_us=odd.again_us,
            went_on_us=odd.went_on_us,
        )
        self.fold.judge(VIA_MISMATCH, misled.subject, via_mismatch(misled), odd.misled_us, at_us, out)


def _misleading(event: Message) -> tuple[str, int] | None:
    """(sent-by, its port) of a request whose Via leads responses to another port; None for all others."""
    if not event.method or event.transport != "udp" or event.top.startswith(event.way.via):
        return None
    # Nearly every client that does not know its own address asks for rport: the octets tell without reading them.
    if event.raw.find(b"rport") >= 0:
        return None
    host, port = event.sent_by
    port = port or _PORT
    if port == event.source_port or host.strip("[]") == event.source or not inside(host):
        return None
    return f"{host}:{port}", port
