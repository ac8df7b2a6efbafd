"""RFC 3261 §17 as the actors keep it: who sends what again, and when.

INVITE client     sends, again after T1, 2·T1, 4·T1 … (Timer A) until a provisional; gives up at 64·T1
                  (Timer B); ACKs each final ≥ 300 on its own hop; hands up every 2xx (RFC 6026).
other client      sends, again after T1, 2·T1 … T2, T2 (Timer E; T2 once a provisional came) until a
                  final; gives up at 64·T1 (Timer F).
INVITE server     answers a repeated request with the last response; resends a final ≥ 300 after T1,
                  2·T1 … T2, T2 (Timer G) until its ACK, at most 64·T1 (Timer H). A 2xx is resent by
                  the user agent, not by the transaction (§13.3.1.4).
other server      answers a repeated request with its last response.
Over reliable transports nothing is sent again here.
"""

from collections.abc import Callable
from typing import Final, Protocol

from collectors.scenario.message import Endpoint, Message
from collectors.scenario.stage import Alarm, Stage


class Sender(Protocol):
    """The party that a transaction belongs to."""

    stage: Stage
    transport: str
    answers_source: bool  # it answers to where a request came from, also when that did not ask (a NAT)

    def send(self, message: Message, to: Endpoint) -> None: ...

    def ask(self, request: Message, to: Endpoint) -> object: ...


class Resender:
    """Sends a message again and again: after `first_us`, then doubling up to `cap_us`, for 64·T1."""

    def __init__(self, sender: Sender, message: Message, to: Endpoint, *, capped: bool) -> None:
        self._sender, self._message, self._to = sender, message, to
        timers = sender.stage.timers
        self.interval_us = timers.t1_us
        self._cap_us = timers.t2_us if capped else timers.timeout_us
        self._ends_us = sender.stage.now + timers.timeout_us
        self._alarm = sender.stage.after(self.interval_us, self._again)

    def _again(self) -> None:
        stage = self._sender.stage
        if stage.now >= self._ends_us:
            return
        self._sender.send(self._message, self._to)
        self.interval_us = min(2 * self.interval_us, self._cap_us)
        self._alarm = stage.after(self.interval_us, self._again)

    def slow_down(self) -> None:
        """From now on every T2 (a provisional response to a request other than INVITE)."""
        self.interval_us = self._cap_us

    def stop(self) -> None:
        self._alarm.stop()


class ClientTransaction:
    """A request of ours on one hop, until it is settled. `on_response` gets each response that counts."""

    def __init__(
        self,
        sender: Sender,
        request: Message,
        to: Endpoint,
        *,
        on_response: Callable[[Message], None],
        on_timeout: Callable[[], None],
    ) -> None:
        self.request, self.to = request, to
        self._provisional = False
        self._to_cancel = False
        self._cancelled = False
        self.final = 0
        self._sender = sender
        self._on_response, self._on_timeout = on_response, on_timeout
        self._invite = request.method == "INVITE"
        self._resender: Resender | None = None
        self._timeout: Alarm | None = None

    def start(self) -> None:
        self._sender.send(self.request, self.to)
        if self._sender.transport == "udp":
            self._resender = Resender(self._sender, self.request, self.to, capped=not self._invite)
        self._timeout = self._sender.stage.after(self._sender.stage.timers.timeout_us, self._time_out)

    def cancel(self) -> None:
        """Send CANCEL, once: now when something provisional has come, else as soon as it does (§9.1)."""
        self._to_cancel = True
        self._cancel_if_possible()

    def _cancel_if_possible(self) -> None:
        if self._to_cancel and self._provisional and not self.final and not self._cancelled:
            self._cancelled = True
            self._sender.ask(derived(self.request, "CANCEL", to=self.request.get("To")), self.to)

    def _time_out(self) -> None:
        self._settle()
        if not self.final:
            self.final = 408
            self._on_timeout()

    def _settle(self) -> None:
        """Send nothing again, wait for nothing."""
        if self._resender is not None:
            self._resender.stop()
        if self._timeout is not None:
            self._timeout.stop()

    def receive(self, response: Message) -> None:
        if response.status < 200:
            self._hear_provisional(response)
        elif self._invite and response.status >= 300:
            self._sender.send(self._ack(response), self.to)
            self._hear_final(response)
        elif self._invite and self.final in (0, *range(200, 300)):
            self._settle()
            self.final = response.status
            self._on_response(response)  # every 2xx: resent ones want their ACK too
        else:
            self._hear_final(response)

    def _hear_provisional(self, response: Message) -> None:
        if self.final:
            return
        if self._invite:
            self._settle()
        elif self._resender is not None:
            self._resender.slow_down()
        self._provisional = True
        self._cancel_if_possible()
        self._on_response(response)

    def _hear_final(self, response: Message) -> None:
        if not self.final:
            self._settle()
            self.final = response.status
            self._on_response(response)

    def _ack(self, response: Message) -> Message:
        """The ACK of a final ≥ 300: same branch, hop by hop (§17.1.1.3)."""
        return derived(self.request, "ACK", to=response.get("To"))


