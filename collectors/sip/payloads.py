"""RTP payload types that need no rtpmap: the static ones of RFC 3551 §6, tables 4 and 5."""

from typing import Final

# payload type → (encoding name, clock rate in Hz, channels)
STATIC: Final[dict[str, tuple[str, int, int]]] = {
    "0": ("PCMU", 8000, 1),
    "3": ("GSM", 8000, 1),
    "4": ("G723", 8000, 1),
    "5": ("DVI4", 8000, 1),
    "6": ("DVI4", 16000, 1),
    "7": ("LPC", 8000, 1),
    "8": ("PCMA", 8000, 1),
    "9": ("G722", 8000, 1),  # it samples at 16 kHz; the clock rate is an old error that stays (§4.5.2)
    "10": ("L16", 44100, 2),
    "11": ("L16", 44100, 1),
    "12": ("QCELP", 8000, 1),
    "13": ("CN", 8000, 1),
    "14": ("MPA", 90000, 1),
    "15": ("G728", 8000, 1),
    "16": ("DVI4", 11025, 1),
    "17": ("DVI4", 22050, 1),
    "18": ("G729", 8000, 1),
    "25": ("CelB", 90000, 1),
    "26": ("JPEG", 90000, 1),
    "28": ("nv", 90000, 1),
    "31": ("H261", 90000, 1),
    "32": ("MPV", 90000, 1),
    "33": ("MP2T", 90000, 1),
    "34": ("H263", 90000, 1),
}
# Formats of audio that carry no speech: tones, silence, redundancy.
AUXILIARY: Final = frozenset({"telephone-event", "tone", "cn", "red"})
