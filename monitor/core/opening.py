"""What the message that is nearest to the client says of who sends it."""

from typing import Final

from monitor.core.message import Message
from monitor.core.signatures import signature

_LONGEST_AGENT: Final = 120


class Opening:
    """Read as soon as the message is there: it is gone when that is told, which waits for earlier ones."""

    __slots__ = ("agent", "asked", "method", "signature")

    def __init__(self, event: Message) -> None:
        self.asked = event.method != ""
        self.method = event.method or event.cseq_method
        agent = event.first("user-agent") if self.asked else ""
        self.agent = agent[:_LONGEST_AGENT]
        self.signature = signature(event, agent) if self.asked else ""
