"""The measures of RFC 6076, ITU-T E.411 and E.425: what a call counts as, tallies that merge, figures of a tally.

`docs/measures.md` defines each. A tally of one hour is the sum of those of its minutes, and that of all peers the
sum of each one's: percentiles come from sketches that merge.
"""

from monitor.core.measures.figures import Figures
from monitor.core.measures.reckoning import figures
from monitor.core.measures.sample import Sample
from monitor.core.measures.sketch import Sketch
from monitor.core.measures.split import DIMENSIONS, OTHERS, Breakdown, Dimension, direction, most_first, parts, prefix
from monitor.core.measures.tally import Tally

__all__ = [
    "DIMENSIONS",
    "OTHERS",
    "Breakdown",
    "Dimension",
    "Figures",
    "Sample",
    "Sketch",
    "Tally",
    "direction",
    "figures",
    "most_first",
    "parts",
    "prefix",
]
