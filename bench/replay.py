"""Frames of a capture onto an interface at a steady rate: `python -m bench.replay FILE INTERFACE RATE SECONDS`.

Prints JSON: the SIP messages that went out, and how long it took. Not tcpreplay, which spins a core while
it waits, and here the cores are for those that are measured. Needs CAP_NET_RAW.
"""

import json
import socket
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Final

from collectors.decode.frames import Decoder
from collectors.decode.pcap import reader_for
from collectors.processors.parse import events

_TICK_S: Final = 0.005  # between bursts


def load(file: Path) -> list[bytes]:
    """The frames of a capture of Ethernet."""
    data = file.read_bytes()
    return [octets for _, _, octets in reader_for(data).feed(data)]


def send(frames: list[bytes], interface: str, rate: float) -> float:
    """Put them on the wire, `rate` a second in small bursts; returns the seconds that took."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
        out.bind((interface, 0))
        began = time.monotonic()
        done = 0
        while done < len(frames):
            due = min(len(frames), int((time.monotonic() - began) * rate) + 1)
            for frame in frames[done:due]:
                out.send(frame)
            done = due
            time.sleep(_TICK_S)
        return time.monotonic() - began


def messages(frames: list[bytes]) -> int:
    """SIP messages in these frames, fragments put together."""
    decoder = Decoder()
    decoder.add_interface(1, "replay")
    return len(events(decoder.datagrams((0, 0, frame) for frame in frames), Counter()))


def main(file: Path, interface: str, rate: float, seconds: float) -> None:
    """Send and tell."""
    frames = load(file)[: round(rate * seconds)]
    count = messages(frames)
    json.dump({"sent": count, "seconds": send(frames, interface, rate)}, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]), float(sys.argv[4]))
