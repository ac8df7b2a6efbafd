"""The overview's memory after a start: folded again from the log, and begun from what is stored."""

import logging
from collections.abc import Callable, Sequence
from typing import Final

from collectors.sip.timers import SECOND
from monitor.core.alerting.rules import DEFAULT_RULES, Rule
from monitor.core.limits import Limits
from monitor.core.overview import Overview, horizon_us
from monitor.core.presence import number_of
from monitor.core.updates import CallState, Committed, Kind, RecordKey, RegistrationOutcome, RegistrationSucceeded
from monitor.models import Call, Collector, Registration
from monitor.services import alerts, commit_log, subjects

log = logging.getLogger(__name__)

_ALIVE: Final = [state for state in CallState if state.alive]
# Wire time and the time of a commit are of different clocks: what began so close to the log's
# beginning is expected as well as folded, which changes nothing.
_SKEW_US: Final = 60 * SECOND


def restored(
    now_us: int,
    still_mine: Callable[[], None],
    rules: Sequence[Rule] = DEFAULT_RULES,
    limits: Limits | None = None,
) -> Overview:
    """The state as of the last commit; what it decides on the way was decided before, and is dropped.

    `still_mine` is called now and then: this may take longer than a lease.
    """
    last_us = commit_log.last_folded_us()
    since_us = now_us if last_us is None else last_us - horizon_us(rules)
    overview = Overview(rules, limits)
    _expect(overview, since_us + _SKEW_US)
    for chunk in commit_log.folded_since(since_us):
        for committed in chunk:
            _feed(overview, committed)
        still_mine()
    alerts.retire(rules, now_us)
    overview.restore_alerts(alerts.held(rules))
    overview.restore_subjects(subjects.standing(since_us))
    return overview


def _feed(overview: Overview, committed: Committed) -> None:
    try:
        overview.feed(committed)
    except Exception:  # a bug of ours must not keep the overview from starting for as long as the log is kept
        log.exception(
            "what partition %d committed up to %d is passed over", committed.partition, committed.watermark_us
        )


def _expect(overview: Overview, before_us: int) -> None:
    """What stands since before the log that is folded again, by the rows.

    They may be ahead of the log; what follows there corrects it.
    """
    calls = Call.objects.filter(import_id=0, open=True, state__in=_ALIVE, first_us__lt=before_us)
    for key, incarnation in calls.values_list("key", "incarnation").iterator():
        overview.expect_call(number_of(key, incarnation))
    bound = Registration.objects.filter(
        import_id=0,
        outcome=RegistrationOutcome.REGISTERED,
        registered_us__lt=before_us,
        expires_us__gt=before_us - _SKEW_US,
    )
    for row in bound.order_by("last_us").iterator():
        overview.expect_binding(_bound(row))
    for name, seen_us in Collector.objects.filter(final=False).values_list("name", "last_seen_us"):
        overview.expect_collector(name, seen_us)


def _bound(row: Registration) -> RegistrationSucceeded:
    """What the last success of a stored registration told, save for the instance, which no column has."""
    key = RecordKey(Kind.REGISTRATION, row.call_id, row.discriminator, row.day, row.incarnation)
    return RegistrationSucceeded(
        key, row.last_us, row.aor, row.contact, row.client, row.registrar, row.expires_us or 0, identity=row.contact
    )
