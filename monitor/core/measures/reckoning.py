"""From a tally to its figures."""

from monitor.core.measures.bucket import spread
from monitor.core.measures.figures import Figures
from monitor.core.measures.sketch import Sketch
from monitor.core.measures.tally import Tally


def figures(tally: Tally) -> Figures:
    """The figures of a tally."""
    refused = tally.outcomes.get("failed", 0) + tally.outcomes.get("unanswered", 0) - tally.waiting
    pdd, failed, setup = _spread(tally.pdd), _spread(tally.failed), _spread(tally.setup)
    disconnect, rrd = _spread(tally.disconnect), _spread(tally.rrd)
    return Figures(
        calls=tally.calls,
        answered=tally.answered,
        calls_by_state=_most_first(tally.states),
        calls_by_status=_most_first(tally.statuses),
        asr_percent=_percent(tally.answered, tally.decided),
        ner_percent=_percent(tally.answered + tally.cancelled + tally.by_user, tally.decided),
        ser_percent=_percent(tally.answered, tally.decided),
        seer_percent=_percent(tally.answered + tally.by_user, tally.decided),
        isa_percent=_percent(tally.ineffective, tally.decided),
        scr_percent=_percent(tally.complete, tally.decided),
        pdd_p50_ms=pdd[0],
        pdd_p95_ms=pdd[1],
        failed_srd_p50_ms=failed[0],
        failed_srd_p95_ms=failed[1],
        setup_p50_ms=setup[0],
        setup_p95_ms=setup[1],
        sdd_p50_ms=disconnect[0],
        sdd_p95_ms=disconnect[1],
        acd_ms=round(tally.talk_us / tally.talks / 1000, 3) if tally.talks else None,
        registrations=tally.registrations,
        registrations_by_outcome=_most_first(tally.outcomes),
        ira_percent=_percent(refused, tally.registrations - tally.waiting),
        rrd_p50_ms=rrd[0],
        rrd_p95_ms=rrd[1],
    )


def _spread(sketch: Sketch) -> tuple[float | None, float | None]:
    return spread(sketch.counts, sketch.total) if sketch.total else (None, None)


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None


def _most_first(counts: dict[str, int]) -> dict[str, int]:
    if len(counts) < 2:
        return dict(counts)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
