"""One request on its way through a stateful proxy (RFC 3261 §16): branches out, the best response back."""

from collectors.scenario.message import Message
from collectors.scenario.router import Router
from collectors.scenario.transaction import ClientTransaction, ServerTransaction


class Proxying:
    """The response context of a request: its server transaction and the client ones (§16.7)."""

    def __init__(self, router: Router, incoming: ServerTransaction) -> None:
        self._router = router
        self._incoming = incoming
        self._branches: list[ClientTransaction] = []
        self._finals: list[Message] = []

    def start(self) -> None:
        """Forward to all hops at once."""
        request = self._incoming.request
        if self._router.drop(request):
            return
        for hop in self._router.next_hops(request):
            onward, to = self._router.onward(request, hop)
            self._branches.append(self._router.ask(onward, to, self._hear, self._time_out))

    def cancel(self) -> None:
        """CANCEL each branch that has not answered, as soon as it may be (§9.1, §16.10)."""
        for branch in self._branches:
            branch.cancel()

    def _time_out(self) -> None:
        """Timer B or F of a branch: as if it had answered 408 (§16.8)."""
        request = self._incoming.request
        self._settle(self._router.response(request, 408, tag=self._router.name(self._router.dialect.tag)))

    def _hear(self, response: Message) -> None:
        if self._router.drop(response):
            return
        back = response.copy()
        back.pop("Via")
        if response.status >= 300:
            self._settle(back)
        elif response.status > 100:
            self._pass(back)
        if response.status // 100 == 2 and self._incoming.request.method == "INVITE":
            self.cancel()

    def _pass(self, response: Message) -> None:
        self._router.stage.after(self._router.processing_us, lambda: self._incoming.respond(response))

    def _settle(self, response: Message) -> None:
        """A branch has failed; when all have, the best of their responses goes back (§16.7 step 6)."""
        self._finals.append(response)
        if len(self._finals) == len(self._branches) and not self._incoming.final:
            self._pass(min(self._finals, key=_preference))


def _preference(response: Message) -> tuple[int, int]:
    """6xx first, then the lowest class; within 4xx, those that the caller can repair first."""
    if response.status >= 600:
        return 0, response.status
    return response.status // 100, 0 if response.status in (401, 407, 415, 420, 484) else response.status
