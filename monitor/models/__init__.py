"""The tables. Only `monitor/services` writes them, only `monitor/queries.py` reads them for pages."""

from monitor.models.alerts import Alert, AlertOccurrence, Delivery
from monitor.models.imports import Import
from monitor.models.measures import MeasureBucket
from monitor.models.records import Call, FindingRow, LegMark, MessageChunk, Registration, SubjectRow, Transaction
from monitor.models.settings import Setting
from monitor.models.storage import Removal, StorageState, StorageUse
from monitor.models.streams import Collector, CommitLog, DeadLetter, IngestWorker, LossRange, Overview, Partition, Peer

__all__ = [
    "Alert",
    "AlertOccurrence",
    "Call",
    "Collector",
    "CommitLog",
    "DeadLetter",
    "Delivery",
    "FindingRow",
    "Import",
    "IngestWorker",
    "LegMark",
    "LossRange",
    "MeasureBucket",
    "MessageChunk",
    "Overview",
    "Partition",
    "Peer",
    "Registration",
    "Removal",
    "Setting",
    "StorageState",
    "StorageUse",
    "SubjectRow",
    "Transaction",
]
