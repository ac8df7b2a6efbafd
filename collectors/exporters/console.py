"""Events as JSON lines, for looking at what a collector sees and for other programs to read."""

from collections.abc import Sequence
from typing import BinaryIO

import msgspec

from collectors.wire.events import Heartbeat, Loss, Observation


class ConsoleExporter:
    """One JSON object a message, or side event (it has a `kind`); `raw` as text, octets that are no UTF-8 replaced."""

    def __init__(self, output: BinaryIO) -> None:
        self._output = output
        self._encoder = msgspec.json.Encoder()
        self._sent = 0

    backlog = 0
    has_room = True

    def start(self) -> None:
        """Nothing has to be got ready."""

    def export(self, events: Sequence[Observation]) -> None:
        """Write these, and pass them on at once."""
        if events:
            self._output.writelines(map(self._line, events))
            self._output.flush()
            self._sent += len(events)

    def _line(self, event: Observation) -> bytes:
        values = {name: getattr(event, name) for name in event.__struct_fields__}
        values["raw"] = event.raw.decode("utf-8", "replace")
        return self._encoder.encode(values) + b"\n"

    def heartbeat(self, heartbeat: Heartbeat) -> None:
        """A person doesn't need to be told each second."""

    def stop(self, final: Heartbeat) -> None:
        """Everything has been written already."""

    def counters(self) -> dict[str, int]:
        """ "sent": lines written."""
        return {"sent": self._sent}

    def losses(self) -> list[Loss]:
        """Nothing is lost here."""
        return []
