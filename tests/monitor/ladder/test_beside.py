"""What was seen beside messages, in words."""

import msgspec
import pytest

from collectors.wire.events import ICMP, RTCP, SideEvent
from monitor.ladder.beside import Notes, Seen, seen
from monitor.ladder.layout import lay_out
from monitor.ladder.values import Arrow
from tests.support.beside import beside
from tests.support.messages import request, response, us


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


def test_only_so_many_figures_are_told() -> None:
    side = msgspec.structs.replace(beside(request("INVITE", 0)), values={f"v{n:02}": float(n) for n in range(40)})
    assert seen(side).values.count(",") == 11


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1e300])
def test_a_figure_may_be_none(value: float) -> None:
    side = msgspec.structs.replace(beside(request("INVITE", 0)), values={"code": value, "status": value})
    assert seen(side).values.startswith("code ")
    assert lay_out([request("INVITE", 0)], side=[side]).rows


def details(*side: SideEvent) -> list[str]:
    ladder = lay_out(MESSAGES, side=side)
    return [f"{row.label}: {row.detail}" for row in ladder.rows if isinstance(row, Arrow)]


MESSAGES = [
    request("INVITE", 0, branch="one"),
    request("INVITE", 0.5, branch="one"),
    request("INVITE", 0.6, "proxy>bob", branch="two"),
    response(180, 1, branch="one"),
    response(200, 2, branch="one"),
]


def test_an_icmp_error_is_noted_at_the_message_that_it_quotes_and_at_no_other() -> None:
    assert details() == ["INVITE: ", "INVITE: ", "180: Because", "200: Because"]
    assert details(beside(MESSAGES[1], text="port unreachable")) == [
        "INVITE: port unreachable",
        "INVITE: ",
        "180: Because",
        "200: Because",
    ]
    assert details(beside(MESSAGES[3], text="host unreachable")) == [
        "INVITE: ",
        "INVITE: ",
        "180: Because · host unreachable",
        "200: Because",
    ]
    assert details(beside(MESSAGES[0], RTCP)) == details()
    assert Notes([beside(MESSAGES[2], text="a\nb")]).of(MESSAGES[2]) == "a�b"
