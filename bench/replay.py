"""Frames of a capture onto an interface, so many a second: `bench.replay FILE INTERFACE RATE SECONDS [FAULTS]`.

A capture that is shorter than that is played again under other Call-IDs. With it go FAULTS planted faults a second
(`bench.probes`). Prints JSON: the SIP messages that went out, how long it took, and when each fault had happened.

Not tcpreplay, which spins a core while it waits, and here the cores are for those that are measured. Needs
CAP_NET_RAW.
"""

import heapq
import json
import re
import socket
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, Final

from bench import probes
from collectors.decode.frames import Decoder
from collectors.decode.pcap import reader_for
from collectors.sip.message import looks_like_sip

_TICK_S: Final = 0.005  # between bursts
_BURST: Final = 2_000  # frames at once, when it was held up
_LATE_S: Final = 2.0  # after its time, before it gives up
_CALL_ID: Final = re.compile(rb"\r\n(?:call-id|i)[ \t]*:[ \t]*([^\r\n]+)", re.IGNORECASE)
_DIGITS: Final = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_MARK: Final = 3  # octets of a Call-ID that tell one pass over the capture from another
_PASSES: Final = len(_DIGITS) ** 2
_LAST_FAULT_S: Final = probes.TAKES_US / 1e6  # before the end


def load(file: Path) -> list[bytes]:
    """The frames of a capture of Ethernet."""
    data = file.read_bytes()
    return [octets for _, _, octets in reader_for(data).feed(data)]


class Tape:
    """The frames of a capture, again and again."""

    def __init__(self, frames: list[bytes]) -> None:
        """Raises `ValueError` where Call-IDs could not be told apart any more."""
        found = [_CALL_ID.search(frame) for frame in frames]
        names = {match[1] for match in found if match}
        if len({name[_MARK:] for name in names}) < len(names):
            raise ValueError("the Call-IDs of this capture differ in nothing but their first octets")
        self._frames = [(frame, match.start(1) if match else -1) for frame, match in zip(frames, found, strict=True)]

    def __iter__(self) -> Iterator[bytes]:
        yield from (frame for frame, _ in self._frames)
        for number in range(1, _PASSES):
            high, low = divmod(number, len(_DIGITS))
            mark = b"!" + _DIGITS[high : high + 1] + _DIGITS[low : low + 1]
            for frame, at in self._frames:
                yield frame if at < 0 else frame[:at] + mark + frame[at + _MARK :]


class Faults:
    """The probes on their way: `rate` begin each second, until so long before the end that all come true."""

    def __init__(self, rate: float, seconds: float) -> None:
        begins = [number / rate for number in range(int(rate * max(0.0, seconds - _LAST_FAULT_S)))] if rate else []
        self._due: list[tuple[float, int, bytes, probes.Probe | None]] = []  # by the time since the start
        self.sent = 0  # messages
        self.happened: list[dict[str, Any]] = []
        order = count()
        for number, begin_s in enumerate(begins):
            probe = probes.probe(number)
            for index, (at_us, octets) in enumerate(probe.frames):
                done = probe if index == probe.fault else None
                heapq.heappush(self._due, (begin_s + at_us / 1e6, next(order), octets, done))

    def send(self, out: Callable[[bytes], Any], elapsed_s: float) -> None:
        """What is due by now."""
        while self._due and self._due[0][0] <= elapsed_s:
            _, _, octets, done = heapq.heappop(self._due)
            if done:
                true_us = time.time_ns() // 1000 + done.waits_us
                self.sent += done.messages
                self.happened.append({"kind": done.kind, "name": done.name, "place": done.place, "true_us": true_us})
            out(octets)


def send(frames: Iterator[bytes], total: int, faults: Faults, interface: str, rate: float) -> tuple[int, float]:
    """Put them on the wire, `rate` a second in small bursts; returns how many it were, and the seconds that took.

    On a machine that can't send as many in time it were fewer.
    """
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
        out.bind((interface, 0))
        began = time.monotonic()
        done = 0
        while done < total and (elapsed := time.monotonic() - began) < total / rate + _LATE_S:
            due = min(total, int(elapsed * rate) + 1, done + _BURST)
            for _ in range(due - done):
                out.send(next(frames))
            done = due
            faults.send(out.send, elapsed)
            time.sleep(_TICK_S)
        return done, time.monotonic() - began


def messages(frames: list[bytes]) -> int:
    """SIP messages in these frames, fragments put together."""
    decoder = Decoder()
    decoder.add_interface(1, "replay")
    return sum(looks_like_sip(each.payload) for each in decoder.datagrams([(0, 0, frame) for frame in frames]))


def main(file: Path, interface: str, rate: float, seconds: float, faults_per_second: float) -> None:
    """Send and tell."""
    frames = load(file)
    total = round(rate * seconds)
    faults = Faults(faults_per_second, seconds)
    tape = iter(Tape(frames))
    cpu_s = time.process_time()
    done, took = send(tape, total, faults, interface, rate)
    cpu_s = time.process_time() - cpu_s
    passes, rest = divmod(done, len(frames))
    sent = messages(frames[:rest]) + (passes * messages(frames) if passes else 0) + faults.sent
    json.dump({"sent": sent, "seconds": took, "cpu_seconds": cpu_s, "faults": faults.happened}, sys.stdout)


if __name__ == "__main__":
    words = sys.argv[1:]
    main(Path(words[0]), words[1], float(words[2]), float(words[3]), float(words[4]) if len(words) > 4 else 0.0)
