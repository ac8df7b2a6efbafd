"""The way of a datagram to an event, stage by stage."""

from collections import Counter
from collections.abc import Iterable

import msgspec

from collectors.decode.datagram import Datagram
from collectors.processors.filter import AddressFilter, MethodFilter, Network
from collectors.processors.media import MediaWatch
from collectors.processors.parse import events, messages
from collectors.processors.redact import redact, redact_text
from collectors.wire.events import SideEvent, SipEvent


class Pipeline:
    """Datagrams in, events out; what happened on the way is in `counters`."""

    def __init__(
        self,
        *,
        redacted: bool = True,
        drop_networks: Iterable[Network] = (),
        drop_methods: Iterable[str] = (),
        media: str = "off",
        sampled: int = 1,
    ) -> None:
        """`media`: "off", "rtcp", or "presence" (of RTP, of which the capture gives one packet in `sampled`)."""
        self.counters: Counter[str] = Counter()
        self._redact = redact if redacted else None
        self._addresses = AddressFilter(drop_networks, self.counters)
        self._methods = MethodFilter(drop_methods, self.counters)
        presence = media == "presence"
        self._media = MediaWatch(self.counters, presence=presence, sampled=sampled) if media != "off" else None
        self._latest_us = 0

    def run(self, datagrams: list[Datagram], received_us: int | None = None) -> list[SipEvent]:
        """The SIP messages among `datagrams` that the operator wants to see.

        `received_us` is the collector's clock; None (a file has none) says that it is the wire time.
        """
        datagrams = self._addresses.keep(datagrams)
        # Redaction comes before parsing: a password in a Contact must not live on in the parsed fields.
        if self._media is None:
            return self._methods.keep(events(datagrams, self.counters, received_us, self._redact))
        others: list[Datagram] = []
        found = events(datagrams, self.counters, received_us, self._redact, others)
        self._media.take(found, others)
        if datagrams:
            self._latest_us = max(self._latest_us, datagrams[-1].captured_us)
        return self._methods.keep(found)

    def unread(self, datagrams: list[Datagram]) -> list[Datagram]:
        """The SIP messages among `datagrams` of a file as they are: nothing is filtered, redacted or parsed."""
        others: list[Datagram] = []
        found = messages(datagrams, self.counters, others)
        if self._media is not None:
            self._media.take(found, others)
        if datagrams:
            self._latest_us = max(self._latest_us, datagrams[-1].captured_us)
        return found

    def beside(self, side: list[SideEvent], received_us: int | None = None, *, last: bool = False) -> list[SideEvent]:
        """Of what was seen beside the messages what the operator wants to see, without secrets.

        `last`: nothing will come any more. Counts "side_<kind>".
        """
        if self._media is not None:
            side = [*side, *self._media.side(self._latest_us if received_us is None else received_us, last=last)]
        if not side:
            return side
        found = []
        for each in self._methods.keep_side(self._addresses.keep(side)):
            self.counters[f"side_{each.kind}"] += 1
            found.append(
                msgspec.structs.replace(
                    each,
                    received_us=each.captured_us if received_us is None else received_us,
                    text=self._without_secrets(each.text),
                    raw=self._redact(each.raw) if self._redact else each.raw,
                )
            )
        return found

    def _without_secrets(self, text: str) -> str:
        if self._redact is None:
            return text
        return redact_text(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")
