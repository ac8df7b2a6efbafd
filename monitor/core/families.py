"""The families of findings that are kept apart from the core: the facets of each kind of record."""

from typing import Final

from monitor.core.facet import Families
from monitor.core.facets.acks import LostAcks
from monitor.core.facets.challenges import TurnedAway
from monitor.core.facets.contacts import PrivateContacts
from monitor.core.facets.equipment import Equipment
from monitor.core.facets.failures import Failures, LostDialogs
from monitor.core.facets.flows import Flowing
from monitor.core.facets.gateways import Gateways
from monitor.core.facets.legs import LegMarks
from monitor.core.facets.logins import Logins
from monitor.core.facets.malformed import Malformed
from monitor.core.facets.media import Media
from monitor.core.facets.numbering import Numbering
from monitor.core.facets.progress import CancelRaces, Reliability, Ringing
from monitor.core.facets.quality import Quality
from monitor.core.facets.resets import Resets
from monitor.core.facets.routing import LargeRequests, Loops, RouteSets
from monitor.core.facets.session_timer import SessionTimers
from monitor.core.facets.silence import Silence
from monitor.core.facets.teardown import Teardown
from monitor.core.facets.transfer import Redirections, Transfers
from monitor.core.facets.undelivered import Undelivered
from monitor.core.facets.vias import MisleadingVias
from monitor.core.updates import Kind

FAMILIES: Final[Families] = {
    Kind.CALL: (
        Equipment,
        LegMarks,
        Undelivered,  # before those that judge by its reports
        LostAcks,
        Resets,
        Logins,
        Ringing,
        Reliability,
        CancelRaces,
        Failures,
        LostDialogs,
        Transfers,
        Redirections,
        RouteSets,
        Loops,
        LargeRequests,
        Teardown,
        SessionTimers,
        Silence,
        Malformed,
        Numbering,
        Media,
        Flowing,  # by what Media knows of both sides
        Quality,  # by the codec that Media knows
        TurnedAway,
        PrivateContacts,
        MisleadingVias,
        Gateways,
    ),
    Kind.REGISTRATION: (
        LargeRequests,
        Undelivered,
        Resets,
        Malformed,
        TurnedAway,
        MisleadingVias,
        Gateways,
    ),
    Kind.TRANSACTION: (
        LargeRequests,
        Logins,
        Transfers,
        Malformed,
        TurnedAway,
        MisleadingVias,
        Gateways,
    ),
}
