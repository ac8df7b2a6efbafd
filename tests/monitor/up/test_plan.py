"""Which processes one machine runs."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from monitor.conf import load
from monitor.up.plan import plan
from monitor.up.programs import Program
from monitor.up.traffic import Kind, Traffic

STORE = {"OFFHOOK_STREAM_URL": "redis://:s3cret@streams.example.com/0"}


def planned(
    tmp_path: Path, traffic: Traffic | None = None, variables: Mapping[str, str] | None = None
) -> dict[str, Program]:
    config = load({"OFFHOOK_STATE_DIR": str(tmp_path), **(variables or {})})
    return {program.name: program for program in plan(config, traffic)}


def test_all_processes_run_and_the_store_starts_first(tmp_path: Path) -> None:
    programs = planned(tmp_path, Traffic(Kind.SAMPLE))
    assert list(programs) == ["valkey", "ingest", "overview", "web", "worker", "beat", "collector"]
    stages = {name: program.stage for name, program in programs.items()}
    assert stages["valkey"] < stages["ingest"] == stages["web"] < stages["collector"]


def test_the_embedded_store_is_reached_by_a_socket_only_and_refuses_writes_when_full(tmp_path: Path) -> None:
    command = " ".join(planned(tmp_path)["valkey"].command)
    for words in ("--port 0", "--maxmemory-policy noeviction", "--appendfsync everysec", f"--unixsocket {tmp_path}"):
        assert words in command


@pytest.mark.parametrize("bus", ["", "redis://bus.example.com/0"])
def test_who_has_a_store_gets_none(tmp_path: Path, bus: str) -> None:
    programs = planned(tmp_path, None, STORE | {"OFFHOOK_BUS_URL": bus})
    assert "valkey" not in programs


def test_a_store_of_ones_own_for_streams_leaves_the_bus_embedded(tmp_path: Path) -> None:
    variables = {
        "OFFHOOK_STREAM_URL": "redis://streams.example.com/0",
        "OFFHOOK_BUS_URL": f"unix://{tmp_path}/valkey.sock",
    }
    assert "valkey" in planned(tmp_path, None, variables)


def test_no_password_is_on_a_command_line(tmp_path: Path) -> None:
    programs = planned(tmp_path, Traffic(Kind.SAMPLE), STORE)
    assert not any("s3cret" in word for program in programs.values() for word in program.command)
    assert "s3cret" in programs["collector"].environment["OFFHOOK_STREAM_URL"]


def test_a_collector_without_permission_or_tshark_is_not_tried_again_and_one_whose_interface_is_down_is(
    tmp_path: Path,
) -> None:
    assert planned(tmp_path, Traffic(Kind.INTERFACE, "lo"))["collector"].hopeless == {2, 4, 5}


@pytest.mark.parametrize(("kind", "receiver"), [(Kind.SAMPLE, "scenario"), (Kind.HEP, "hep")])
def test_traffic_chooses_the_receiver(tmp_path: Path, kind: Kind, receiver: str) -> None:
    assert planned(tmp_path, Traffic(kind))["collector"].command[-2:] == ("--receiver", receiver)


def test_only_a_file_comes_to_its_end(tmp_path: Path) -> None:
    assert planned(tmp_path, Traffic(Kind.FILE, "/tmp/calls.pcap"))["collector"].ends
    assert not planned(tmp_path, Traffic(Kind.INTERFACE, "lo"))["collector"].ends
