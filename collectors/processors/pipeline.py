"""The way of a datagram to an event, stage by stage."""

from collections import Counter
from collections.abc import Iterable

from collectors.decode.datagram import Datagram
from collectors.processors.filter import AddressFilter, MethodFilter, Network
from collectors.processors.parse import events
from collectors.processors.redact import redact
from collectors.wire.events import SipEvent


class Pipeline:
    """Datagrams in, events out; what happened on the way is in `counters`."""

    def __init__(
        self, *, redacted: bool = True, drop_networks: Iterable[Network] = (), drop_methods: Iterable[str] = ()
    ) -> None:
        self.counters: Counter[str] = Counter()
        self._redact = redact if redacted else None
        self._addresses = AddressFilter(drop_networks, self.counters)
        self._methods = MethodFilter(drop_methods, self.counters)

    def run(self, datagrams: list[Datagram], received_us: int | None = None) -> list[SipEvent]:
        """The SIP messages among `datagrams` that the operator wants to see.

        `received_us` is the collector's clock; None (a file has none) says that it is the wire time.
        """
        datagrams = self._addresses.keep(datagrams)
        # Redaction comes before parsing: a password in a Contact must not live on in the parsed fields.
        found = events(datagrams, self.counters, received_us, self._redact)
        return self._methods.keep(found)
