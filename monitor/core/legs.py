"""Legs of one conversation: calls that a B2BUA made of one another, found without configuration.

A B2BUA (PBX, SBC, conference, queue) ends one call and makes another, with a Call-ID of its own, so that
nothing in RFC 3261 joins them. What joins them all the same are *marks*: texts that both carry. A header
that was made for it (Session-ID, RFC 7989; X-CID; icid-value) says it outright; the same SDP origin or media
address nearly so; numbers, times and a shared element only together.

A mark is stored with its call when it is seen. Which calls are legs of which is computed when somebody asks:
the same marks give the same answer whatever came first, live or from a file.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from collectors.sip.timers import SECOND
from monitor.core.hop import address_of
from monitor.core.leg import Leg, Link
from monitor.core.marks import Mark, MarkKind

if TYPE_CHECKING:
    from monitor.core.updates import RecordKey


class Proof(NamedTuple):
    """What a shared mark is worth."""

    confidence: int  # percent
    within_us: int  # of the begins of the two calls
    reason: str


_HOUR_US: Final = 3600 * SECOND
PROOFS: Final[dict[MarkKind, Proof]] = {
    MarkKind.SESSION_ID: Proof(99, 12 * _HOUR_US, "the same Session-ID (RFC 7989)"),
    MarkKind.CALL_ID: Proof(98, 12 * _HOUR_US, "the one carries the Call-ID of the other"),
    MarkKind.GUID: Proof(97, 12 * _HOUR_US, "the same identifier in a header made for it"),
    MarkKind.ICID: Proof(97, _HOUR_US, "the same icid-value (P-Charging-Vector)"),
    MarkKind.REFERRAL: Proof(90, 60 * SECOND, "the one was asked by REFER to make the other"),
    MarkKind.ORIGIN: Proof(92, 300 * SECOND, "the same SDP origin"),
    MarkKind.MEDIA: Proof(90, 60 * SECOND, "the same media address and port"),
}
# What a phone may use again for its next call, and a simple one says in all of its calls.
_ONCE: Final = frozenset({MarkKind.ORIGIN, MarkKind.MEDIA})
_NUMBERS: Final = frozenset({MarkKind.CALLED, MarkKind.CALLING})
# Numbers and times: how long after the one the other may begin.
SETUP_US: Final = 10 * SECOND
# What numbers alone can say, with an element that both pass, and without.
_BOTH_NUMBERS_HERE: Final = 80
_ONE_NUMBER_HERE: Final = 60
_BOTH_NUMBERS: Final = 50
_LEAST: Final = 50
_MOST_OF_A_MARK: Final = 64  # calls that share one: more is a trunk's own habit, and joins nothing


def link(one: Leg, other: Leg) -> Link | None:
    """What joins two calls, by the most telling mark that they share; None where nothing does."""
    if other.begun_us < one.begun_us:
        one, other = other, one
    shared = {mark.kind for mark in one.marks & other.marks}
    apart_us = other.begun_us - one.begun_us
    same_source = _source(one) == _source(other)
    again = same_source or (one.over_us is not None and other.begun_us > one.over_us)
    numbers = shared & _NUMBERS
    if len(numbers) < len(shared):  # most pairs have no more in common
        for kind, proof in PROOFS.items():
            if kind in shared and apart_us <= proof.within_us and not (again and kind in _ONCE):
                return Link(one=one.key, other=other.key, confidence=proof.confidence, reason=proof.reason)
    if (
        same_source
        or not numbers
        or apart_us > SETUP_US
        or (one.set_up_us is not None and other.begun_us > one.set_up_us)
    ):
        return None
    element = _element(one, other)
    confidence = _BOTH_NUMBERS if len(numbers) == 2 else 0
    if element:
        confidence = _BOTH_NUMBERS_HERE if len(numbers) == 2 else _ONE_NUMBER_HERE
    if confidence < _LEAST:
        return None
    what = "the same numbers" if len(numbers) == 2 else f"the same {next(iter(numbers))} number"
    where = f", the one into {element} and the other out of it" if element else ""
    reason = f"{what}{where}, {apart_us / SECOND:.1f} s apart while the first was being set up"
    return Link(one=one.key, other=other.key, confidence=confidence, reason=reason)


def _source(leg: Leg) -> str:
    return leg.hops[0].partition(">")[0] if leg.hops else ""


def _element(one: Leg, other: Leg) -> str:
    """The address that the first call goes to and the second comes from; "" where there is none."""
    passed: set[str] = set()
    reached: set[str] = set()
    for hop in one.hops:
        source, destination = (address_of(end) for end in hop.split(">"))
        if destination not in passed:  # else it goes back: a re-INVITE of the callee's
            passed.add(source)
            reached.add(destination)
    out = address_of(_source(other))
    return out if out in reached - passed else ""


def _add_near(places: list[int], begun_us: list[int], within_us: int, pairs: set[tuple[int, int]]) -> None:
    """Of these calls the pairs that begin within a time of each other."""
    for number, one in enumerate(places):
        for other in places[number + 1 :]:
            if abs(begun_us[other] - begun_us[one]) <= within_us:
                pairs.add((one, other))


def _shared(legs: Sequence[Leg]) -> dict[Mark, list[int]]:
    """The marks that several of these calls have, with these calls' places."""
    marks = [leg.marks for leg in legs]
    seen: set[Mark] = set()
    again: set[Mark] = set()
    for some in marks:
        # By sets as wholes: each mark's hash is known there.
        if not seen.isdisjoint(some):
            again |= seen & some
        seen |= some
    found: dict[Mark, list[int]] = {}
    for place, some in enumerate(marks):
        for mark in again & some:
            found.setdefault(mark, []).append(place)
    return found


def links(legs: Sequence[Leg]) -> list[Link]:
    """All links among these calls, the surest first.

    What numbers and times alone suggest gives way: a call that is linked by a surer mark, or by numbers to
    one that begins nearer, is not linked by weaker ones.
    """
    begun_us = [leg.begun_us for leg in legs]
    pairs = set[tuple[int, int]]()
    for mark, places in _shared(legs).items():
        if len(places) <= _MOST_OF_A_MARK:
            _add_near(places, begun_us, PROOFS[mark.kind].within_us if mark.kind in PROOFS else SETUP_US, pairs)
    apart = [
        (abs(begun_us[one] - begun_us[other]), each)
        for one, other in sorted(pairs)
        if (each := link(legs[one], legs[other])) is not None
    ]
    apart.sort(key=lambda pair: (-pair[1].confidence, pair[0], pair[1].one, pair[1].other))
    kept: list[Link] = []
    made: set[RecordKey] = set()  # calls whose origin is known
    for _, each in apart:
        if each.confidence <= _BOTH_NUMBERS_HERE and each.other in made:
            continue
        made.add(each.other)
        kept.append(each)
    return kept
