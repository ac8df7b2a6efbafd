"""Retention in plain sentences."""

from typing import Final

from monitor.core.retention import DataKind

NAMES: Final = {
    DataKind.MESSAGES: "Messages",
    DataKind.RECORDS: "Calls, registrations, other requests",
    DataKind.ALERTS: "Alerts and mails",
    DataKind.MEASURES: "Measures",
    DataKind.IMPORTS: "Imports",
    DataKind.LETTERS: "Dead letters and losses",
    DataKind.LOG: "Commit log",
}
_GOES_ON: Final = {
    DataKind.MESSAGES: "What is left belongs to calls and registrations that go on, which are never removed.",
    DataKind.RECORDS: "What is left are calls and registrations that go on, which are never removed.",
    DataKind.ALERTS: "What is left are alerts that are open, and mails that are still to be sent.",
    DataKind.MEASURES: "There is nothing left that could be removed.",
    DataKind.IMPORTS: "What is left are imports that are still being read.",
    DataKind.LETTERS: "There is nothing left that could be removed.",
    DataKind.LOG: "What is left has not been read by the overview yet: see whether offhook watch runs.",
}


def open_trouble(kind: DataKind) -> str:
    """Nothing more may go, and it is still too much."""
    return f"The limit can't be held. {_GOES_ON[kind]}"


def dead_trouble(kind: DataKind) -> str:
    """Rows are removed, but VACUUM may not take them away."""
    return (
        f"{NAMES[kind]} were removed, but PostgreSQL can't use their room again: an old transaction or a "
        "replication slot may still want to see them (pg_stat_activity, pg_replication_slots)."
    )


def file_trouble(kind: DataKind) -> str:
    """The table was larger than its limit is now."""
    return (
        f"{NAMES[kind]} take less than their limit, but their tables are still larger on disk. The room is used "
        "again; VACUUM FULL gives it back at once, and nothing is written meanwhile."
    )