_KEPT: Final = ("Route", "From", "Call-ID", "User-Agent")


def derived(request: Message, method: str, *, to: str) -> Message:
    """The CANCEL, or the ACK of a final ≥ 300, of `request`: its topmost Via, its number (§9.1, §17.1.1.3)."""
    headers = [
        ("Via", request.get("Via")),
        ("Max-Forwards", "70"),
        *((name, value) for name, value in request.headers if name in _KEPT),
        ("To", to),
        ("CSeq", f"{request.cseq} {method}"),
        ("Content-Length", "0"),
    ]
    return Message(headers, method=method, uri=request.uri, style=request.style)


class ServerTransaction:
    """A request to us on one hop, and our last response to it."""

    def __init__(self, sender: Sender, request: Message, source: Endpoint) -> None:
        self.request = request
        self.last: Message | None = None
        self.acked = False
        self._sender = sender
        self.back = source if sender.answers_source else _way_back(request, source)
        self._resender: Resender | None = None

    @property
    def final(self) -> int:
        """The final response given, 0 before."""
        return self.last.status if self.last is not None and self.last.status >= 200 else 0

    def respond(self, response: Message) -> None:
        """Send a response, the first final being the last word; a resent 2xx goes through here too."""
        if self.final >= 300 or (self.final and not 200 <= response.status < 300):
            return
        self.last = response
        self._sender.send(response, self.back)
        if self.request.method == "INVITE" and response.status >= 300 and self._sender.transport == "udp":
            self._resender = Resender(self._sender, response, self.back, capped=True)

    def again(self, message: Message) -> None:
        """The same request came again, or the ACK of a final ≥ 300."""
        if message.method == "ACK":
            self.acked = True
            if self._resender is not None:
                self._resender.stop()
        elif self.last is not None and not (message.method == "INVITE" and 200 <= self.final < 300):
            self._sender.send(self.last, self.back)


def _way_back(request: Message, source: Endpoint) -> Endpoint:
    """Where responses go (§18.2.2, RFC 3581): the source, at its port with rport, else at sent-by's."""
    via = request.get("Via")
    if ";rport" in via:
        return source
    return Endpoint(source.address, Endpoint.read(via.partition(" ")[2].partition(";")[0]).port)


def stamp(request: Message, source: Endpoint, *, always: bool) -> None:
    """Note in the topmost Via where a request really came from (§18.2.1, RFC 3581 §4)."""
    via = request.get("Via")
    sent_by = Endpoint.read(via.partition(" ")[2].partition(";")[0])
    if ";rport" in via:
        via = via.replace(";rport", f";rport={source.port}", 1) + f";received={source.address}"
    elif always and sent_by != source:
        via += f";received={source.address};rport={source.port}"
    elif sent_by.address != source.address:
        via += f";received={source.address}"
    request.replace("Via", via)
