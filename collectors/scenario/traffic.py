"""Sample traffic without end: the town calls, registers and pings, mostly well, at a realistic pace.

Each call or registration is a scenario of its own, played when it begins; what comes out is all their
messages in order of time. Whatever the seed, the first seconds hold live calls, and the first twenty a
missing ACK and failing registrations, so that a first look shows something.
"""

import heapq
from collections.abc import Iterator
from itertools import count, cycle
from operator import itemgetter
from typing import Final, TypeAlias

from collectors.scenario import library
from collectors.scenario.cast import Cast, Play, Role
from collectors.scenario.dice import Dice
from collectors.scenario.library import CALLS, Situation
from collectors.scenario.stage import Sent, microseconds
from collectors.scenario.town import Town

# (start in µs, who, what they do)
Entry: TypeAlias = tuple[int, Cast, Situation]

MIX: Final = (
    ("good", 570),
    ("no-answer", 110),
    ("early-media", 90),
    ("busy", 45),
    ("hold-resume", 25),
    ("lossy", 20),
    ("declined", 20),
    ("not-found", 20),
    ("unavailable", 20),
    ("forked", 15),
    ("redirected", 8),
    ("long-ringing", 8),
    ("slow-setup", 6),
    ("forbidden", 5),
    ("overloaded", 5),
    ("abnormal-release", 4),
    ("proxy-drops-ack", 4),
    ("unanswered-invite", 4),
    ("wrong-password", 4),
    ("late-ack", 3),
    ("missing-ack", 3),
    ("not-acceptable", 3),
    ("no-dtmf", 3),
    ("no-common-codec", 2),
    ("one-sided-answer", 2),
    ("redirected-unfollowed", 3),
    ("dropped-at-32s", 2),
    ("bye-unanswered", 2),
    ("never-authenticates", 2),
    ("cancel-crosses-answer", 2),
    ("no-final-response", 1),
)
# What a first look must show soon, and what comes round again whatever the dice say.
_TROUBLE: Final = (("proxy-drops-ack", 1.5), ("missing-ack", 31.5), ("unanswered-invite", 47.0), ("slow-setup", 62.0))
_TROUBLE_EVERY: Final = 75.0


def traffic(seed: str, *, phones: int = 30, calls_per_second: float = 1.5) -> Iterator[Sent]:
    """All messages in order of time, in µs since the start, for ever."""
    town = Town(seed, phones)
    sources = [
        _calls(town, Dice(f"{seed}/calls"), calls_per_second),
        _trouble(town, Dice(f"{seed}/trouble")),
        _refused(town.phones[0], town, Dice(f"{seed}/refused"), _wrong_password, at=2.5, every=240),
        _refused(town.phones[2], town, Dice(f"{seed}/forbidden"), library.registration_forbidden, at=6, every=45),
        *(_pings(town, number, Dice(f"{seed}/pings/{number}")) for number in range(4)),
        *(_registrations(phone, town, Dice(f"{seed}/{phone.at}")) for phone in town.phones[3:]),
    ]
    return in_order(heapq.merge(*sources, key=itemgetter(0)), seed)


def in_order(entries: Iterator[Entry], seed: str) -> Iterator[Sent]:
    """Play each entry (they come in order of their starts) and give all messages in order of time."""
    pending: list[tuple[int, int, Sent]] = []
    ticket = count()
    for number, (start_us, cast, situation) in enumerate(entries):
        while pending and pending[0][0] < start_us:
            yield heapq.heappop(pending)[2]
        play = Play(f"{seed}/{number}", cast)
        situation(play)
        for sent in play.scenario.play():
            shifted = sent._replace(sent_us=sent.sent_us + start_us)
            heapq.heappush(pending, (shifted.sent_us, next(ticket), shifted))
    while pending:
        yield heapq.heappop(pending)[2]


def _calls(town: Town, dice: Dice, per_second: float) -> Iterator[Entry]:
    at = 0.2
    while True:
        yield microseconds(at), town.call(dice), CALLS[dice.weighted(MIX)]
        at += dice.gap(1 / per_second)


def _trouble(town: Town, dice: Dice) -> Iterator[Entry]:
    for number, (name, at) in enumerate(cycle(_TROUBLE)):
        round_at = at + number // len(_TROUBLE) * _TROUBLE_EVERY
        yield microseconds(round_at), town.call(dice), _promptly(CALLS[name])


def _promptly(situation: Situation) -> Situation:
    """The same, with an answer after two seconds."""

    def play(performance: Play) -> None:
        performance.ends -= performance.answers - 2
        performance.rings, performance.answers = 0.5, 2.0
        situation(performance)

    return play


def _refused(phone: Role, town: Town, dice: Dice, situation: Situation, *, at: float, every: float) -> Iterator[Entry]:
    """A phone whose registration fails, time and again."""
    while True:
        yield microseconds(at), town.registration(phone, dice), situation
        at += every


def _wrong_password(play: Play) -> None:
    """Every 20 s it tries again, for four minutes."""
    play.caller.password = "wrong"  # noqa: S105 - that is the point
    play.challenge("REGISTER")
    for number in range(12):
        play.caller.registers(play.proxy, at=number * 20.0, expires=120)


def _registrations(phone: Role, town: Town, dice: Dice) -> Iterator[Entry]:
    """A phone that stays registered; now and then it starts anew (a reboot, a new lease)."""
    at = dice.between(0, 12)
    while True:
        refreshes = 5 + dice.below(25)
        yield microseconds(at), town.registration(phone, dice), _registered(refreshes, signs_off=dice.chance(0.5))
        at += refreshes * 60 + dice.between(30, 110)


def _registered(refreshes: int, *, signs_off: bool) -> Situation:
    def play(performance: Play) -> None:
        library.registered(performance, refreshes=refreshes)
        if signs_off:
            performance.caller.unregisters(at=refreshes * 60 + 20.0)

    return play


def _pings(town: Town, number: int, dice: Dice) -> Iterator[Entry]:
    at = dice.between(1, 30)
    while True:
        yield microseconds(at), town.trunk(number, dice), _ping
        at += 30


def _ping(play: Play) -> None:
    play.caller.pings(play.proxy)
