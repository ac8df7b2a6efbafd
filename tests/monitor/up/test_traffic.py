"""What `offhook up TRAFFIC` understands."""

import os
from pathlib import Path

import pytest

from monitor.up.state import StateError
from monitor.up.traffic import Kind, Traffic, how_to_capture, traffic
from tests.support.packets import pcap


def test_nothing_means_live_on_all_interfaces() -> None:
    assert traffic(None) == Traffic(Kind.INTERFACE, "any")
    assert traffic(None).live


def test_sample_traffic_needs_no_right_to_capture() -> None:
    assert traffic("sample") == Traffic(Kind.SAMPLE)
    assert not traffic("sample").live


def test_what_sip_servers_send_needs_no_right_to_capture() -> None:
    assert traffic("hep") == Traffic(Kind.HEP)
    assert not traffic("hep").live


def test_the_name_of_an_interface_means_the_interface() -> None:
    assert traffic("lo") == Traffic(Kind.INTERFACE, "lo")


def test_a_capture_file_is_passed_on_by_its_full_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "calls.pcap").write_bytes(pcap([]))
    monkeypatch.chdir(tmp_path)
    assert traffic("calls.pcap") == Traffic(Kind.FILE, str(tmp_path / "calls.pcap"))


def test_a_file_that_is_no_capture_is_refused_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# Not a capture\n" * 9)
    with pytest.raises(StateError, match=r"README.md is no capture: the file is text"):
        traffic(str(tmp_path / "README.md"))


def test_anything_else_is_answered_with_what_there_is() -> None:
    with pytest.raises(StateError, match=r"neither a capture file nor an interface of this machine \(.*lo.*sample"):
        traffic("eht0")


def test_who_may_not_capture_is_told_the_line_that_changes_it() -> None:
    words = "\n".join(how_to_capture("eth0"))
    assert f"setpriv --reuid={os.getuid()}" in words
    assert "--ambient-caps=+net_raw" in words
    assert words.count("up eth0") == 1
