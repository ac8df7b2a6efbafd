"""A stored call looked at again: what its messages, and what was seen beside them, tell that is not kept with it."""

from collections.abc import Sequence

from collectors.wire.events import SideEvent, SipEvent
from monitor.core.correlator import Correlator
from monitor.core.facet import Families
from monitor.core.facets.media import Media
from monitor.core.facets.quality import Quality
from monitor.core.message import message_of
from monitor.core.reviewed import NOTHING, Review
from monitor.core.updates import Kind


class _Whole(Media):
    """Keeps more offers than a call in the making."""

    __slots__ = ()

    most = 200


_FAMILIES: Families = {Kind.CALL: (_Whole, Quality), Kind.REGISTRATION: (), Kind.TRANSACTION: ()}


def review(events: Sequence[SipEvent], side: Sequence[SideEvent] = ()) -> Review:
    """Of the call whose messages these are, in the order of their arrival."""
    correlator = Correlator(families=_FAMILIES)
    folds = [correlator.take(message_of(event), []) for event in events]
    if not folds:
        return NOTHING
    for each in side:
        folds[0].witness(each, [])
    media, quality = folds[0].facet(_Whole), folds[0].facet(Quality)
    return Review([] if media is None else media.rows(), [] if quality is None else quality.rows())
