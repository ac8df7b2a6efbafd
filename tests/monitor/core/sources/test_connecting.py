"""Servers to which no connection comes about."""

import pytest

from collectors.wire.events import SideEvent
from monitor.core.connections import failure
from monitor.core.updates import ConnectionFailed, Severity, Update
from tests.monitor.core.facets.test_resets import reset_of
from tests.monitor.core.sources.traffic import Look, call, rang, seen
from tests.monitor.core.told import us
from tests.support.messages import request

CLIENT, SERVER = "10.0.0.2", "10.0.0.9:5061"


def failed(
    at: float, trouble: str = "connection refused", *, client: str = CLIENT, alert: int = -1, by: str = ""
) -> ConnectionFailed:
    return ConnectionFailed(us(at), f"{client}:49152", SERVER, trouble, alert, by)


def carries_calls(client: str = CLIENT) -> list[Update]:
    return [seen(-10, call(client), source=f"{client}:5060"), rang(-9, call(client))]


def test_a_client_that_carries_calls_and_can_t_connect_is_suspect_at_once_and_certain_at_the_third_time() -> None:
    look = Look([*carries_calls(), failed(0), failed(5), failed(10)])
    assert look.told("connection-failed") == [("suspected", 0.0), ("confirmed", 10.0)]
    row = look.one("connection-failed")
    assert (row.kind, row.name, row.count) == ("peer", "10.0.0.9", 3)
    assert (row.finding.severity, row.finding.variant) == (Severity.MAJOR, "refused")
    assert row.finding.hop == "10.0.0.2:49152>10.0.0.9:5061"
    assert row.finding.cause == (
        "10.0.0.2 tried 3 times to connect to 10.0.0.9:5061, and it refuses the connection (RST)."
    )


def test_one_whom_the_operator_trusts_counts_likewise_and_several_together() -> None:
    look = Look([failed(0), failed(1, client="10.0.0.3"), failed(2)], trusted=["10.0.0.0/8"])
    assert look.one("connection-failed").finding.cause == (
        "10.0.0.2 (and 1 others) tried 3 times to connect to 10.0.0.9:5061, and it refuses the connection (RST)."
    )


def test_strangers_knock_everywhere_and_only_one_that_goes_on_is_told_of() -> None:
    strangers = [failed(at, client=f"203.0.113.{at}") for at in range(20)]
    assert Look(strangers).found() == []
    look = Look([*strangers, failed(30), failed(60), failed(90)])
    assert look.one("connection-failed").finding.severity == Severity.MINOR
    assert look.told("connection-failed") == [("confirmed", 90.0)]


def test_failures_that_are_far_apart_are_none_of_a_row() -> None:
    assert Look([failed(at) for at in (0, 700, 1400, 2100)]).found() == []


@pytest.mark.parametrize(
    ("trouble", "alert", "variant", "how"),
    [
        ("connection unanswered", -1, "unanswered", "it does not answer the SYN"),
        ("TLS alert", 45, "certificate", "no TLS comes about: 10.0.0.2 says certificate expired"),
        ("TLS alert", 70, "tls-alert", "no TLS comes about: 10.0.0.2 says protocol version: no TLS version in common"),
        ("TLS alert", 200, "tls-alert", "no TLS comes about: 10.0.0.2 says alert 200"),
    ],
)
def test_how_it_failed_is_said(trouble: str, alert: int, variant: str, how: str) -> None:
    look = Look([*carries_calls(), failed(0, trouble, alert=alert, by=CLIENT)])
    finding = look.one("connection-failed").finding
    assert finding.variant == variant
    assert how in finding.cause
    assert ("openssl" in finding.remedy) == (alert >= 0)


def test_a_side_event_without_a_call_tells_of_it() -> None:
    side = SideEvent(
        5,
        5,
        CLIENT,
        49152,
        "10.0.0.9",
        5061,
        "tls",
        "lab/eth0",
        "tcp",
        text="TLS alert",
        values={"alert": 48.0},
        hop="a>b",
    )
    assert failure(side) == ConnectionFailed(5, "a", "b", "TLS alert", 48, CLIENT)


def test_one_of_a_call_or_of_another_kind_does_not() -> None:
    reset = reset_of(request("INVITE", 0, transport="tcp"), 1)
    assert failure(reset) is None
    assert failure(SideEvent(5, 5, CLIENT, 0, "10.0.0.9", 0, "icmp", "lab/eth0", "icmp")) is None
    assert failure(SideEvent(5, 5, CLIENT, 0, "10.0.0.9", 0, "tcp", "x", "tcp", text="connection reset")) is None
