"""Requests that the network did not deliver: what ICMP errors that quote them report."""

from typing import Final, NamedTuple

from collectors.wire.trouble import FATAL, Trouble
from monitor.core.transaction import Transaction


class Report(NamedTuple):
    """One such error about a request. It may come before the request, where collectors differ."""

    at_us: int
    reporter: str  # address
    trouble: Trouble
    method: str
    cseq: int
    branch: str
    hop: str  # "" where it is not known

    def concerns(self, transaction: Transaction) -> bool:
        """Whether it is about this transaction. Of the hop only the end counts: NAT may alter its begin."""
        return (
            self.branch == transaction.branch
            and self.cseq == transaction.cseq
            and self.method == transaction.method
            and (not self.hop or self.hop.partition(">")[2] == transaction.hop.partition(">")[2])
        )


NO_REPORTS: Final[tuple[Report, ...]] = ()


def report_on(transaction: Transaction, reports: tuple[Report, ...]) -> Report | None:
    """The first error that shows that nobody will answer a transaction; None where there is none."""
    fatal = [report for report in reports if report.trouble in FATAL and report.concerns(transaction)]
    return min(fatal, key=lambda report: report.at_us, default=None)


def trouble_of(method: str, cseq: int, hop: str, reports: tuple[Report, ...]) -> str:
    """The first trouble by which such a request did not get to the end of a hop; "" where there is none."""
    end = hop.partition(">")[2]
    fatal = [
        report
        for report in reports
        if report.trouble in FATAL
        and report.method == method
        and report.cseq == cseq
        and report.hop.partition(">")[2] == end
    ]
    return min(fatal, key=lambda report: report.at_us).trouble if fatal else ""


def variant_of(trouble: Trouble) -> str:
    """The form of a finding that rests on a report: "port-unreachable"."""
    return trouble.replace(" ", "-")
