"""Telephone numbers in tel and sip URIs (RFC 3966), with number portability data (RFC 4694)."""

import re
from typing import Final

import msgspec

from collectors.sip.grammar import head_and_parameters
from collectors.sip.name_addr import Uri, unescaped

_SUBSCRIBER: Final = re.compile(r"\+?[0-9A-Da-d*#().\-]*[0-9*#][0-9A-Da-d*#().\-]*")
_SEPARATORS: Final = str.maketrans("", "", "-.()")


class Phone(msgspec.Struct, frozen=True):
    """A telephone number, and what a look-up of its portability has left beside it."""

    number: str  # without visual separators: "+12025550100"
    context: str = ""  # phone-context of a local number
    routing_number: str = ""  # rn: where the number lives now, "" where it was not looked up, or is not ported
    routing_context: str = ""  # rn-context
    carrier: str = ""  # cic: of the carrier to route by
    dipped: bool = False  # npdi: the look-up was made

    @property
    def portability(self) -> bool:
        """Whether there is any number portability data."""
        return self.dipped or bool(self.routing_number or self.carrier)


def read_phone(uri: Uri) -> Phone | None:
    """The telephone number in the user part of a tel or sip URI; None where there is none that looks like one.

    In a sip URI the parameters of the number stand before the "@" (RFC 3261 §19.1.6); behind it, where some
    put them, they are read all the same.
    """
    if uri.scheme == "tel":
        subscriber, parameters = uri.user, uri.parameters
    elif uri.scheme in ("sip", "sips"):
        subscriber, own = head_and_parameters(unescaped(uri.user))
        parameters = {**uri.parameters, **own}
    else:
        return None
    if not _SUBSCRIBER.fullmatch(subscriber):
        return None
    return Phone(
        subscriber.translate(_SEPARATORS),
        parameters.get("phone-context", ""),
        parameters.get("rn", "").translate(_SEPARATORS),
        parameters.get("rn-context", ""),
        parameters.get("cic", "").translate(_SEPARATORS),
        "npdi" in parameters,
    )
