"""Who began a record, and the calls that are under way."""

from monitor.core.sources.peers import Peer, Peers
from monitor.core.updates import SourceSeen


class Beginning:
    """What `SourceSeen` tells, read once for all who look, with what is known of both ends."""

    __slots__ = (
        "asked",
        "client",
        "destination",
        "from_uri",
        "is_call",
        "key",
        "method",
        "server",
        "signature",
        "source",
        "to_uri",
    )

    def __init__(self, update: SourceSeen, peers: Peers) -> None:
        self.key = update.key
        self.method = update.method
        self.is_call = self.method == "INVITE"
        self.source = update.source  # "203.0.113.7:5062"
        self.destination = update.destination
        self.client: Peer = peers.of(self.source)
        self.server: Peer = peers.of(self.destination)
        self.from_uri = update.from_uri
        self.to_uri = update.to_uri
        self.signature = update.signature
        self.asked = update.asked  # False: only responses were seen

    @property
    def hop(self) -> str:
        """Where it was seen."""
        return f"{self.source}>{self.destination}"


class Underway:
    """A call that began, as long as something of it may matter."""

    __slots__ = ("asked", "client", "destination", "over", "rang", "server", "source", "to_uri")

    def __init__(self, begun: Beginning) -> None:
        self.source = begun.source
        self.destination = begun.destination
        self.client = begun.client
        self.server = begun.server
        self.to_uri = begun.to_uri
        self.asked = begun.asked
        self.rang = False  # or was answered at once
        self.over = False
