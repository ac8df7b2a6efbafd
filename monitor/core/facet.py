"""A facet: what one family of findings keeps of a record beside the core's facts, and what it says of it.

The core follows each message; a facet looks at those that are news: the first of its kind on its hop, no
copy and no retransmission (those are offered to `again`, which most leave alone). It is made when the first
message comes that `begins` it, so that a call without a transfer carries nothing of transfers. It keeps ints and
short texts, never messages, and bounds what it keeps. Like the core's, its facts must not depend on the order
of arrival within the window; its verdicts go through `Fold.judge`, and its deadlines through `Fold.wake_facet`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Final, Generic, TypeAlias, TypeVar

from collectors.wire.events import SideEvent
from monitor.core.message import Message
from monitor.core.transaction import Transaction
from monitor.core.updates import Kind, Update

_MOST_KINDS: Final = 4_096
_MOST_COMBINATIONS: Final = 1_024  # of families that have begun
F = TypeVar("F")  # the kind of record: Call, Registration, Standalone


class Facet(ABC, Generic[F]):
    """Base of all facets of one kind of record."""

    __slots__ = ("fold",)

    # The kinds of side events that concern the family; the first of these begins it, too.
    beside: ClassVar[frozenset[str]] = frozenset()

    # Whether a long silence of the record concerns the family; it begins it, too.
    on_silence: ClassVar[bool] = False

    def __init__(self, fold: F) -> None:
        self.fold = fold

    @staticmethod
    def may_begin(method: str, status: int, cseq_method: str) -> bool:
        """Whether `begins` is worth asking of such a message, a request or a response: asked once, and remembered.

        A message with a fault may begin any family, and is not asked for here.
        """
        return True

    @staticmethod
    @abstractmethod
    def begins(event: Message) -> bool:
        """Whether this message is the first that concerns the family."""

    @staticmethod
    def hears(method: str, status: int, cseq_method: str, *, found: bool) -> bool:
        """Whether `news` of such a message can matter once the facet is there: asked once a kind, and remembered.

        `found`: the record has findings. News of a message with a fault is told to all.
        """
        return True

    @abstractmethod
    def news(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """A message that was not seen before on its hop; the core's facts know it already.

        `number` names it within the record. `transaction`: that which it belongs to on this hop; None for
        an ACK of a 2xx, and where it is not known any more.
        """

    def again(self, event: Message, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """A retransmission."""

    def witness(self, side: SideEvent, number: int, out: list[Update]) -> None:
        """A side event of one of the kinds in `beside`, the `number`th of all of the record."""

    def silent(self, limit_us: int, at_us: int, out: list[Update]) -> None:
        """Nothing was heard of the record for `limit_us`, up to `at_us`."""

    def needs(self, about: Any) -> bool:
        """Whether something may still come of such a deadline. Where not, it may pass in silence."""
        return True

    def fire(self, about: Any, due_us: int, out: list[Update]) -> None:
        """A deadline that it set with `Fold.wake_facet` passed."""


# The bit of a family, and what tells whether a message begins it.
Opening: TypeAlias = tuple[int, Callable[[Message], bool]]

# The facets of each kind of record, in the order in which they are shown a message.
Families: TypeAlias = dict[Kind, tuple[type[Facet[Any]], ...]]


class Audience:
    """Whom a kind of message concerns, of a record in which certain families have begun."""

    __slots__ = ("ask", "tell", "tell_when_found")

    def __init__(self, ask: tuple[Opening, ...], tell: tuple[int, ...], tell_when_found: tuple[int, ...]) -> None:
        self.ask = ask  # the families that it may begin
        self.tell = tell  # of those that have begun, by rank
        self.tell_when_found = tell_when_found  # where the record has findings


class Begun:
    """Which families of a record have begun, by their places: one object for all records in which it is the same."""

    __slots__ = ("audiences", "bits", "places")

    def __init__(self, bits: int) -> None:
        self.bits = bits  # a bit for each place
        self.places = _places(bits)
        self.audiences: list[Audience | None] = []  # by the number of the kind of message

    def holds(self, place: int) -> bool:
        """Whether the family with this place has begun."""
        return self.bits >> place & 1 == 1

    def rank(self, place: int) -> int:
        """How many of them stand before that place."""
        return (self.bits & (1 << place) - 1).bit_count()


class Kindred:
    """A kind of message: whom it concerns. Families are named by their places, a set of them by an int of bits."""

    __slots__ = ("_hear", "_hear_when_found", "_may_begin", "_number", "_openings")

    def __init__(
        self, number: int, openings: tuple[Opening, ...], may_begin: int, hear: int, hear_when_found: int
    ) -> None:
        self._number = number  # of the kind
        self._openings = openings  # of all families
        self._may_begin = may_begin  # those that it may begin
        self._hear = hear  # of those that have begun
        self._hear_when_found = hear_when_found  # where the record has findings

    def audience(self, begun: Begun) -> Audience:
        """Whom it concerns where these have begun."""
        audiences, number = begun.audiences, self._number
        if number < len(audiences):
            known = audiences[number]
            if known is not None:
                return known
        return self._new(begun)

    def _new(self, begun: Begun) -> Audience:
        bits, audiences = begun.bits, begun.audiences
        ask = tuple([self._openings[place] for place in _places(self._may_begin & ~bits)])
        audience = Audience(ask, _ranks(self._hear, bits), _ranks(self._hear_when_found, bits))
        audiences += [None] * (self._number + 1 - len(audiences))
        audiences[self._number] = audience
        return audience


def _places(bits: int) -> tuple[int, ...]:
    """The places in such a set, in order."""
    return tuple([place for place in range(bits.bit_length()) if bits >> place & 1])


def _ranks(bits: int, begun: int) -> tuple[int, ...]:
    """Where those of a set stand among those that have begun, in order."""
    return tuple([rank for rank, place in enumerate(_places(begun)) if bits >> place & 1])


class Openers:
    """The families of one kind of record, by what kind of message concerns them."""

    def __init__(self, families: tuple[type[Facet[Any]], ...]) -> None:
        self.families = families
        everybody = (1 << len(families)) - 1
        self.none = Begun(0)
        self._combinations: dict[int, Begun] = {}  # by bits
        self._openings = tuple([(1 << place, family.begins) for place, family in enumerate(families)])
        self._all = Kindred(0, self._openings, everybody, everybody, everybody)
        self._known: dict[str, dict[int, Kindred]] = {}  # by the method of the CSeq and the status
        self._count = 0  # of these
        self._kindreds: dict[tuple[int, int, int], Kindred] = {}  # by whom they concern: many kinds the same

    def of(self, event: Message) -> Kindred:
        """Whom such a message concerns."""
        if event.fault:
            return self._all
        of_method = self._known.get(event.cseq_method)
        known = of_method.get(event.status) if of_method is not None else None
        return known if known is not None else self._new(event.method, event.status, event.cseq_method)

    def combination(self, bits: int) -> Begun:
        """The set of the families with these bits, which have begun."""
        known = self._combinations.get(bits)
        if known is None:
            known = Begun(bits)
            if len(self._combinations) < _MOST_COMBINATIONS:
                self._combinations[bits] = known
        return known

    def _new(self, method: str, status: int, cseq_method: str) -> Kindred:
        begin = hear = hear_when_found = 0
        for place, family in enumerate(self.families):
            begin |= family.may_begin(method, status, cseq_method) << place
            hear |= family.hears(method, status, cseq_method, found=False) << place
            hear_when_found |= family.hears(method, status, cseq_method, found=True) << place
        concerned = (begin, hear, hear_when_found)
        kindred = self._kindreds.get(concerned)
        if kindred is None:
            number = len(self._kindreds) + 1
            kindred = self._kindreds[concerned] = Kindred(number, self._openings, begin, hear, hear_when_found)
        if self._count < _MOST_KINDS:  # of methods there may be any number
            self._count += 1
            self._known.setdefault(cseq_method, {})[status] = kindred
        return kindred
