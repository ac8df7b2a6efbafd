"""What every actor of a scenario has in common: an address, a dialect, transactions, the wire."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from collectors.scenario.dialects import Dialect
from collectors.scenario.message import Endpoint, Message
from collectors.scenario.stage import Stage, microseconds
from collectors.scenario.transaction import ClientTransaction, ServerTransaction, stamp

_THROW: Final = re.compile(r"\{(hex|digits|text)(\d+)\}")
_LAST: Final = {"Content-Type": 1000, "Content-Length": 1001}


class Party(ABC):
    """A host that speaks SIP. Subclasses say what it does with a new request (`on_request`)."""

    answers_source = False

    def __init__(
        self, stage: Stage, user: str, endpoint: Endpoint, *, dialect: Dialect, transport: str, behind: Endpoint | None
    ) -> None:
        self.stage = stage
        self.user = user
        self.endpoint = endpoint  # what it believes and writes
        self.wire = behind or endpoint  # what others see: another one behind a NAT
        self.dialect = dialect
        self.transport = transport
        self.dice = stage.dice.child(f"{user}@{endpoint}")
        self._deaf: list[tuple[int, int | None]] = []
        self._clients: dict[tuple[str, str], ClientTransaction] = {}
        self._servers: dict[tuple[str, str], ServerTransaction] = {}
        stage.listeners[self.wire] = self

    # What a script says of any party

    def silent(self, *, since: float = 0.0, until: float | None = None) -> None:
        """It is down: from `since` to `until` (seconds) it hears nothing and says nothing."""
        begin = microseconds(since)
        self._deaf.append((begin, None if until is None else microseconds(until)))

    # Sending

    def send(self, message: Message, to: Endpoint) -> None:
        if not self._is_silent():
            self.stage.send(message, self.wire, to, self.transport)

    def ask(
        self,
        request: Message,
        to: Endpoint,
        on_response: Callable[[Message], None] = lambda _: None,
        on_timeout: Callable[[], None] = lambda: None,
    ) -> ClientTransaction:
        """Send a request in a transaction of its own."""
        transaction = ClientTransaction(self, request, to, on_response=on_response, on_timeout=on_timeout)
        self._clients[request.branch, request.method] = transaction
        transaction.start()
        return transaction

    # Receiving

    def receive(self, message: Message, source: Endpoint) -> None:
        if self._is_silent():
            return
        if not message.method:
            client = self._clients.get((message.branch, message.cseq_method))
            if client is not None:
                client.receive(message)
            return
        key = (message.branch, "INVITE" if message.method == "ACK" else message.method)
        server = self._servers.get(key)
        if server is not None:
            server.again(message)
            return
        if message.method != "ACK":
            self._servers[key] = server = ServerTransaction(self, message, source)
        stamp(message, source, always=self.answers_source)
        if server is None:
            self.on_ack(message)
        else:
            self.on_request(server)

    @abstractmethod
    def on_request(self, server: ServerTransaction) -> None:
        """A request that opens a server transaction: anything but an ACK."""

    @abstractmethod
    def on_ack(self, ack: Message) -> None:
        """The ACK of a 2xx."""

    def cancelled(self, cancel: Message) -> ServerTransaction | None:
        """The INVITE that a CANCEL is about."""
        return self._servers.get((cancel.branch, "INVITE"))

    def _is_silent(self) -> bool:
        now = self.stage.now
        return any(begin <= now and (end is None or now < end) for begin, end in self._deaf)

    # Composing

    def name(self, form: str) -> str:
        """Fill in a form of a dialect: "{hex8}", "{digits10}", "{text12}", "{host}"."""
        filled = _THROW.sub(lambda found: getattr(self.dice, found[1])(int(found[2])), form)
        return filled.replace("{host}", self.endpoint.host)

    def via(self) -> str:
        rport = ";rport" if self.dialect.rport else ""
        return f"SIP/2.0/{self.transport.upper()} {self.endpoint}{rport};branch={self.name(self.dialect.branch)}"

    @property
    def contact(self) -> str:
        transport = "" if self.transport == "udp" else f";transport={self.transport}"
        at = f"{self.user}@" if self.user else ""
        return f"<sip:{at}{self.endpoint}{transport}>"

    def request(
        self,
        method: str,
        uri: str,
        headers: Iterable[tuple[str, str]],
        *,
        extras: bool = False,
        body: str = "",
    ) -> Message:
        """A request of ours, headers in the order of our dialect; `extras` as a dialog is set up."""
        fields = [("Via", self.via()), ("Max-Forwards", "70"), *headers, ("User-Agent", self.dialect.product)]
        arranged = self._arranged(fields, body, extras=extras)
        return Message(arranged, method=method, uri=uri, body=body, style=self.dialect.style)

    def response(
        self,
        request: Message,
        status: int,
        *,
        reason: str = "",
        tag: str = "",
        headers: Sequence[tuple[str, str]] = (),
        extras: bool = False,
        body: str = "",
    ) -> Message:
        """Our response to a request (§8.2.6), with `tag` in its To when it has none yet."""
        echoed = [pair for pair in request.headers if pair[0] in ("Via", "From", "To", "Call-ID", "CSeq")]
        if 100 < status < 300 and request.method == "INVITE":
            echoed += [pair for pair in request.headers if pair[0] == "Record-Route"]
        fields = [*echoed, *headers, ("Server", self.dialect.product)]
        arranged = self._arranged(fields, body, extras=extras)
        message = Message(arranged, status=status, reason=reason, body=body, style=self.dialect.style)
        if tag and not message.to_tag:
            message.replace("To", f"{message.get('To')};tag={tag}")
        return message

    def _arranged(self, fields: list[tuple[str, str]], body: str, *, extras: bool) -> list[tuple[str, str]]:
        if extras:
            fields = [*fields, *((name, self.name(value)) for name, value in self.dialect.extras)]
        if body:
            fields = [*fields, ("Content-Type", "application/sdp")]
        fields = [*fields, ("Content-Length", str(len(body.encode())))]
        rank = {name: place for place, name in enumerate(self.dialect.order)}
        return sorted(fields, key=lambda field: rank.get(field[0], _LAST.get(field[0], len(rank))))
