"""Looks for number portability data in the Request-URIs of a call."""

from collectors.sip.name_addr import read_uri
from collectors.sip.phone import read_phone
from monitor.core.call import Call
from monitor.core.diagnosis.numbering import LRN_DIP, Dip, lrn_dip
from monitor.core.facet import Facet
from monitor.core.message import Message
from monitor.core.transaction import Transaction
from monitor.core.updates import Update


class Numbering(Facet[Call]):
    """What the hop nearest to the caller says."""

    __slots__ = ("_dip",)

    def __init__(self, fold: Call) -> None:
        super().__init__(fold)
        self._dip: Dip | None = None

    @staticmethod
    def may_begin(method: str, status: int, cseq_method: str) -> bool:
        """INVITE."""
        return method == "INVITE"

    @staticmethod
    def begins(event: Message) -> bool:
        """With the first INVITE that has any."""
        if event.method != "INVITE":
            return False
        line = event.start_line
        if line.find(";") < 0 and line.find("%") < 0:
            return False  # no parameters, not even escaped ones, as in most
        line = line.lower()
        return "npdi" in line or "rn=" in line or "cic=" in line

    @staticmethod
    def hears(method: str, status: int, cseq_method: str, *, found: bool) -> bool:
        """INVITE."""
        return method == "INVITE"

    def news(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """Take it, where it is nearer to the caller than what is known."""
        if not self.begins(event):
            return
        phone = read_phone(read_uri(event.start_line.partition(" ")[2].rpartition(" ")[0]))
        if phone is None or not phone.portability:
            return
        dip = Dip(event.vias, event.captured_us, event.hop, number, phone)
        if self._dip is None or dip[:2] < self._dip[:2]:
            self._dip = dip
            self.fold.judge(LRN_DIP, "", lrn_dip(dip), event.captured_us, event.captured_us, out)
