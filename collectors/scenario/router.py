"""Where a proxy sends things on to, and what it does to them on the way (RFC 3261 §16.5, §16.6)."""

from collectors.scenario.dialects import KAMAILIO, Dialect
from collectors.scenario.message import Endpoint, Message, endpoint_of, uri_of, user_of
from collectors.scenario.party import Party
from collectors.scenario.stage import Rule, Stage


class Router(Party):
    """A server's routes: `routes` says where requests for a user go.

    As servers that face NATs do, it answers to the source of a request whatever its Via says, and sends
    what is for a Contact to where its owner's messages come from.
    """

    answers_source = True

    def __init__(
        self, stage: Stage, endpoint: Endpoint, *, domain: str, dialect: Dialect = KAMAILIO, transport: str = "udp"
    ) -> None:
        super().__init__(stage, "", endpoint, dialect=dialect, transport=transport, behind=None)
        self.domain = domain
        self.routes: dict[str, list[Party]] = {}
        self.record_routes = True
        self.processing_us = 1_000  # from a message's arrival until it goes out again
        self._dropped: list[Rule] = []
        self._outside: dict[Endpoint, Endpoint] = {}  # Contact → source of its owner's messages

    def receive(self, message: Message, source: Endpoint) -> None:
        contact = message.get("Contact")
        elsewhere = 300 <= message.status < 400  # a redirection's Contact is another's
        if contact and not elsewhere and not isinstance(self.stage.listeners.get(source), Router):
            self._outside[endpoint_of(contact)] = source
        super().receive(message, source)

    def drops(self, what: str, *, times: int | None = None, after: int = 0) -> None:
        """Receive messages of a kind ("ACK", "200 INVITE") and not forward them."""
        self._dropped.append(Rule(what, times=times, after=after))

    def forks(self, user: str, *to: Party) -> None:
        """Requests for a user go to all of these at once."""
        self.routes[user] = list(to)

    def drop(self, message: Message) -> bool:
        return any(rule.takes(message) for rule in self._dropped)

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
        target = endpoint_of(request.uri)
        return [(request.uri, self._outside.get(target, target))]

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
    return not isinstance(party, Router)
