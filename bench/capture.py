"""The capture file that everything is measured on: a busy provider's proxies, seen for two minutes.

`python -m bench.capture FILE MESSAGES` writes one; `cached` keeps it until the scenarios change.
"""

import subprocess
import sys
from itertools import islice
from pathlib import Path
from zlib import crc32

from collectors import scenario
from collectors.scenario.packets import packets
from collectors.scenario.pcap import pcap
from collectors.scenario.traffic import traffic

ROOT = Path(__file__).parent.parent
OUT = ROOT / "bench" / "out"
MESSAGES = 140_000
_SEED = "bench"
_PHONES = 1500
_CALLS_PER_SECOND = 60.0


def cached(messages: int = MESSAGES, folder: Path = OUT) -> Path:
    """The capture with so many messages, made when there is none by today's scenarios.

    In a process of its own: what is measured afterwards must not inherit this one's memory.
    """
    path = folder.resolve() / f"calls-{messages}-{_version():08x}.pcap"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_suffix(".part")
        subprocess.run([sys.executable, "-m", "bench.capture", half, str(messages)], check=True, cwd=ROOT)
        half.rename(path)
    return path


def write(path: Path, messages: int) -> None:
    """Write it anew: interleaved calls, registrations and pings of many makes, IPv4 and IPv6."""
    sent = islice(traffic(_SEED, phones=_PHONES, calls_per_second=_CALLS_PER_SECOND), messages)
    with path.open("wb") as file:
        file.writelines(pcap(packets(sent)))


def _version() -> int:
    """A number that changes with the code that makes the messages, and with this file."""
    sources = [*sorted(Path(scenario.__file__).parent.glob("*.py")), Path(__file__)]
    return crc32(b"".join(source.read_bytes() for source in sources))


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
