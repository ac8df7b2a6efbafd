"""The measures of a share of a file. Plain Python: msgspec Structs lose their options when compiled."""

import msgspec

from monitor.core.measures import Dimension, Tally


class PartMeasures(msgspec.Struct, frozen=True):
    """What some of the records add up to."""

    whole: Tally
    # Of each key of each dimension the number of its first message, and its tally.
    keys: dict[Dimension, dict[str, tuple[int, Tally]]]
