"""A phone's part in one call: what caller and callee have in common once there is a dialog."""

from collectors.scenario.agent import UserAgent
from collectors.scenario.dialog import Dialog
from collectors.scenario.message import Message
from collectors.scenario.transaction import Resender, ServerTransaction


class Leg:
    """One end of a call: its dialog, its media, the 2xx it waits to see acknowledged."""

    def __init__(self, phone: UserAgent, call_id: str) -> None:
        self.phone = phone
        self.call_id = call_id
        self.media = phone.media()
        self.dialog: Dialog | None = None  # confirmed: a 2xx was sent or received
        self.ended = False
        self._unacked: dict[int, Resender] = {}  # by CSeq number of the INVITE
        self._acks: dict[tuple[str, int], Message] = {}  # by remote end and CSeq number

    # Within the dialog, ours

    def hang_up(self, headers: tuple[tuple[str, str], ...] = ()) -> None:
        """Send BYE, once there is something to end."""
        if self.dialog is not None and not self.ended:
            self.ended = True
            self._bye(self.dialog, headers)

    def _bye(self, dialog: Dialog, headers: tuple[tuple[str, str], ...] = ()) -> None:
        self.within(dialog, "BYE", headers=headers)

    def reinvite(self, direction: str) -> None:
        """Offer the media again: "sendonly" holds, "sendrecv" resumes."""
        if self.dialog is not None and not self.ended:
            self.within(self.dialog, "INVITE", body=self.media.offer(direction))

    def within(
        self,
        dialog: Dialog,
        method: str,
        *,
        headers: tuple[tuple[str, str], ...] = (),
        body: str = "",
        proven: bool = False,
    ) -> None:
        """A request within a dialog; a 2xx to a re-INVITE gets its ACK, a challenge its credentials, once."""
        dialog.cseq += 1
        phone = self.phone
        contact = (("Contact", phone.contact),) if method == "INVITE" else ()
        fields = [*dialog.headers(method, dialog.cseq), *contact, *headers]
        request = phone.request(method, dialog.target, fields, body=body)
        cseq = dialog.cseq

        def hear(response: Message) -> None:
            if method == "INVITE" and 200 <= response.status < 300:
                self.acknowledge(dialog, cseq)
            elif response.status in (401, 407) and not proven:
                proof = phone.credentials(response, request)
                if proof:
                    self.within(dialog, method, headers=(*headers, proof), body=body, proven=True)

        phone.ask(request, dialog.next_hop, hear)

    def acknowledge(self, dialog: Dialog, cseq: int, headers: tuple[tuple[str, str], ...] = ()) -> None:
        """Send the ACK of a 2xx: a request of its own, end to end, the same for each copy (§13.2.2.4)."""
        if not self.phone.acks:
            return
        ack = self._acks.get((dialog.remote, cseq))
        if ack is None:
            ack = self.phone.request("ACK", dialog.target, [*dialog.headers("ACK", cseq), *headers])
            self._acks[dialog.remote, cseq] = ack
        self.phone.send(ack, dialog.next_hop)

    # Within the dialog, theirs

    def receive(self, server: ServerTransaction) -> None:
        """A request within the dialog."""
        request = server.request
        if self.ended and request.method != "BYE":
            server.respond(self.phone.response(request, 481))
        elif request.method == "INVITE":
            self.accept(server, self.media.answer(request.body))
        else:
            if request.method == "BYE":
                self.ended = True
                self.stop_resending()
            server.respond(self.phone.response(request, 200))

    def accept(self, server: ServerTransaction, body: str, tag: str = "") -> None:
        """Answer an INVITE with 200, again and again until its ACK (§13.3.1.4)."""
        phone = self.phone
        headers = (("Contact", phone.contact),)
        response = phone.response(server.request, 200, tag=tag, headers=headers, extras=True, body=body)
        server.respond(response)
        cseq = server.request.cseq
        self._unacked[cseq] = Resender(phone, response, server.back, capped=True)
        phone.stage.after(phone.stage.timers.timeout_us, lambda: self._give_up(cseq))

    def _give_up(self, cseq: int) -> None:
        """No ACK in 64·T1: the call can't go on (§13.3.1.4)."""
        if cseq in self._unacked:
            self.stop_resending()
            if self.phone.ends_unacked:
                self.hang_up()

    def hear_ack(self, ack: Message) -> None:
        resender = self._unacked.pop(ack.cseq, None)
        if resender is not None:
            resender.stop()

    def stop_resending(self) -> None:
        for resender in self._unacked.values():
            resender.stop()
        self._unacked.clear()
