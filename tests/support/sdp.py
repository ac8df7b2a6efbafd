"""Session descriptions made by hand: `sdp(audio(PCMU), address="10.0.0.1")`."""

from typing import Final

PCMU: Final = "0"
PCMA: Final = "8"
G729: Final = "18"


def sdp(*media: str, address: str = "10.0.0.1", extra: str = "") -> str:
    """A description with these media, whose address they have unless they say otherwise."""
    family = "IP6" if ":" in address else "IP4"
    head = ["v=0", f"o=- 1 1 IN {family} {address}", "s=-", f"c=IN {family} {address}", "t=0 0"]
    return "".join(
        f"{line}\r\n" for line in [*head, *extra.split(), *(line for each in media for line in each.split("\n"))]
    )


def audio(*formats: str, port: int = 4000, proto: str = "RTP/AVP", attributes: tuple[str, ...] = ()) -> str:
    """An audio stream; "101" is telephone-event."""
    events = ["a=rtpmap:101 telephone-event/8000"] if "101" in formats else []
    lines = [f"m=audio {port} {proto} {' '.join(formats)}", *events, *(f"a={each}" for each in attributes)]
    return "\n".join(lines)


def video(port: int = 5000) -> str:
    """A video stream."""
    return f"m=video {port} RTP/AVP 34"


def fax(port: int = 4002) -> str:
    """A T.38 stream."""
    return f"m=image {port} udptl t38"
