"""The calling end: INVITE, credentials, redirection, ACK, CANCEL."""

from typing import TYPE_CHECKING

from collectors.scenario.agent import UserAgent
from collectors.scenario.dialog import Dialog
from collectors.scenario.leg import Leg
from collectors.scenario.message import Endpoint, Message, endpoint_of, uri_of

if TYPE_CHECKING:
    from collectors.scenario.transaction import ClientTransaction


class Caller(Leg):
    """One call that a phone makes, with all its attempts (they share a Call-ID)."""

    def __init__(self, phone: UserAgent, *, to: str, uri: str, next_hop: Endpoint, routed: bool) -> None:
        super().__init__(phone, phone.name(phone.dialect.call_id))
        self._local = f"{phone.identity};tag={phone.name(phone.dialect.tag)}"
        self._to = to
        self._uri = uri
        self._next_hop = next_hop
        self._routed = routed  # through an outbound proxy, whatever the URI says
        self._cseq = phone.dialect.first_cseq
        self._proof: tuple[tuple[str, str], ...] = ()
        self._proofs = 0
        self._offer = self.media.offer()
        self._invite: ClientTransaction | None = None
        self._cancelled = False
        self._dialogs: dict[str, Dialog] = {}  # confirmed, by To tag: a fork may answer twice
        self._acked: set[str] = set()

    def start(self) -> None:
        phone = self.phone
        headers = [
            ("From", self._local),
            ("To", self._to),
            ("Call-ID", self.call_id),
            ("CSeq", f"{self._cseq} INVITE"),
            ("Contact", phone.contact),
            *self._proof,
            *phone.call_headers,
        ]
        invite = phone.request("INVITE", self._uri, headers, extras=True, body=self._offer)
        self._invite = phone.ask(invite, self._next_hop, self._hear)

    def cancel(self) -> None:
        """Give the call up, while there is no final response."""
        if self._invite is not None and not self._invite.final:
            self._cancelled = True
            self._invite.cancel()

    def hang_up(self, headers: tuple[tuple[str, str], ...] = ()) -> None:
        if self.dialog is None:
            self.cancel()
        else:
            super().hang_up(headers)

    def _hear(self, response: Message) -> None:
        if 200 <= response.status < 300:
            self._hear_answer(response)
        elif 300 <= response.status < 400:
            self._follow(response)
        elif response.status in (401, 407):
            self._prove(response)

    def _hear_answer(self, response: Message) -> None:
        tag = response.to_tag
        dialog = self._dialogs.get(tag)
        if dialog is None and self._invite is not None:
            dialog = self._dialogs[tag] = Dialog.of_caller(self._invite.request, response)
            unwanted = self._cancelled or self.dialog is not None
            self.dialog = self.dialog or dialog
            self.phone.stage.after(self.phone.ack_delay_us, lambda: self._first_ack(tag, unwanted=unwanted))
        elif dialog is not None and tag in self._acked:
            self.acknowledge(dialog, response.cseq, self._proof)

    def _first_ack(self, tag: str, *, unwanted: bool) -> None:
        dialog = self._dialogs[tag]
        self._acked.add(tag)
        self.acknowledge(dialog, self._cseq, self._proof)
        if unwanted:
            self.ended = self.ended or dialog is self.dialog
            self._bye(dialog)

    def _follow(self, response: Message) -> None:
        """Try where a 3xx points (§8.1.3.4)."""
        contact = uri_of(response.get("Contact"))
        if not contact or not self.phone.follows_redirects:
            return
        self._uri = contact
        if not self._routed:
            self._next_hop = endpoint_of(contact)
        self._cseq += 1
        self.start()

    def _prove(self, response: Message) -> None:
        """Try again with credentials (§22)."""
        if self._invite is None or self._proofs >= self.phone.login_attempts:
            return
        proof = self.phone.credentials(response, self._invite.request)
        if proof is not None:
            self._proofs += 1
            self._proof = (proof,)
            self._cseq += 1
            self.start()
