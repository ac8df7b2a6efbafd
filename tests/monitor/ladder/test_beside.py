"""What was seen beside messages, in words."""

import msgspec
import pytest

from collectors.wire.events import ICMP, RTCP
from monitor.ladder.beside import Seen, place, seen
from tests.support.beside import beside
from tests.support.messages import request, us


def test_a_side_event_is_told_by_name_place_text_and_figures() -> None:
    side = msgspec.structs.replace(
        beside(request("INVITE", 0), RTCP, text=" a\x1b[2Jb\n"),
        source_port=7001,
        values={"jitter_ms": 20.0, "lost_pct": 2.34375, "lost": 12.0, "octets_sent": 1_200_000.0, "ssrc": 4.0, "_s": 1},
    )
    assert seen(side) == Seen(
        at_us=us(0.01),
        kind=RTCP,
        name="RTCP report",
        source="10.0.0.3:7001",
        destination="10.0.0.1",
        text="a�[2Jb",
        values=" s 1, jitter 20 ms, lost 12, lost 2.34 %, octets sent 1200000",
    )


def test_a_kind_that_is_not_known_has_its_own_name() -> None:
    assert seen(beside(request("INVITE", 0), "sonar\n")).name == "sonar�"
    assert seen(beside(request("INVITE", 0), ICMP)).name == "ICMP error"


@pytest.mark.parametrize(
    ("address", "port", "shown"), [("::1", 5, "[::1]:5"), ("::1", 0, "::1"), ("", 0, ""), ("a", 1, "a:1")]
)
def test_a_place_has_a_port_where_there_is_one(address: str, port: int, shown: str) -> None:
    assert place(address, port) == shown


def test_only_so_many_figures_are_told() -> None:
    side = msgspec.structs.replace(beside(request("INVITE", 0)), values={f"v{n:02}": float(n) for n in range(40)})
    assert seen(side).values.count(",") == 11
