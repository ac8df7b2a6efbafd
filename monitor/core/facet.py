"""A facet: what one family of findings keeps of a record beside the core's facts, and what it says of it.

The core follows each message; a facet looks at those that are news: the first of its kind on its hop, no
copy and no retransmission (those are offered to `again`, which most leave alone). It is made when the first
message comes that `begins` it, so that a call without a transfer carries nothing of transfers. It keeps ints and
short texts, never messages, and bounds what it keeps. Like the core's, its facts must not depend on the order
of arrival within the window; its verdicts go through `Fold.judge`, and its deadlines through `Fold.wake_facet`.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Final, Generic, TypeAlias, TypeVar

from collectors.sip.reading import Reading
from collectors.wire.events import SideEvent, SipEvent
from monitor.core.transaction import Transaction
from monitor.core.updates import Kind, Update

_MOST_KINDS: Final = 4_096
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
    def begins(event: SipEvent, reading: Reading) -> bool:
        """Whether this message is the first that concerns the family."""

    @abstractmethod
    def news(
        self, event: SipEvent, reading: Reading, number: int, transaction: Transaction | None, out: list[Update]
    ) -> None:
        """A message that was not seen before on its hop; the core's facts know it already.

        `number` names it within the record. `transaction`: that which it belongs to on this hop; None for
        an ACK of a 2xx, and where it is not known any more.
        """

    def again(self, event: SipEvent, number: int, transaction: Transaction | None, out: list[Update]) -> None:
        """A retransmission."""

    def witness(self, side: SideEvent, number: int, out: list[Update]) -> None:
        """A side event of one of the kinds in `beside`, the `number`th of all of the record."""

    def silent(self, limit_us: int, at_us: int, out: list[Update]) -> None:
        """Nothing was heard of the record for `limit_us`, up to `at_us`."""

    def fire(self, about: Any, due_us: int, out: list[Update]) -> None:
        """A deadline that it set with `Fold.wake_facet` passed."""


# The facets of each kind of record, in the order in which they are shown a message.
Families: TypeAlias = dict[Kind, tuple[type[Facet[Any]], ...]]


class Openers:
    """Which families a message may begin, by what kind of message it is."""

    def __init__(self, families: tuple[type[Facet[Any]], ...]) -> None:
        self.families = families
        self._all = tuple(range(len(families)))
        self._known: dict[tuple[str, int, str], tuple[int, ...]] = {}

    def of(self, event: SipEvent) -> tuple[int, ...]:
        """The places of these families."""
        if event.fault:
            return self._all
        kind = (event.method, event.status, event.cseq_method)
        found = self._known.get(kind)
        if found is None:
            found = tuple(place for place, family in enumerate(self.families) if family.may_begin(*kind))
            if len(self._known) < _MOST_KINDS:  # of methods there may be any number
                self._known[kind] = found
        return found
