"""A user agent: who it is, what it can, how it behaves; what its calls and registrations need of it."""

from collectors.scenario import digest
from collectors.scenario.dialects import GENERIC, Dialect
from collectors.scenario.message import Endpoint, Message
from collectors.scenario.party import Party
from collectors.scenario.sdp import Media
from collectors.scenario.stage import Stage
from collectors.sip.auth import parameters


class UserAgent(Party):
    """Identity, credentials and habits of a phone."""

    def __init__(
        self,
        stage: Stage,
        user: str,
        endpoint: Endpoint,
        *,
        domain: str,
        dialect: Dialect = GENERIC,
        password: str | None = None,
        display: str = "",
        transport: str = "udp",
        behind: Endpoint | None = None,
    ) -> None:
        super().__init__(stage, user, endpoint, dialect=dialect, transport=transport, behind=behind)
        self.domain = domain
        self.password = password
        self.identity = f'"{display}" <{self.uri}>' if display else f"<{self.uri}>"
        self.call_headers: tuple[tuple[str, str], ...] = ()  # further headers of its INVITEs
        self.acks = True
        self.ack_delay_us = 0
        self.ends_unacked = True
        self.says_trying = True
        self.follows_redirects = True
        self.login_attempts = 1
        self._nonces: dict[str, int] = {}

    @property
    def uri(self) -> str:
        """Its address of record."""
        return f"sip:{self.user}@{self.domain}"

    def media(self) -> Media:
        """A fresh audio port for a call."""
        port = 10_000 + 2 * self.dice.below(10_000)
        return Media(Endpoint(self.endpoint.address, port), self.dialect.codecs, self.dice.digits(10))

    def credentials(self, challenge: Message, request: Message) -> tuple[str, str] | None:
        """The header that answers a challenge to `request`; None when it has no password."""
        if self.password is None:
            return None
        header = "Authorization"
        asked = challenge.get("WWW-Authenticate")
        if challenge.status == 407:
            header, asked = "Proxy-Authorization", challenge.get("Proxy-Authenticate")
        nonce = parameters(asked)["nonce"]
        self._nonces[nonce] = count = self._nonces.get(nonce, 0) + 1
        proof = digest.credentials(
            asked,
            user=self.user,
            password=self.password,
            method=request.method,
            uri=request.uri,
            cnonce=self.dice.hex(8),
            count=count,
        )
        return header, proof
