"""The called end: ringing, answering, refusing, being cancelled."""

from collectors.scenario.agent import UserAgent
from collectors.scenario.dialog import Dialog
from collectors.scenario.leg import Leg
from collectors.scenario.message import Endpoint, Message
from collectors.scenario.transaction import ServerTransaction


class Callee(Leg):
    """One call that came in. It does what the script says, and nothing else but 100 Trying."""

    def __init__(self, phone: UserAgent, server: ServerTransaction) -> None:
        super().__init__(phone, server.request.get("Call-ID"))
        self._tag = phone.name(phone.dialect.tag)
        self._server = server
        if phone.says_trying:
            server.respond(phone.response(server.request, 100))

    @property
    def request(self) -> Message:
        return self._server.request

    @property
    def open(self) -> bool:
        return not self._server.final

    def ring(self, status: int, *, media: bool) -> None:
        """A provisional response, with early media when so asked."""
        if self.open:
            body = self.media.answer(self.request.body) if media else ""
            headers = (("Contact", self.phone.contact),)
            self._server.respond(self.phone.response(self.request, status, tag=self._tag, headers=headers, body=body))

    def answer(self, direction: str = "sendrecv") -> None:
        if self.open:
            self.dialog = Dialog.of_callee(self.request, self._tag, self.phone.dialect.first_cseq)
            self.accept(self._server, self.media.answer(self.request.body, direction), self._tag)

    def refuse(self, status: int, reason: str, headers: tuple[tuple[str, str], ...]) -> None:
        if self.open:
            response = self.phone.response(self.request, status, reason=reason, tag=self._tag, headers=headers)
            self._server.respond(response)

    def hear_cancel(self, server: ServerTransaction) -> None:
        """200 to the CANCEL, whatever became of the INVITE; 487 to it where it is still open (§9.2)."""
        server.respond(self.phone.response(server.request, 200, tag=self._tag))
        self.refuse(487, "", ())


def contact_of(endpoint: Endpoint, user: str) -> tuple[tuple[str, str], ...]:
    """The Contact of a redirection."""
    return (("Contact", f"<sip:{user}@{endpoint}>"),)
