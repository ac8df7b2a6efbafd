"""A phone's registration: all its REGISTERs share a Call-ID and count up their CSeq (RFC 3261 §10.2.4)."""

from collectors.scenario.agent import UserAgent
from collectors.scenario.message import Endpoint, Message


class Registration:
    """The binding of a phone at one registrar."""

    def __init__(self, phone: UserAgent, registrar: Endpoint) -> None:
        self._phone = phone
        self._registrar = registrar
        self._call_id = phone.name(phone.dialect.call_id)
        self._local = f"{phone.identity};tag={phone.name(phone.dialect.tag)}"
        self._cseq = phone.dialect.first_cseq - 1
        self._challenge: Message | None = None  # the last one: its nonce is used again
        self._tries = 0

    def register(self, expires: int) -> None:
        """One go at it: a REGISTER, and what its responses make necessary."""
        self._tries = 0
        self._send(expires)

    def _send(self, expires: int) -> None:
        phone = self._phone
        self._cseq += 1
        headers = [
            ("From", self._local),
            ("To", phone.identity),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._cseq} REGISTER"),
            ("Contact", phone.contact),
            ("Expires", str(expires)),
        ]
        request = phone.request("REGISTER", f"sip:{phone.domain}", headers)
        proof = phone.credentials(self._challenge, request) if self._challenge else None
        if proof:
            request.replace(*proof)
        phone.ask(request, self._registrar, lambda response: self._hear(response, expires))

    def _hear(self, response: Message, expires: int) -> None:
        if response.status == 401 and self._phone.password is not None and self._tries < self._phone.login_attempts:
            self._tries += 1
            self._challenge = response
            self._send(expires)
        elif response.status == 423 and int(response.get("Min-Expires")) > expires:
            self._send(int(response.get("Min-Expires")))
