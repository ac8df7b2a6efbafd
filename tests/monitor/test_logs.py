"""What the log leaves out."""

import logging

import pytest

from monitor.logs import WithoutSockets


@pytest.mark.parametrize(
    ("message", "arguments", "kept"),
    [
        ("connection open", (), False),
        ('%s - "WebSocket %s" [accepted]', ("127.0.0.1:1", "/ws/live"), False),
        ('%s - "WebSocket %s" 403', ("127.0.0.1:1", "/ws/live"), True),
        ("Uvicorn running on %s", ("http://127.0.0.1:8600",), True),
    ],
)
def test_pages_that_come_and_go_are_not_logged_and_refused_ones_are(
    message: str, arguments: tuple[str, ...], kept: bool
) -> None:
    record = logging.LogRecord("uvicorn.error", logging.INFO, "", 0, message, arguments, None)
    assert WithoutSockets().filter(record) is kept
