"""The curves of the bench: figures come out of the real stages, and the table tells them."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from bench import capture, scaling


def test_stages_and_open_dialogs_give_a_figure_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "OPEN_DIALOGS", (5, 10))
    points = [*scaling.of_stages(capture.cached(200, tmp_path)), *scaling.of_dialogs(tmp_path)]
    assert [point.of for point in points].count("correlate") == 2
    assert {point.unit for point in points} == {"µs a message", "octets a message"}
    assert all(point.value > 0 for point in points)
    console = Console(record=True, width=120, file=StringIO())
    scaling.show(points, console)
    assert "correlate and diagnose" in console.export_text()
