"""tshark run by pyshark: its processes, its JSON, and the SIP messages in what it dissected.

pyshark's own live capture lets tshark read through a second dumpcap, which keeps all packets in a
temporary file, and its JSON parser gives a packet only when the next one has begun. Both are
overridden here: dumpcap's output goes straight to tshark, and a packet is given when it ends.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, Final

from pyshark.capture.capture import Capture
from pyshark.packet.layers.json_layer import JsonLayer
from pyshark.packet.packet import Packet
from pyshark.tshark.output_parser.tshark_json import TsharkJsonParser

from collectors.decode.datagram import Datagram

# SIP that ICMP errors quote is no message. The filter's layers are written without their fields (-j): only
# these are needed, and the octets of each message.
_DISPLAY_FILTER: Final = "sip && !icmp && !icmpv6"
_TLS_FILTER: Final = f"tls && {_DISPLAY_FILTER}"
_LAYERS: Final = "frame ip ipv6 udp tcp sctp"
_NETWORKS: Final = frozenset(("ip", "ipv6"))
_TRANSPORTS: Final = frozenset(("udp", "tcp", "sctp"))
_END_S: Final = 2.0
_SAID_LINES: Final = 4
# After so many packets a live tshark forgets connections and reassemblies, which else grow for ever.
_SESSION_PACKETS: Final = "1000000"


class _PromptParser(TsharkJsonParser):  # type: ignore[misc]  # pyshark has no types
    """Packets from `tshark -T json`, each as soon as its closing brace is there."""

    def _extract_packet_from_data(self, data: bytes, got_first_packet: bool = True) -> tuple[bytes | None, bytes]:  # noqa: FBT001, FBT002 - pyshark's signature
        begin = data.find(b"{")
        # Inner braces are indented further, and a line end in a string is escaped.
        end = data.find(b"\n  }", begin)
        if begin < 0 or end < 0:
            return None, data
        return data[begin : end + 4], data[end + 4 :]


class Dissector(Capture):  # type: ignore[misc]  # pyshark has no types
    """One run of tshark over a file, or over what dumpcap captures."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        path: str = "-",
        dumpcap: list[str] | None = None,
        decode_as: dict[str, str] | None = None,
        preferences: dict[str, str] | None = None,
        only_tls: bool = False,
    ) -> None:
        """`path` is read, or with `dumpcap` (its arguments) what that captures."""
        super().__init__(
            display_filter=_TLS_FILTER if only_tls else _DISPLAY_FILTER,
            use_json=True,
            include_raw=True,
            eventloop=loop,
            decode_as=decode_as,
            override_prefs=preferences,
            custom_parameters=["-j", _LAYERS, "-r", path, *(["-M", _SESSION_PACKETS] if dumpcap else [])],
        )
        self._dumpcap = dumpcap
        self._said: list[str] = []  # their last complaint, in its first lines
        self.capturing = threading.Event()  # dumpcap has opened its interfaces

    @property
    def complaint(self) -> str:
        """What dumpcap or tshark complained of at last."""
        return " ".join(filter(None, self._said))

    async def _handle_process_stderr_forever(self, stderr: asyncio.StreamReader) -> None:
        async for line in stderr:
            text = line.decode("utf-8", "replace").strip()
            if text.startswith("File: "):
                self.capturing.set()
            elif text.startswith(("dumpcap: ", "tshark: ")):
                self._said = [text]
            elif self._said and len(self._said) < _SAID_LINES:
                self._said.append(text)

    async def run(self, take: Callable[[Packet], None]) -> None:
        """Give every packet to `take`. Raises pyshark's `TSharkCrashException` when a process ended badly."""
        try:
            await self.packets_from_tshark(take, close_tshark=False)
            # How they end is known a moment after their output did.
            for process in self._running_processes:
                await asyncio.wait_for(process.wait(), _END_S)
        finally:
            try:
                await self.close_async()
            finally:
                self._running_processes.clear()  # pyshark leaves them when one of them ended badly
                await asyncio.gather(*self._stderr_handling_tasks)

    def _setup_tshark_output_parser(self) -> _PromptParser:
        return _PromptParser(self._get_tshark_version())

    async def _get_tshark_process(self, packet_count: int | None = None, stdin: int | None = None) -> Any:
        if self._dumpcap is None:
            return await super()._get_tshark_process(packet_count, stdin)
        read, write = os.pipe()
        try:
            captured = await asyncio.create_subprocess_exec(
                "dumpcap", *self._dumpcap, "-q", "-w", "-", stdout=write, stderr=asyncio.subprocess.PIPE
            )
            self._create_stderr_handling_task(captured.stderr)
            self._running_processes.add(captured)
            return await super()._get_tshark_process(packet_count, read)
        finally:
            # Their copies are enough: one left open here would hide the end of the stream.
            os.close(read)
            os.close(write)


def datagrams(packet: Packet, observer: Callable[[int], str]) -> Iterator[Datagram]:
    """The SIP messages in a packet; `observer` names the capture's interface of a number.

    Raises LookupError, ValueError or AttributeError when tshark wrote something else than was expected.
    """
    protocols = packet.frame_info.get_field("frame.protocols").split(":")
    network = _innermost(packet, protocols, _NETWORKS)
    transport = _innermost(packet, protocols, _TRANSPORTS)
    seen_by = observer(int(packet.interface_captured or 0))
    for raw in _messages(packet):
        yield Datagram(
            _microseconds(packet.sniff_timestamp),
            _address(network.get_field("src")),
            int(transport.get_field("srcport")),
            _address(network.get_field("dst")),
            int(transport.get_field("dstport")),
            _transport(transport.layer_name, protocols),
            seen_by,
            raw,
        )


def _innermost(packet: Packet, protocols: list[str], names: frozenset[str]) -> JsonLayer:
    """The last of these layers, which in a tunnel is the one that counts."""
    present = [name for name in protocols if name in names]
    layer = {layer.layer_name: layer for layer in packet.layers}[present[-1]]
    return layer.duplicate_layers[-1] if layer.duplicate_layers else layer


def _messages(packet: Packet) -> Iterator[bytes]:
    for layer in packet.layers:
        if layer.layer_name == "sip_raw":
            for value in (layer.value, *(duplicate.value for duplicate in layer.duplicate_layers)):
                # A value is [octets in hexadecimal, position, length, …], of which a single layer is the list itself.
                octets = value[0] if isinstance(value, list) else value
                if isinstance(octets, str):
                    yield bytes.fromhex(octets)


def _transport(name: str, protocols: list[str]) -> str:
    if "websocket" in protocols:
        return "wss" if "tls" in protocols else "ws"
    return "tls" if "tls" in protocols else str(name)


@lru_cache(65_536)
def _address(text: str) -> str:
    """In the one spelling that our own decoder uses, too."""
    return str(ip_address(text))


def _microseconds(text: str) -> int:
    """ "1795328313.073767000", or as newer versions may write "2026-11-22T08:18:33.073767000Z" → µs since the epoch."""
    if "T" in text:
        return round(datetime.fromisoformat(text).timestamp() * 1_000_000)
    seconds, _, fraction = text.partition(".")
    return int(seconds) * 1_000_000 + int(fraction[:6].ljust(6, "0"))
