"""A stored call looked at again: what its messages tell that is not kept with it."""

from collections.abc import Sequence

from collectors.wire.events import SipEvent
from monitor.core.agreement import StreamRow
from monitor.core.correlator import Correlator
from monitor.core.facets.media import Media
from monitor.core.updates import Kind


class _Whole(Media):
    """Keeps more offers than a call in the making."""

    __slots__ = ()

    most = 200


def negotiated(events: Sequence[SipEvent]) -> list[StreamRow]:
    """The negotiation of the call whose messages these are, in the order of their arrival."""
    correlator = Correlator(families={Kind.CALL: (_Whole,), Kind.REGISTRATION: (), Kind.TRANSACTION: ()})
    folds = [correlator.take(event, []) for event in events]
    media = folds[0].facet(_Whole) if folds else None
    return [] if media is None else media.rows()
