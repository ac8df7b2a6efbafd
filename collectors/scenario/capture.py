"""Capture files by name: a situation of the library, or "traffic", the sample traffic."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from collectors.scenario import library
from collectors.scenario.cast import Cast
from collectors.scenario.packets import Link, packets
from collectors.scenario.pcap import pcap, pcapng
from collectors.scenario.streams import CALM, Weather
from collectors.scenario.traffic import traffic

TRAFFIC: Final = "traffic"


def names() -> dict[str, str]:
    """What there is to write: name → what it is, in a line."""
    return {TRAFFIC: "Calls, registrations and pings of a made-up town, as many messages as asked."} | {
        name: library.summary(name) for name in library.SITUATIONS
    }


def capture(
    name: str,
    *,
    seed: str = "",
    messages: int = 10_000,
    link: Link = Link.ETHERNET,
    ng: bool = False,
    transport: str = "udp",
    weather: Weather = CALM,
    within: tuple[str, ...] = (),
) -> Iterator[bytes]:
    """The octets of a capture file, in pieces: pcapng with `ng`, else pcap.

    `messages` bounds the traffic, which is UDP; a situation is written whole, over any `transport` of "udp", "tcp",
    "ws" and "sctp", in any `weather`. `within` names what packets are in, from the outside in
    (`collectors.scenario.encapsulation`). Raises `KeyError` for a name that `names` does not have.
    """
    town = islice(traffic(seed or name), messages)
    sent = town if name == TRAFFIC else iter(library.play(name, seed, Cast(transport=transport)).play())
    return (pcapng if ng else pcap)(packets(sent, link=link, within=within, weather=weather), link=link)
