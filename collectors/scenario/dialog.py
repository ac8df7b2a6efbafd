"""A dialog as one of its two ends keeps it (RFC 3261 §12)."""

from collectors.scenario.message import Endpoint, Message, endpoint_of, uri_of


class Dialog:
    """Call-ID, tags, sequence number, remote target and route set of one end."""

    def __init__(self, *, call_id: str, local: str, remote: str, cseq: int, target: str, routes: list[str]) -> None:
        self.call_id = call_id
        self.local, self.remote = local, remote  # the From and To that this end writes, with tags
        self.cseq = cseq
        self.target = target
        self.routes = routes

    @classmethod
    def of_caller(cls, request: Message, response: Message) -> "Dialog":
        """From the INVITE sent and a response to it that carries a To tag (§12.1.2)."""
        return cls(
            call_id=request.get("Call-ID"),
            local=request.get("From"),
            remote=response.get("To"),
            cseq=request.cseq,
            target=uri_of(response.get("Contact")) or request.uri,
            routes=response.all("Record-Route")[::-1],
        )

    @classmethod
    def of_callee(cls, request: Message, tag: str, first_cseq: int) -> "Dialog":
        """From the INVITE received and the tag given to it (§12.1.1)."""
        return cls(
            call_id=request.get("Call-ID"),
            local=f"{request.get('To')};tag={tag}",
            remote=request.get("From"),
            cseq=first_cseq,
            target=uri_of(request.get("Contact")),
            routes=request.all("Record-Route"),
        )

    @property
    def next_hop(self) -> Endpoint:
        """Where requests within the dialog go: the first route (all are loose), else the target."""
        return endpoint_of(self.routes[0] if self.routes else self.target)

    def headers(self, method: str, cseq: int) -> list[tuple[str, str]]:
        """Those that make a request one of this dialog (§12.2.1.1)."""
        return [
            *(("Route", route) for route in self.routes),
            ("From", self.local),
            ("To", self.remote),
            ("Call-ID", self.call_id),
            ("CSeq", f"{cseq} {method}"),
        ]
