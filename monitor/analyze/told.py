"""What `offhook analyze` says of a file, however many processes read it."""

from collections.abc import Iterator
from typing import NamedTuple

from monitor.analyze.fragments import document
from monitor.analyze.result import Result
from monitor.analyze.summary import severities
from monitor.core.updates import Severity


class Told(NamedTuple):
    """Either its records are in the result, or in the document alone."""

    result: Result
    severities: frozenset[Severity]  # of confirmed findings
    document: Iterator[bytes]  # JSON, in pieces; to be taken once

    @classmethod
    def of(cls, result: Result) -> "Told":
        """Of a result with its records."""
        return cls(result, severities(result.records, result.subjects), document(result))
