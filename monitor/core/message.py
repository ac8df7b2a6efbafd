"""A message as records and families of findings look at it: what was parsed at the edge, and any header on request.

An event is what travels and is stored; of it, one `Message` is made when its record takes it, since all that looks at
a message here does so many times. Its head is split once, when the first of its further headers is asked for.
"""

from typing import Final, cast

from msgspec.structs import astuple

from collectors.sip.message import Head, Parsed
from collectors.sip.reading import UNREAD, Reading
from collectors.wire.events import SipEvent
from monitor.core.description import description
from monitor.core.hop import Way, way_between

_PARSED: Final = SipEvent.__struct_fields__.index("fault")  # where what was parsed begins among its fields


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
        parsed: Parsed,
        known: Head = UNREAD,
    ) -> None:
        """`parsed` is what `parse` gives, `known` as of a `Reading`."""
        super().__init__(raw, known)
        self.captured_us = captured_us
        self.source = source
        self.source_port = source_port
        self.destination = destination
        self.destination_port = destination_port
        self.transport = transport
        self.observer = observer
        (
            self.fault,
            self.method,
            self.status,
            self.call_id,
            self.from_uri,
            self.from_tag,
            self.to_uri,
            self.to_tag,
            self.cseq,
            self.cseq_method,
            self.branch,
            self.vias,
            self.contact,
        ) = parsed
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
    def from_outside(self) -> bool:
        """Whether it comes from a public address."""
        return self.way.source_outside if self.method else self.way.destination_outside

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
    told = astuple(event)
    captured_us, _, source, source_port, destination, destination_port, transport, observer, raw = told[:_PARSED]
    parsed = cast(Parsed, told[_PARSED:])
    return Message(captured_us, source, source_port, destination, destination_port, transport, observer, raw, parsed)
