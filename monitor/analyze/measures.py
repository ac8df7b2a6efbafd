"""The measures of a finished file, over its records. A call that was still trying or ringing when the file ended
counts in no ratio.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from monitor.analyze.part_measures import PartMeasures
from monitor.core.hop import address_of
from monitor.core.measures import Breakdown, Dimension, Figures, Sample, Tally, figures, most_first, parts
from monitor.core.measures.counting import count, register
from monitor.core.measures.split import OF_CALLS, Parts
from monitor.core.updates import CallRecord, RecordKey, RegistrationRecord

By: TypeAlias = dict[Dimension, dict[str, Figures]]


def measure(
    calls: Sequence[CallRecord], registrations: Sequence[RegistrationRecord], delays_ms: Mapping[RecordKey, float]
) -> tuple[Figures, By]:
    """The measures of these records, and by each dimension: those with the most calls, or registrations, first.

    `delays_ms`: the registration request delays.
    """
    found = Breakdown()
    found.add((Sample.of(call), _parts(call)) for call in calls)
    for registration in registrations:
        found.register(registration.outcome, delays_ms.get(registration.key), registration.registrar)
    return figures(found.whole()), _figures_by(found)


def measure_part(
    calls: Sequence[CallRecord],
    begins: Sequence[int],
    registrations: Sequence[RegistrationRecord],
    registered: Sequence[int],
    delays_ms: Mapping[RecordKey, float],
) -> PartMeasures:
    """What these records add up to.

    `begins`, `registered`: the number of the first message of each call and of each registration, in order.
    """
    samples = [Sample.of(call) for call in calls]
    found: dict[Dimension, dict[str, tuple[int, list[Sample]]]] = {}
    for call, sample, begin in zip(calls, samples, begins, strict=True):
        for dimension, key in zip(OF_CALLS, _parts(call), strict=True):
            found.setdefault(dimension, {}).setdefault(key, (begin, []))[1].append(sample)
    keys = {
        dimension: {key: (begin, _tally(some)) for key, (begin, some) in known.items()}
        for dimension, known in found.items()
    }
    whole = _tally(samples)
    registrars = keys.setdefault(Dimension.REGISTRAR, {})
    for registration, begin in zip(registrations, registered, strict=True):
        delay_ms = delays_ms.get(registration.key)
        _, tally = registrars.setdefault(address_of(registration.registrar), (begin, Tally()))
        register(tally, registration.outcome, delay_ms)
        register(whole, registration.outcome, delay_ms)
    return PartMeasures(whole, keys)


def joined(found: Sequence[PartMeasures]) -> tuple[Figures, By]:
    """The measures of all parts of a file together, and by each dimension: as if they had never been apart."""
    whole = Tally()
    breakdown = Breakdown()
    for part in found:
        whole.merge(part.whole)
    for dimension in Dimension:
        entries = [
            (begin, key, tally) for part in found for key, (begin, tally) in part.keys.get(dimension, {}).items()
        ]
        begins: dict[str, int] = {}
        for begin, key, _ in entries:
            begins[key] = min(begin, begins.get(key, begin))
        # Of more keys than there is room for, the first are told apart.
        for _, key, tally in sorted(entries, key=lambda entry: begins[entry[1]]):
            breakdown.of(dimension, key).merge(tally)
    return figures(whole), _figures_by(breakdown)


def _parts(call: CallRecord) -> Parts:
    return parts(call.caller, call.callee, call.to_uri, call.user_agent)


def _tally(calls: Sequence[Sample]) -> Tally:
    tally = Tally()
    count(tally, calls)
    return tally


def _figures_by(found: Breakdown) -> By:
    return {
        dimension: {key: figures(tally) for key, tally in sorted(tallies.items(), key=most_first)}
        for dimension, tallies in found.tallies.items()
    }
