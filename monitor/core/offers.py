"""Contacts of a REGISTER and of its 2xx: the binding that each means, and for how long (RFC 3261 §10, RFC 5626)."""

from functools import lru_cache
from typing import Final

from collectors.sip.contact import Contact, read_contacts
from collectors.sip.grammar import whole_number
from collectors.sip.uri import without_parameters
from monitor.core.message import Message

_MOST_EXPIRES_S: Final = 2**31
_MOST_DELTA_S: Final = 2**32  # §20.19
_LONGEST_IDENTITY: Final = 200
_EXPIRES: Final = ";expires="


class Offer:
    """A binding that is asked for, or given.

    `identity` is what makes it the same one at the next REGISTER: instance and flow (RFC 5626 §4.2), else its Contact;
    "*" where all bindings are meant (§10.2.2).
    """

    __slots__ = ("expires_s", "has_instance", "identity", "uri")

    def __init__(self, uri: str, identity: str, expires_s: int, *, has_instance: bool) -> None:
        self.uri = uri  # without parameters
        self.identity = identity[:_LONGEST_IDENTITY]
        self.expires_s = expires_s  # -1: it has none of its own
        self.has_instance = has_instance


def offers(event: Message) -> list[Offer]:
    """Those of a message, in order."""
    found: list[Offer] = []
    for value in event.all("contact"):
        plain = _plain(value)
        if plain is None:
            found += _taken_apart(value)
        else:
            found.append(plain)
    return found


def asked_s(event: Message, asked: list[Offer]) -> int:
    """For how long a REGISTER asks, in seconds; -1 where it leaves that to the registrar."""
    own = _longest(asked)
    return own if own >= 0 else _seconds(event.first("expires"))


def granted_s(event: Message, contact: str, identity: str) -> int:
    """What a 2xx gives to the Contact that asked (§10.3 step 8), in seconds; -1 where it does not say.

    A registrar behind a NAT may give its address anew, and keep its instance.
    """
    granted = [offer for offer in offers(event) if offer.expires_s >= 0]
    own = [offer for offer in granted if offer.uri == contact]
    own = own or [offer for offer in granted if offer.has_instance and offer.identity == identity]
    given = _longest(own or granted)
    return given if given >= 0 else _seconds(event.first("expires"))


def _longest(found: list[Offer]) -> int:
    longest = -1
    for offer in found:
        if offer.expires_s > longest:
            longest = offer.expires_s
    return min(longest, _MOST_EXPIRES_S)


def _seconds(text: str) -> int:
    text = text.strip()
    return min(int(text), _MOST_EXPIRES_S) if text.isascii() and text.isdigit() and len(text) < 20 else -1


def _plain(value: str) -> Offer | None:
    """The one of the usual value, "<sip:alice@h>" or "<sip:alice@h>;expires=60"; None of any other."""
    end = value.find(">")
    if end < 0 or value[0] != "<" or '"' in value or "," in value:
        return None
    expires_s, tail = -1, value[end + 1 :]
    if tail:
        if not (tail.startswith(_EXPIRES) and tail[len(_EXPIRES) :].isdigit()):
            return None
        seconds = whole_number(tail[len(_EXPIRES) :], _MOST_DELTA_S)
        expires_s = -1 if seconds is None else seconds
    uri = without_parameters(value[1:end].strip())
    return Offer(uri, uri, expires_s, has_instance=False)


@lru_cache(1024)  # each hop brings it again
def _taken_apart(value: str) -> tuple[Offer, ...]:
    return tuple([_offer(contact) for contact in read_contacts([value])])


def _offer(contact: Contact) -> Offer:
    uri, instance, expires_s = without_parameters(contact.uri.text), contact.instance, contact.expires
    flow = "" if contact.reg_id is None else f" {contact.reg_id}"
    return Offer(
        uri,
        "*" if contact.star else f"{instance.lower()}{flow}" if instance else uri,
        -1 if expires_s is None else expires_s,
        has_instance=bool(instance),
    )
