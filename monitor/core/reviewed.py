"""What is told of the media of a call. Plain Python: msgspec Structs lose their options when compiled."""

from typing import Final

import msgspec

from monitor.core.quality import QualityRow
from monitor.core.stream_row import StreamRow


class Review(msgspec.Struct, frozen=True):
    """Of the media of a call."""

    streams: list[StreamRow]  # what was offered and answered
    quality: list[QualityRow]  # what receivers reported


NOTHING: Final = Review([], [])
