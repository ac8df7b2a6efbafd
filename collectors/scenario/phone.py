"""A phone: the verbs of a script, and what a user agent does by itself."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from collectors.scenario.agent import UserAgent
from collectors.scenario.callee import Callee, contact_of
from collectors.scenario.caller import Caller
from collectors.scenario.leg import Leg
from collectors.scenario.message import Message
from collectors.scenario.party import Party
from collectors.scenario.registration import Registration
from collectors.scenario.stage import microseconds
from collectors.scenario.transaction import ServerTransaction

if TYPE_CHECKING:
    from collectors.scenario.server import Server


class Phone(UserAgent):
    """A user agent. Verbs take `at`, in seconds from the start of the scenario.

    A verb that has nothing to act on does nothing: a phone that no INVITE has reached can't answer.
    """

    _made: Caller | None = None  # its last call
    _got: Callee | None = None  # the last call to it
    _registration: Registration | None = None

    @cached_property
    def _calls(self) -> dict[str, Leg]:
        """By Call-ID."""
        return {}

    # Calls: the caller's verbs

    def invites(self, callee: "Phone", *, at: float = 0.0, through: Sequence["Server"] = ()) -> None:
        """Call somebody, straight or through proxies in this order."""
        for proxy, after in zip(through, (*through, callee)[1:], strict=True):
            proxy.routes.setdefault(callee.user, [after])
        uri = callee.uri if through else callee.contact[1:-1]
        first = through[0].wire if through else callee.wire

        def go() -> None:
            call = Caller(self, to=f"<{callee.uri}>", uri=uri, next_hop=first, routed=bool(through))
            self._made = self._calls[call.call_id] = call
            call.start()

        self.stage.at(at, go)

    def cancels(self, *, at: float) -> None:
        self.stage.at(at, lambda: self._made.cancel() if self._made else None)

    def never_acks(self) -> None:
        """Never send the ACK of a 2xx."""
        self.acks = False

    def acks_late(self, seconds: float) -> None:
        """Send the ACK of a 2xx so long after it came."""
        self.ack_delay_us = microseconds(seconds)

    # Calls: the callee's verbs

    def rings(self, *, at: float, status: int = 180) -> None:
        self._with_incoming(at, lambda call: call.ring(status, media=False))

    def progresses(self, *, at: float) -> None:
        """183 with a description: early media."""
        self._with_incoming(at, lambda call: call.ring(183, media=True))

    def answers(self, *, at: float, direction: str = "sendrecv") -> None:
        """200; "recvonly" will listen and not talk."""
        self._with_incoming(at, lambda call: call.answer(direction))

    def refuses(self, status: int, *, at: float, reason: str = "", headers: tuple[tuple[str, str], ...] = ()) -> None:
        """A final response ≥ 300 to the call that came in."""
        self._with_incoming(at, lambda call: call.refuse(status, reason, headers))

    def redirects(self, to: "Phone", *, at: float, status: int = 302) -> None:
        self.refuses(status, at=at, headers=contact_of(to.wire, to.user))

    def _with_incoming(self, at: float, act: Callable[[Callee], None]) -> None:
        self.stage.at(at, lambda: act(self._got) if self._got else None)

    # Calls: verbs of both ends

    def hangs_up(self, *, at: float, headers: tuple[tuple[str, str], ...] = ()) -> None:
        """End the call: BYE, or CANCEL by a caller that has no answer yet."""
        self._with_latest(at, lambda call: call.hang_up(headers))

    def holds(self, *, at: float) -> None:
        self._with_latest(at, lambda call: call.reinvite("sendonly"))

    def resumes(self, *, at: float) -> None:
        self._with_latest(at, lambda call: call.reinvite("sendrecv"))

    def _with_latest(self, at: float, act: Callable[[Leg], None]) -> None:
        self.stage.at(at, lambda: act(list(self._calls.values())[-1]) if self._calls else None)

    # Registration, keep-alive

    def registers(self, registrar: "Server", *, at: float = 0.0, expires: int = 3600) -> None:
        """REGISTER; again later is a refresh of the same registration."""

        def go() -> None:
            self._registration = self._registration or Registration(self, registrar.wire)
            self._registration.register(expires)

        self.stage.at(at, go)

    def unregisters(self, *, at: float) -> None:
        self.stage.at(at, lambda: self._registration.register(0) if self._registration else None)

    def pings(self, other: Party, *, at: float = 0.0, every: float = 30.0, times: int = 1) -> None:
        """OPTIONS to another party, some times over, each a request of its own."""
        for number in range(times):
            self.stage.at(at + number * every, lambda: self._ping(other))

    def _ping(self, other: Party) -> None:
        headers = [
            ("From", f"{self.identity};tag={self.name(self.dialect.tag)}"),
            ("To", f"<sip:{other.wire}>"),
            ("Call-ID", self.name(self.dialect.call_id)),
            ("CSeq", f"{self.dialect.first_cseq} OPTIONS"),
            ("Contact", self.contact),
        ]
        self.ask(self.request("OPTIONS", f"sip:{other.wire}", headers), other.wire)

    # By itself

    def on_request(self, server: ServerTransaction) -> None:
        request = server.request
        leg = self._calls.get(request.get("Call-ID"))
        if request.method == "CANCEL":
            if isinstance(leg, Callee) and self.cancelled(request) is not None:
                leg.hear_cancel(server)
            else:
                server.respond(self.response(request, 481))
        elif request.to_tag:
            if leg is not None:
                leg.receive(server)
            else:
                server.respond(self.response(request, 481))
        elif request.method == "INVITE":
            self._got = self._calls[request.get("Call-ID")] = Callee(self, server)
        else:
            server.respond(self.response(request, 200, tag=self.name(self.dialect.tag), extras=True))

    def on_ack(self, ack: Message) -> None:
        leg = self._calls.get(ack.get("Call-ID"))
        if leg is not None:
            leg.hear_ack(ack)
