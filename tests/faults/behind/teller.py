"""One more that commits: calls that miss their ACK at many hops, some of which get it late. So that there is much to
tell of, however short the life of a house.
"""

import random
import threading
from itertools import count
from typing import TYPE_CHECKING, Final

from django.db import Error, connections, transaction

from monitor.services import database, schema
from tests.monitor.core.told import HOP, cleared, raised, started, us
from tests.monitor.overview.stage import log

if TYPE_CHECKING:
    from monitor.core.updates import LoggedUpdate

PARTITION: Final = 100
_HOPS: Final = 12
_EACH_S: Final = 0.12


class Teller(threading.Thread):
    """Commits until it is told to stop, or the tables are another version's."""

    def __init__(self, seed: str) -> None:
        super().__init__(name="teller", daemon=True)
        self._dice = random.Random(f"{seed}/teller")
        self._over = threading.Event()

    def stop(self) -> None:
        """The end."""
        self._over.set()
        self.join()

    def run(self) -> None:
        missing: list[tuple[str, str]] = []
        try:
            for n in count():
                self._tell(n, missing)
                if self._over.wait(_EACH_S):
                    return
        except schema.OtherSchemaError:
            return
        finally:
            connections.close_all()

    def _tell(self, n: int, missing: list[tuple[str, str]]) -> None:
        name, hop = f"told-{n}", HOP.replace("10.0.0.2", f"10.0.1.{self._dice.randrange(_HOPS)}")
        late = [missing.pop(0) for _ in range(len(missing)) if self._dice.random() < 0.3]
        missing.append((name, hop))
        while not self._over.is_set():
            try:
                with transaction.atomic():
                    schema.hold()
                    at_s = (database.now_us() - us(0)) / 1e6
                    told: list[LoggedUpdate] = [started(at_s, name), raised(at_s, name, hop=hop)]
                    told += [cleared(at_s, call, hop=where) for call, where in late]
                    log(*told, watermark_us=us(at_s), partition=PARTITION)
                return
            except schema.NewerSchemaError:
                raise
            except (Error, schema.OtherSchemaError):
                connections.close_all()
                self._over.wait(_EACH_S)
