"""A message as records and families of findings look at it: what was parsed at the edge, and any header on request.

An event is what travels and is stored; of it, one `Message` is made when its record takes it, since all that looks at
a message here does so many times. Its head is split once, when the first of its further headers is asked for.
"""

from msgspec.structs import astuple

from collectors.sip.reading import UNREAD, Reading
from collectors.wire.events import SipEvent
from monitor.core.description import description
from monitor.core.hop import Way, way_between


class Message(Reading):
    """The fields are those of `SipEvent`, under the same names."""

    __slots__ = (
        "_described",
        "_description",
        "_way",
        "branch",
        "call_id",
        "captured_us",
        "contact",
        "cseq",
        "cseq_method",
        "destination",
        "destination_port",
        "fault",
        "from_tag",
        "from_uri",
        "method",
        "observer",
        "source",
        "source_port",
        "status",
        "to_tag",
        "to_uri",
        "transport",
        "vias",
    )

    def __init__(
        self,
        captured_us: int,
        source: str,
        source_port: int,
        destination: str,
        destination_port: int,
        transport: str,
        observer: str,
        raw: bytes,
        fault: str,
        method: str,
        status: int,
        call_id: str,
        from_uri: str,
        from_tag: str,
        to_uri: str,
        to_tag: str,
        cseq: int,
        cseq_method: str,
        branch: str,
        vias: int,
        contact: str,
        lines: list[bytes] = UNREAD,
        begin: int = 0,
    ) -> None:
        """`lines` and `begin`: as of a `Reading`."""
        super().__init__(raw, lines, begin)
        self.captured_us = captured_us
        self.source = source
        self.source_port = source_port
        self.destination = destination
        self.destination_port = destination_port
        self.transport = transport
        self.observer = observer
        self.fault = fault
        self.method = method
        self.status = status
        self.call_id = call_id
        self.from_uri = from_uri
        self.from_tag = from_tag
        self.to_uri = to_uri
        self.to_tag = to_tag
        self.cseq = cseq
        self.cseq_method = cseq_method
        self.branch = branch
        self.vias = vias
        self.contact = contact
        self._way: Way | None = None
        self._described = False  # whether its description was looked for
        self._description: bytes | None = None

    @property
    def way(self) -> Way:
        """Its hop in the direction of the request, which a response travels backwards."""
        if self._way is None:
            self._way = (
                way_between(self.source, self.source_port, self.destination, self.destination_port)
                if self.method
                else way_between(self.destination, self.destination_port, self.source, self.source_port)
            )
        return self._way

    @way.setter
    def way(self, known: Way) -> None:
        """That of its transaction, by which it was found."""
        self._way = known

    @property
    def hop(self) -> str:
        """The same as text."""
        return self.way.hop

    @property
    def description(self) -> bytes | None:
        """Its session description; b"" where it has none, None where that can't be told."""
        if not self._described:
            self._described, self._description = True, description(self, self.fault)
        return self._description

    @property
    def ends(self) -> tuple[str, str]:
        """The endpoints of its hop: who asks, who answers."""
        return self.way.ends


def message_of(event: SipEvent) -> Message:
    """An event as a message."""
    # At once: an attribute of a Struct is twenty times as dear as one of a compiled class.
    (
        captured_us,
        _,  # when the collector read it
        source,
        source_port,
        destination,
        destination_port,
        transport,
        observer,
        raw,
        fault,
        method,
        status,
        call_id,
        from_uri,
        from_tag,
        to_uri,
        to_tag,
        cseq,
        cseq_method,
        branch,
        vias,
        contact,
    ) = astuple(event)
    return Message(
        captured_us,
        source,
        source_port,
        destination,
        destination_port,
        transport,
        observer,
        raw,
        fault,
        method,
        status,
        call_id,
        from_uri,
        from_tag,
        to_uri,
        to_tag,
        cseq,
        cseq_method,
        branch,
        vias,
        contact,
    )
