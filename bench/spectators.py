"""Who watches while the load runs, a WebSocket client and a real browser: when each was first told of a fault."""

import json
import re
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from bench.probes import CODES, KINDS, STATES

_NAME: Final = re.compile(r"sip:(probe-\d+)@")
_PLACE: Final = re.compile(r"198\.18\.\d+\.\d+")
_TRUTHS: Final = frozenset((CODES[kind], STATES[kind]) for kind in KINDS)
_RECV_S: Final = 0.5
_CONNECT_S: Final = 30.0
_START_S: Final = 30_000  # ms
# Addresses of probes in the strip of alerts and in the lists of the page, with the browser's clock.
_WATCH: Final = """() => {
  window.firstSeen = {};
  const look = () => {
    for (const place of document.getElementById("live").innerText.match(/198\\.18\\.\\d+\\.\\d+/g) ?? [])
      window.firstSeen[place] ??= Date.now() * 1000;
  };
  new MutationObserver(look).observe(document.getElementById("live"),
    { childList: true, subtree: true, characterData: true });
}"""


class Listener:
    """A client of the live socket: it takes every frame, and asks for a snapshot where a page would."""

    def __init__(self, address: str, cookie: str) -> None:
        self.frames = 0
        self.octets = 0
        self.snapshots = 0
        self._findings: dict[str, int] = {}  # name of the probe → when a row first told of its finding
        self._alerts: dict[str, int] = {}  # place → when an alert first named it
        self._asked = False
        self._stopping = False
        self._connected = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(address, cookie), daemon=True)
        self._thread.start()
        if not self._connected.wait(_CONNECT_S):
            raise RuntimeError(f"no live socket at {address}")

    def stop(self) -> dict[str, int]:
        """Stop listening."""
        self._stopping = True
        self._thread.join()
        return {**self._findings, **self._alerts}

    def has_seen(self, faults: Iterable[dict[str, Any]]) -> bool:
        """Whether of each of these a row, or an alert, has told."""
        return all(fault["name"] in self._findings or fault["place"] in self._alerts for fault in faults)

    def _run(self, address: str, cookie: str) -> None:
        with connect(
            f"ws://{address}/ws/live",
            origin=Origin(f"http://{address}"),
            additional_headers={"Cookie": cookie},
            compression=None,
            max_size=None,
        ) as socket:
            self._connected.set()
            with suppress(ConnectionClosed):
                while not self._stopping:
                    with suppress(TimeoutError):
                        self._take(socket, str(socket.recv(_RECV_S)), time.time_ns() // 1000)

    def _take(self, socket: ClientConnection, text: str, now_us: int) -> None:
        self.frames += 1
        self.octets += len(text)
        if "198.18." in text:
            self._note(json.loads(text), now_us)
        if '"type":"snapshot"' in text[:200]:
            self.snapshots += 1
            self._asked = False
        elif '"thin":[' in text and not self._asked:
            self._asked = True
            socket.send('{"type":"snapshot"}')

    def _note(self, frame: dict[str, Any], now_us: int) -> None:
        for row in (*frame.get("calls", ()), *frame.get("registrations", ())):
            name = _NAME.match(row.get("aor") or row.get("from_uri") or "")
            finding = row["finding"]
            if name and finding and (finding["code"], finding["state"]) in _TRUTHS:
                self._findings.setdefault(name[1], now_us)
        for row in frame.get("alerts", ()):
            for place in _PLACE.findall(row["place"]):
                self._alerts.setdefault(place, now_us)


class Browser:
    """Chromium on the live page."""

    def __init__(self, address: str, cookie: str) -> None:
        from playwright.sync_api import sync_playwright

        self._playwright = sync_playwright().start()
        self._chromium = self._playwright.chromium.launch(executable_path="/usr/bin/chromium")
        context = self._chromium.new_context()
        pairs = (pair.partition("=") for pair in cookie.split("; "))
        context.add_cookies([{"name": name, "value": value, "url": f"http://{address}"} for name, _, value in pairs])
        self._page = context.new_page()
        self._page.goto(f"http://{address}/")
        self._page.wait_for_selector("#live:not([aria-busy=true])", timeout=_START_S)
        self._page.evaluate(_WATCH)

    def stop(self) -> dict[str, int]:
        """Close it."""
        seen: dict[str, int] = self._page.evaluate("window.firstSeen")
        self._chromium.close()
        self._playwright.stop()
        return {place: round(at_us) for place, at_us in seen.items()}


def delays_ms(faults: Iterable[dict[str, Any]], seen: dict[str, int], by: str) -> tuple[list[float], int]:
    """From the truth of each fault to its sight, in ms, sorted, and how many were not seen. `by`: "name" or "place"."""
    delays: list[float] = []
    unseen = 0
    for fault in faults:
        at_us = seen.get(fault[by])
        if at_us is None:
            unseen += 1
        else:
            delays.append((at_us - fault["true_us"]) / 1000)
    return sorted(delays), unseen
