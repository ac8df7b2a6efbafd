"""Session descriptions (RFC 4566) and how an offer is answered (RFC 3264)."""

from typing import Final

from collectors.scenario.message import Endpoint

_TURNED: Final = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}


class Media:
    """One side's audio: where it listens, what it can, and how often it has said so."""

    def __init__(self, endpoint: Endpoint, codecs: tuple[str, ...], session: str) -> None:
        self.endpoint = endpoint
        self.codecs = codecs
        self._session = session
        self._version = 0

    def offer(self, direction: str = "sendrecv") -> str:
        return self._describe(self.codecs, direction)

    def answer(self, offer: str, direction: str = "sendrecv") -> str:
        """What of the offer we can too, in the offerer's order and numbers (RFC 3264 §6.1)."""
        mine = {codec.partition(" ")[2] for codec in self.codecs}
        common = tuple(codec for codec in codecs_of(offer) if codec.partition(" ")[2] in mine)
        turned = _TURNED[direction_of(offer)]
        return self._describe(common or self.codecs[:1], turned if direction == "sendrecv" else direction)

    def _describe(self, codecs: tuple[str, ...], direction: str) -> str:
        self._version += 1
        address = self.endpoint.address
        family = "IP6" if ":" in address else "IP4"
        lines = [
            "v=0",
            f"o=- {self._session} {self._version} IN {family} {address}",
            "s=-",
            f"c=IN {family} {address}",
            "t=0 0",
            f"m=audio {self.endpoint.port} RTP/AVP {' '.join(codec.split(' ')[0] for codec in codecs)}",
            *(f"a=rtpmap:{codec}" for codec in codecs),
            *(f"a=fmtp:{codec.split(' ')[0]} 0-16" for codec in codecs if "telephone-event" in codec),
            "a=ptime:20",
            f"a={direction}",
        ]
        return "\r\n".join(lines) + "\r\n"


def codecs_of(sdp: str) -> tuple[str, ...]:
    """The rtpmap lines: ("0 PCMU/8000", …)."""
    return tuple(line[len("a=rtpmap:") :] for line in sdp.split("\r\n") if line.startswith("a=rtpmap:"))


def direction_of(sdp: str) -> str:
    return next((line[2:] for line in sdp.split("\r\n") if line[2:] in _TURNED), "sendrecv")
