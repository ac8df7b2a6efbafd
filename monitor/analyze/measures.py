"""The measures of a finished file, over its records. A call that was still trying or ringing when the file ended
counts in no ratio.
"""

from collections.abc import Mapping, Sequence

from monitor.core.measures import Breakdown, Dimension, Figures, Sample, Tally, figures, parts
from monitor.core.updates import CallRecord, RecordKey, RegistrationRecord


def measure(
    calls: Sequence[CallRecord], registrations: Sequence[RegistrationRecord], delays_ms: Mapping[RecordKey, float]
) -> Figures:
    """The measures of these records; `delays_ms`: the registration request delays."""
    tally = Tally()
    for call in calls:
        tally.add(Sample.of(call))
    for registration in registrations:
        tally.register(registration, delays_ms.get(registration.key))
    return figures(tally)


def measure_by(calls: Sequence[CallRecord]) -> dict[Dimension, dict[str, Figures]]:
    """The measures of these calls by each dimension: those with the most calls first."""
    found = Breakdown()
    for call in calls:
        found.add(Sample.of(call), parts(call.caller, call.callee, call.to_uri, call.user_agent))
    return {
        dimension: {
            key: figures(tally) for key, tally in sorted(tallies.items(), key=lambda item: (-item[1].calls, item[0]))
        }
        for dimension, tallies in found.tallies.items()
    }
