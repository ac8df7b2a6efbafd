"""How a call sounds, from loss and delay: the E-model (ITU-T G.107) as far as a bystander can know its inputs.

R = 93.2 − Id − Ie,eff: the default value of all that is not known (levels, noise, echo: none), less the impairment
by delay and by the codec with its loss. Random loss is assumed (BurstR 1), an echo-free connection, and a codec
whose equipment impairment G.113 gives; others are taken for G.711 with concealment, which is kind to them.
"""

from typing import Final, NamedTuple

_DEFAULT: Final = 93.2
_KNEE_MS: Final = 177.3  # beyond it, delay disturbs talking to each other
# What packets wait for beside the way: to be filled and coded, and in a jitter buffer of twice the jitter.
_FIXED_MS: Final = 40.0


class Impairment(NamedTuple):
    """Of a codec (ITU-T G.113 appendix I): by itself, and how well it stands random loss."""

    ie: float
    bpl: float


_BY_CODEC: Final = {
    "pcmu": Impairment(0, 25.1),
    "pcma": Impairment(0, 25.1),
    "g729": Impairment(11, 19),
    "g723": Impairment(15, 16.1),
    "gsm-efr": Impairment(5, 10),
}


def impairment(codec: str) -> tuple[Impairment, bool]:
    """Of a codec by name ("PCMA/8000", "G729"), and whether G.113 names it."""
    name = codec.partition("/")[0].lower()
    family = next((known for known in ("g729", "g723") if name.startswith(known)), name)
    found = _BY_CODEC.get(family)
    return (found, True) if found else (_BY_CODEC["pcmu"], False)


def rating(loss_pct: float, jitter_ms: float, round_trip_ms: float, codec: str) -> float:
    """The rating factor R, 0 to 93.2; half a round trip is taken for the way."""
    (ie, _), _ = impairment(codec)
    by_loss, by_delay = _by_loss(loss_pct, codec), _by_delay(jitter_ms, round_trip_ms)
    return max(0.0, _DEFAULT - by_delay - ie - by_loss)


def culprit(loss_pct: float, jitter_ms: float, round_trip_ms: float, codec: str) -> str:
    """What spoils it most: "loss", "jitter", "delay"."""
    if _by_loss(loss_pct, codec) >= _by_delay(jitter_ms, round_trip_ms) - _by_delay(0, 0):
        return "loss"
    return "jitter" if 2 * jitter_ms > round_trip_ms / 2 else "delay"


def _by_delay(jitter_ms: float, round_trip_ms: float) -> float:
    """Id."""
    delay_ms = round_trip_ms / 2 + 2 * jitter_ms + _FIXED_MS
    return 0.024 * delay_ms + 0.11 * max(0.0, delay_ms - _KNEE_MS)


def _by_loss(loss_pct: float, codec: str) -> float:
    """What random loss adds to Ie."""
    (ie, bpl), _ = impairment(codec)
    loss_pct = min(max(loss_pct, 0.0), 100.0)
    return (95 - ie) * loss_pct / (loss_pct + bpl)


def mos(rating: float) -> float:
    """The mean opinion score of a rating, 1 to 4.5 (G.107 annex B)."""
    if rating <= 0:
        return 1.0
    if rating >= 100:
        return 4.5
    return max(1.0, 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6)
