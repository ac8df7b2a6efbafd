"""By what measures are told apart: peers, direction, user agent, destination prefix."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, TypeAlias

from collectors.sip.address import inside
from collectors.sip.uri import user_of
from monitor.core.hop import address_of
from monitor.core.measures.counting import count, register
from monitor.core.measures.sample import Sample
from monitor.core.measures.tally import Tally
from monitor.core.updates import RegistrationOutcome

MOST_KEYS: Final = 500  # of one dimension; what is beyond counts as others
OTHERS: Final = "others"
_LONGEST_AGENT: Final = 64
# Country codes of two digits (ITU-T E.164, list of 2016); 1 and 7 have one, all others three.
_TWO_DIGITS: Final = frozenset(
    map(str, (20, 27, *range(30, 35), 36, 39, 40, 41, *range(43, 50), *range(51, 59), *range(60, 67), 81, 82, 84, 86,
              *range(90, 96), 98))
)  # fmt: skip


class Dimension(StrEnum):
    """What may tell calls apart."""

    SOURCE = "source"  # the address that the call comes from, as seen first
    DESTINATION = "destination"  # the address that took it, or where its last hop went
    DIRECTION = "direction"
    USER_AGENT = "user_agent"  # of the caller
    PREFIX = "prefix"  # of the called number: its country code
    REGISTRAR = "registrar"  # the address that registrations go to; of registrations, all others of calls


Parts: TypeAlias = tuple[str, ...]  # a key of each of `OF_CALLS`
DIMENSIONS: Final = tuple(Dimension)
OF_CALLS: Final = DIMENSIONS[:-1]
# Slowly through the class (Python 3.11).
_, _, _DIRECTION, _, _, _REGISTRAR = DIMENSIONS


def direction(caller: str, callee: str) -> str:
    """ "outbound", "inbound", "internal" or "transit", by whether the two ends have addresses of private networks."""
    return _direction(address_of(caller), address_of(callee))


def _direction(source: str, destination: str) -> str:
    if inside(source):
        return "internal" if inside(destination) else "outbound"
    return "inbound" if inside(destination) else "transit"


def prefix(uri: str) -> str:
    """The country code of the number in a URI ("+43"); "national", "extension" or "user" where it has none."""
    user = user_of(uri).partition(";")[0]
    digits = user.strip("+")
    if not digits.isdigit():
        digits = "" if digits[:1].isalpha() else digits.translate(_PUNCTUATION)  # which looks at each character
        if not digits.isdigit():
            return "user"
    if user.startswith("+"):
        international = digits
    elif digits.startswith("00"):
        international = digits[2:]
    else:
        return "extension" if len(digits) < 7 else "national"
    length = 1 if international[:1] in ("1", "7") else 2 if international[:2] in _TWO_DIGITS else 3
    return f"+{international[:length]}"


_PUNCTUATION: Final = {ord(character): None for character in "-.()"}


def parts(caller: str, callee: str, to_uri: str, user_agent: str) -> Parts:
    """Under which key of each dimension of calls (`OF_CALLS`) a call counts."""
    source, destination = address_of(caller), address_of(callee)
    agent = user_agent[:_LONGEST_AGENT] or "unknown"
    return source, destination, _direction(source, destination), agent, prefix(to_uri)


def most_first(item: tuple[str, Tally]) -> tuple[int, int, str]:
    """Of keys with their tallies: those with the most calls first, or registrations."""
    key, tally = item
    return -tally.calls, -tally.registrations, key


class Breakdown:
    """The tallies of each key of each dimension."""

    def __init__(self) -> None:
        self.tallies: dict[Dimension, dict[str, Tally]] = {}

    def add(self, calls: Iterable[tuple[Sample, Parts]]) -> None:
        """Some more calls, each under its keys (`parts`)."""
        added = list(calls)
        for place, dimension in enumerate(OF_CALLS):
            found: dict[str, list[Sample]] = {}
            for call, where in added:
                some = found.get(where[place])
                if some is None:
                    found[where[place]] = [call]
                else:
                    some.append(call)
            for key, some in found.items():
                count(self.of(dimension, key), some)

    def register(self, outcome: RegistrationOutcome, delay_ms: float | None, registrar: str) -> None:
        """One more registration, at this endpoint."""
        register(self.of(_REGISTRAR, address_of(registrar)), outcome, delay_ms)

    def of(self, dimension: Dimension, key: str) -> Tally:
        """The tally of a key, made when it is not there; beyond a bound, that of the others."""
        tallies = self.tallies.get(dimension)
        if tallies is None:
            tallies = self.tallies[dimension] = {}
        found = tallies.get(key)
        if found is None:
            key = key if len(tallies) < MOST_KEYS else OTHERS
            found = tallies.get(key) or tallies.setdefault(key, Tally())
        return found

    def whole(self) -> Tally:
        """The tally of all: a call has one direction, and a registration one registrar."""
        found = Tally()
        for dimension in (_DIRECTION, _REGISTRAR):
            for tally in self.tallies.get(dimension, {}).values():
                found.merge(tally)
        return found
