"""A SIP server: it challenges, registers, and proxies statefully (RFC 3261 §10.3, §16, §22)."""

from collections.abc import Mapping

from collectors.scenario import digest
from collectors.scenario.dialects import KAMAILIO, Dialect
from collectors.scenario.message import Endpoint, Message, uri_of, user_of
from collectors.scenario.proxying import Proxying
from collectors.scenario.router import Router
from collectors.scenario.stage import Rule, Stage
from collectors.scenario.transaction import ServerTransaction
from collectors.sip.auth import parameters
from collectors.sip.timers import SECOND


class Server(Router):
    """Proxy and registrar in one, as most are."""

    def __init__(
        self, stage: Stage, endpoint: Endpoint, *, domain: str, dialect: Dialect = KAMAILIO, transport: str = "udp"
    ) -> None:
        super().__init__(stage, endpoint, domain=domain, dialect=dialect, transport=transport)
        self.says_trying = True
        self.min_expires = 0
        self._accounts: dict[str, str] = {}
        self._challenged: dict[str, int] = {}  # method → 401 or 407
        self._refused: list[tuple[Rule, int, str, tuple[tuple[str, str], ...]]] = []
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
        said = parameters(proof)
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
            bindings[contact] = self.stage.now + expires * SECOND
        else:
            bindings.pop(contact, None)
        left = [(known, (ends - self.stage.now) // SECOND) for known, ends in bindings.items()]
        contacts = tuple(("Contact", f"{known};expires={seconds}") for known, seconds in left if seconds > 0)
        server.respond(self._final(request, 200, headers=contacts))

    def _minimum(self) -> tuple[tuple[str, str], ...]:
        return (("Min-Expires", str(self.min_expires)),)
