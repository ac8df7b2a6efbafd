"""A SIP server: it challenges, registers, and proxies statefully (RFC 3261 §10.3, §16, §22)."""

from collections.abc import Mapping

from collectors.scenario import digest
from collectors.scenario.dialects import KAMAILIO, Dialect
from collectors.scenario.message import Endpoint, Message, endpoint_of, uri_of, user_of
from collectors.scenario.party import Party
from collectors.scenario.proxying import Proxying
from collectors.scenario.stage import Rule, Stage
from collectors.scenario.transaction import ServerTransaction


class Server(Party):
    """Proxy and registrar in one, as most are. `routes` says where requests for a user go."""

    def __init__(
        self,
        stage: Stage,
        name: str,
        endpoint: Endpoint,
        *,
        domain: str,
        dialect: Dialect = KAMAILIO,
        transport: str = "udp",
    ) -> None:
        super().__init__(stage, name, endpoint, dialect=dialect, transport=transport, behind=None)
        self.domain = domain
        self.routes: dict[str, list[Party]] = {}
        self.record_routes = True
        self.says_trying = True
        self.min_expires = 0
        self.processing_us = 1_000  # from a message's arrival until it goes out again
        self._accounts: dict[str, str] = {}
        self._challenged: dict[str, int] = {}  # method → 401 or 407
        self._refused: list[tuple[Rule, int, str, tuple[tuple[str, str], ...]]] = []
        self._dropped: list[Rule] = []
        self._nonces: set[str] = set()
        self._bindings: dict[str, dict[str, int]] = {}  # address of record → contact → its end, µs
        self._ack_vias: dict[str, str] = {}  # branch it came with → Via it goes on with
        self._proxying: dict[ServerTransaction, Proxying] = {}

    # What a script says of it

    def challenges(self, *methods: str, accounts: Mapping[str, str], status: int | None = None) -> None:
        """Ask for credentials: with 401 for REGISTER, else with 407, or with `status`."""
        self._accounts.update(accounts)
        for method in methods:
            self._challenged[method] = status or (401 if method == "REGISTER" else 407)

    def refuses(
        self,
        what: str,
        status: int,
        *,
        reason: str = "",
        times: int | None = None,
        after: int = 0,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """Answer requests of a method with a final response of its own; the first `after` are let through."""
        self._refused.append((Rule(what, times=times, after=after), status, reason, headers))

    def drops(self, what: str, *, times: int | None = None, after: int = 0) -> None:
        """Receive messages of a kind ("ACK", "200 INVITE") and not forward them."""
        self._dropped.append(Rule(what, times=times, after=after))

    def forks(self, user: str, *to: Party) -> None:
        """Requests for a user go to all of these at once."""
        self.routes[user] = list(to)

    def drop(self, message: Message) -> bool:
        return any(rule.takes(message) for rule in self._dropped)

    # By itself

    def on_request(self, server: ServerTransaction) -> None:
        request = server.request
        if request.method == "CANCEL":
            self._cancel(server)
        elif self._turned_away(server):
            pass
        elif request.method == "REGISTER":
            self._register(server)
        elif request.method == "OPTIONS" and not user_of(request.uri):
            server.respond(self._final(request, 200))
        else:
            self._proxying[server] = proxying = Proxying(self, server)
            if request.method == "INVITE" and self.says_trying:
                server.respond(self.response(request, 100))
            self.stage.after(self.processing_us, proxying.start)

    def on_ack(self, ack: Message) -> None:
        """Forward the ACK of a 2xx, statelessly: a copy of it under the same branch (§16.11)."""
        if not self.drop(ack):
            self.stage.after(self.processing_us, lambda: self._forward_ack(ack))

    def _forward_ack(self, ack: Message) -> None:
        via = self._ack_vias.setdefault(ack.branch, self.via())
        self.send(*self.onward(ack, self.next_hops(ack)[0], via))

    def _cancel(self, server: ServerTransaction) -> None:
        invite = self.cancelled(server.request)
        server.respond(self._final(server.request, 200 if invite else 481))
        if invite in self._proxying:
            self._proxying[invite].cancel()

    def _turned_away(self, server: ServerTransaction) -> bool:
        request = server.request
        if not request.to_tag:
            for rule, status, reason, headers in self._refused:
                if rule.takes(request):
                    server.respond(self._final(request, status, reason=reason, headers=headers))
                    return True
        status = self._challenged.get(request.method, 0)
        if not status or request.to_tag or self._knows(request, status):
            return False
        name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
        nonce = self.dice.text(32)
        self._nonces.add(nonce)
        server.respond(self._final(request, status, headers=((name, digest.challenge(self.domain, nonce)),)))
        return True

    def _knows(self, request: Message, status: int) -> bool:
        """Whether the request carries the right credentials."""
        proof = request.get("Authorization" if status == 401 else "Proxy-Authorization")
        if not proof:
            return False
        said = digest.fields(proof)
        password = self._accounts.get(said["username"])
        return (
            password is not None
            and said["nonce"] in self._nonces
            and digest.proves(proof, password=password, method=request.method)
        )

    def _final(
        self, request: Message, status: int, *, reason: str = "", headers: tuple[tuple[str, str], ...] = ()
    ) -> Message:
        return self.response(request, status, reason=reason, tag=self.name(self.dialect.tag), headers=headers)

    # Registrar

    def _register(self, server: ServerTransaction) -> None:
        request = server.request
        expires = int(request.get("Expires") or 3600)
        if 0 < expires < self.min_expires:
            server.respond(self._final(request, 423, reason="Interval Too Brief", headers=self._minimum()))
            return
        bindings = self._bindings.setdefault(uri_of(request.get("To")), {})
        contact = f"<{uri_of(request.get('Contact'))}>"
        if expires:
            bindings[contact] = self.stage.now + expires * 1_000_000
        else:
            bindings.pop(contact, None)
        left = [(known, (ends - self.stage.now) // 1_000_000) for known, ends in bindings.items()]
        contacts = tuple(("Contact", f"{known};expires={seconds}") for known, seconds in left if seconds > 0)
        server.respond(self._final(request, 200, headers=contacts))

    def _minimum(self) -> tuple[tuple[str, str], ...]:
        return (("Min-Expires", str(self.min_expires)),)

    # Proxy

    def next_hops(self, request: Message) -> list[tuple[str, Endpoint]]:
        """Request-URI and address of each hop that a request goes to (§16.5, §16.6)."""
        routes = request.all("Route")
        if routes and endpoint_of(routes[0]) == self.endpoint:
            routes = routes[1:]
        if routes:
            return [(request.uri, endpoint_of(routes[0]))]
        targets = [] if request.to_tag else self.routes.get(user_of(request.uri), [])
        if targets:
            return [(uri_of(to.contact) if _is_last(to) else request.uri, to.wire) for to in targets]
        return [(request.uri, endpoint_of(request.uri))]

    def onward(self, request: Message, hop: tuple[str, Endpoint], via: str = "") -> tuple[Message, Endpoint]:
        """The request as it goes on: one hop less, our Via and, as a dialog is set up, our Record-Route."""
        onward = request.copy()
        onward.uri = hop[0]
        if endpoint_of(onward.get("Route") or "<sip:0.0.0.0>") == self.endpoint:
            onward.pop("Route")
        onward.replace("Max-Forwards", str(int(onward.get("Max-Forwards")) - 1))
        if self.record_routes and request.method == "INVITE" and not request.to_tag:
            onward.push("Record-Route", f"<sip:{self.endpoint};lr>")
        onward.push("Via", via or self.via())
        return onward, hop[1]


def _is_last(party: Party) -> bool:
    """Whether a party is what a request is for, so that its Contact becomes the Request-URI."""
    return not isinstance(party, Server)
