"""The families of findings that are kept apart from the core: the facets of each kind of record."""

from typing import Final

from monitor.core.facet import Families
from monitor.core.updates import Kind

FAMILIES: Final[Families] = {
    Kind.CALL: (),
    Kind.REGISTRATION: (),
    Kind.TRANSACTION: (),
}
