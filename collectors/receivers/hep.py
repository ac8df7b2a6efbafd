"""HEP from agents: Kamailio, OpenSIPS, FreeSWITCH, Asterisk, heplify, captagent, and our own mirror."""

import hmac
import ssl
import time
from collections import Counter
from collections.abc import Mapping
from typing import Final

from collectors.decode import hep
from collectors.decode.datagram import Datagram
from collectors.decode.hep_reader import CLOCK_US, HepReader
from collectors.decode.hep_reader import COUNTERS as TOLD
from collectors.receivers.base import WRONG_USAGE, ReceiverError
from collectors.receivers.hep_sockets import COUNTERS as HEARD
from collectors.receivers.hep_sockets import DatagramReader, Reader, StreamReader, open_all
from collectors.receivers.inbox import Inbox
from collectors.receivers.listen import AllowList, Network, Place
from collectors.wire.events import Loss, SideEvent

_AT_ONCE: Final = 2_000  # frames of one read
_USUAL_LAG_US: Final = 500_000  # from what an agent sees to here
_MOST_NAMED: Final = 64
ANY_AGENT: Final = ""


class Keys:
    """Who may tell anything: agents that know the key that is theirs, or that of all."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        """Key by name or number of the agent; that of `ANY_AGENT` is for those that have none of their own."""
        self._keys = {agent: key.encode() for agent, key in keys.items()}

    def admit(self, frame: hep.Frame) -> bool:
        """Whether a frame has the right key; takes as long when it has not."""
        if not self._keys:
            return True
        number = str(frame.agent)
        places = (frame.agent_name or number, number, ANY_AGENT)
        wanted = next((self._keys[place] for place in places if place in self._keys), None)
        same = hmac.compare_digest(frame.key, wanted or b"")
        return same and wanted is not None


class HepReceiver:
    """Listens for HEP on some addresses."""

    kind = "hep"
    live = True
    finished = False

    def __init__(
        self,
        collector: str,
        places: tuple[Place, ...],
        *,
        keys: Mapping[str, str] | None = None,
        allowed: tuple[Network, ...] = (),
        certificate: str = "",
        certificate_key: str = "",
    ) -> None:
        """`certificate` and its key are files in PEM, for places of TLS."""
        self.places = places  # with the ports that were given, once it listens
        self._collector = collector
        self._allowed = AllowList(allowed)
        self._certificate = (certificate, certificate_key)
        self._inbox = Inbox()
        self._hep = HepReader(collector, Keys(keys or {}).admit)
        self._threads: list[Reader] = []
        self._received = 0
        self._lag_us = 0  # of late, between what an agent saw and its arrival

    @property
    def interfaces(self) -> list[str]:
        """Where it listens, and which agents it has heard."""
        return [*map(str, self.places), *(f"hep:{name}" for name in self._hep.agents)][:_MOST_NAMED]

    def start(self) -> None:
        """Listen. Raises `ReceiverError`."""
        tls = self._context() if any(place.transport == "tls" for place in self.places) else None
        opened = open_all(self.places)
        self.places = tuple(place._replace(port=each.getsockname()[1]) for place, each in opened)
        datagrams = [each for place, each in opened if place.transport == "udp"]
        streams = [(place, each) for place, each in opened if place.transport != "udp"]
        if datagrams:
            self._threads.append(DatagramReader(datagrams, self._inbox, self._allowed))
        if streams:
            self._threads.append(StreamReader(streams, self._inbox, self._allowed, tls))
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Listen no more."""
        for thread in self._threads:
            thread.stop()
        for thread in self._threads:
            thread.join()

    def read(self, timeout_s: float) -> list[Datagram]:
        """What agents have told. Raises `ReceiverError` when a thread has died of a defect."""
        failure = next((thread.failure for thread in self._threads if thread.failure), "")
        if failure:
            raise ReceiverError(f"listening for HEP failed: {failure}")
        found: list[Datagram] = []
        for received_us, octets in self._inbox.take(timeout_s, _AT_ONCE):
            self._received += 1
            told = self._hep.read(octets, received_us)
            found += told
            for datagram in told:
                self._lag_us = max(received_us - datagram.captured_us, self._lag_us - self._lag_us // 256)
        return found + self._hep.advance(time.time_ns() // 1000)

    def side(self) -> list[SideEvent]:
        """RTCP and log lines among it."""
        return self._hep.take_side()

    def low_water_us(self, now_us: int) -> int:
        """As far back as agents have been behind of late, before what waits to be read."""
        oldest_us = self._inbox.oldest_us
        return (now_us if oldest_us is None else oldest_us) - min(CLOCK_US, max(_USUAL_LAG_US, 2 * self._lag_us))

    def counters(self) -> dict[str, int]:
        """ "received" (frames), "kernel_drops", "dropped_hep" (frames), "hep_…"."""
        dropped = self._inbox.dropped()
        counters = Counter(self._hep.counters)
        for thread in self._threads:
            counters.update(dict(thread.counters))
        return {
            "received": self._received,
            "kernel_drops": dropped.get("kernel", 0),
            "dropped_hep": dropped.get("queue", 0),
            **dict.fromkeys((*TOLD, *HEARD), 0),
            **counters,
        }

    def losses(self, now_us: int) -> list[Loss]:
        """Frames that found no room, and times that could not be believed."""
        lost = [
            Loss(f"{self._collector}/*", dropped.from_us, dropped.to_us, reason, dropped.frames)
            for reason, dropped in self._inbox.take_dropped().items()
        ]
        return lost + self._hep.losses()

    def _context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate, key = self._certificate
        try:
            context.load_cert_chain(certificate, key or None)
        except OSError as error:  # of TLS, too
            reason = error.strerror or str(error)
            raise ReceiverError(f"the certificate {certificate} can't be used: {reason}", WRONG_USAGE) from error
        return context
