"""The arguments of `offhook analyze`; by itself, so that the other commands need not load what it needs."""

import argparse

SEVERITIES = ("critical", "major", "minor", "info")

DESCRIPTION = "Reads a capture file (pcap, pcapng, .gz, .zst) and says what went wrong in it, why, and what to do."
EPILOG = (
    "Exit codes: 0 the file was read; 1 it holds a finding that --fail-on names; 2 it can't be read, or the "
    "arguments are wrong. See docs/analyze.md."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add them to `parser`."""
    parser.add_argument("file", metavar="FILE", help="the capture file; - reads standard input")
    parser.add_argument(
        "--keylog", default="", metavar="FILE", help="TLS secrets (SSLKEYLOGFILE), to read SIP over TLS; needs tshark"
    )
    parser.add_argument(
        "--jobs",
        type=_count,
        metavar="N",
        help="processes that share the work (1, or as many as cores for a large file)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of the report")
    parser.add_argument("--ladder", metavar="CALL-ID", help="print only the message ladder of this Call-ID")
    parser.add_argument(
        "--message", type=_ordinal, metavar="N", help="print only the Nth message of the file, and what it says"
    )
    parser.add_argument("--findings-only", action="store_true", help="leave out the tables and the measures")
    parser.add_argument("--limit", type=_rows, default=50, metavar="N", help="rows of a table (50; 0 is all)")
    parser.add_argument("--no-color", action="store_true", help="no colours; NO_COLOR in the environment says the same")
    parser.add_argument(
        "--fail-on",
        choices=SEVERITIES,
        metavar="SEVERITY",
        help="exit with 1 when a confirmed finding is this bad or worse: critical, major, minor, info",
    )


def _rows(text: str) -> int:
    """A number from 0; raises ValueError, which argparse turns into wrong usage."""
    value = int(text)
    if value < 0:
        raise ValueError
    return value


def _ordinal(text: str) -> int:
    """A number from 1; raises ValueError, as above."""
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def _count(text: str) -> int:
    """As `_ordinal`."""
    return _ordinal(text)


_count.__name__ = "number of processes"
_ordinal.__name__ = "number of a message"
_rows.__name__ = "number of rows"
