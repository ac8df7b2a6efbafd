"""The session intervals of a dialog (RFC 4028), as its 2xx agreed on them and its 422 refused them."""

from typing import Final, TypeAlias

from collectors.sip.intervals import read_delta, read_session_expires
from monitor.core.hop import ends
from monitor.core.message import Message

_MOST: Final = 16  # of a dialog: the last ones
Name: TypeAlias = tuple[str, int, str]  # of a transaction: method and number of its CSeq, From tag


class Asked:
    """What an INVITE or UPDATE asks for, in s; 0: nothing."""

    __slots__ = ("least", "name", "seconds")

    def __init__(self, name: Name, seconds: int, least: int) -> None:
        self.name = name
        self.seconds = seconds  # Session-Expires
        self.least = least  # Min-SE


class Grant:
    """A 2xx, or a 422, to an INVITE or UPDATE, as near to the client as it was seen. Times in µs, intervals in s."""

    __slots__ = (
        "asked",
        "at_us",
        "far_hop",
        "far_vias",
        "hop",
        "least",
        "name",
        "number",
        "refresher",
        "seconds",
        "vias",
    )

    def __init__(self, name: Name, event: Message) -> None:
        self.name = name
        self.at_us = event.captured_us
        self.seconds = 0  # 0: no timer
        self.refresher = ""  # "uac", "uas", or "" where nobody is named
        self.least = 0  # the Min-SE of the request, or of the 422
        self.asked = 0  # the Session-Expires of the request; 0 where it had none
        self.hop = self.far_hop = ""
        self.vias = self.far_vias = 0
        self.number = 0

    def refreshing(self) -> str:
        """Who is to refresh: an endpoint."""
        return ends(self.hop)[0] if self.refresher == "uac" else ends(self.far_hop)[1]

    def seen(self, event: Message, number: int) -> bool:
        """It was seen on a hop; whether that one, nearer than those before, says something else.

        A proxy may add a timer for a callee without (§8.2).
        """
        self.at_us = min(self.at_us, event.captured_us)
        if not self.far_hop or event.vias > self.far_vias:
            self.far_hop, self.far_vias = event.hop, event.vias
        if self.hop and event.vias >= self.vias:
            return False
        first = not self.hop
        self.hop, self.vias, self.number = event.hop, event.vias, number
        said = (self.seconds, self.refresher, self.least)
        expires = read_session_expires(event.first("session-expires"))
        self.seconds, self.refresher = (expires.seconds, expires.refresher) if expires else (0, "")
        if event.status == 422:
            self.least = least_s(event)
        return first or said != (self.seconds, self.refresher, self.least)


def least_s(event: Message) -> int:
    """The Min-SE of a message; 0 where it has none, as most."""
    said = event.first("min-se")
    return (read_delta(said) or 0) if said else 0


class Intervals:
    """The 2xx of one dialog, and the 422 that its INVITEs got."""

    __slots__ = ("grants", "refused", "subject")

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.grants: tuple[Grant, ...] = ()
        self.refused: tuple[Grant, ...] = ()

    def of(self, event: Message) -> tuple[Grant, bool]:
        """The grant or refusal that a response belongs to, and whether it is new."""
        of_kind = self.grants if event.status < 300 else self.refused
        name = (event.cseq_method, event.cseq, event.from_tag)
        for grant in of_kind:
            if grant.name == name:
                return grant, False
        grant = Grant(name, event)
        if event.status < 300:
            self.grants = (*self.grants, grant)[-_MOST:]
        else:
            self.refused = (*self.refused, grant)[-_MOST:]
        return grant, True

    def last(self) -> Grant | None:
        """What is in force."""
        last: Grant | None = None
        for grant in self.grants:
            if last is None or (grant.at_us, grant.name) > (last.at_us, last.name):
                last = grant
        return last
