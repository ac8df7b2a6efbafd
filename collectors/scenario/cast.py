"""Who plays a situation and when: roles, a cast, and one performance with its times."""

from typing import NamedTuple

from collectors.scenario.dialects import GENERIC, KAMAILIO, Dialect
from collectors.scenario.dice import Dice
from collectors.scenario.phone import Phone
from collectors.scenario.scenario import Scenario
from collectors.scenario.server import Server


class Role(NamedTuple):
    """Who plays a part: "alice@192.0.2.1:5060", of what make, with which password."""

    at: str
    dialect: Dialect = GENERIC
    password: str = "secret"  # noqa: S105 - invented accounts of invented people
    display: str = ""
    behind: str | None = None


class Cast(NamedTuple):
    """Caller and callee, and the proxies between them; the first of these is also the registrar."""

    caller: Role = Role("alice@192.0.2.10:5060")
    callee: Role = Role("bob@198.51.100.20:5060")
    proxies: tuple[Role, ...] = (Role("203.0.113.5:5060", KAMAILIO),)
    domain: str = "example.com"
    challenged: bool = False  # the first proxy wants the caller's password before it does anything
    latency_ms: float = 2.0
    jitter_ms: float = 0.0
    transport: str = "udp"  # of all of them


class Play:
    """A cast on its stage, and the times of this performance, in seconds from the first INVITE."""

    def __init__(self, seed: str, cast: Cast, *, talk: float | None = None) -> None:
        self.scenario = Scenario(seed, domain=cast.domain, latency_ms=cast.latency_ms, jitter_ms=cast.jitter_ms)
        self.dice = Dice(seed).child("times")
        self._transport = cast.transport
        self.caller = self._phone(cast.caller)
        self.callee = self.caller if cast.callee == cast.caller else self._phone(cast.callee)
        self.proxies = [self._proxy(role) for role in cast.proxies]
        self._accounts = {self.caller.user: cast.caller.password}
        if cast.challenged:
            self.challenge("INVITE")
        self.rings = self.dice.between(0.3, 1.5)
        self.answers = self.rings + self.dice.between(2, 12)
        self.ends = self.answers + (min(10 + self.dice.gap(45), 180) if talk is None else talk)

    def _phone(self, role: Role) -> Phone:
        return self.scenario.phone(
            role.at,
            dialect=role.dialect,
            password=role.password,
            display=role.display,
            transport=self._transport,
            behind=role.behind,
        )

    def _proxy(self, role: Role) -> Server:
        return self.scenario.proxy(role.at, dialect=role.dialect, transport=self._transport)

    @property
    def proxy(self) -> Server:
        return self.proxies[0]

    def challenge(self, method: str, status: int | None = None) -> None:
        self.proxy.challenges(method, accounts=self._accounts, status=status)

    def invite(self) -> None:
        self.caller.invites(self.callee, through=self.proxies)

    def ring(self) -> None:
        self.invite()
        self.callee.rings(at=self.rings)

    def answer(self) -> None:
        self.ring()
        self.callee.answers(at=self.answers)

    def talk(self) -> None:
        """The whole of a good call; either may hang up."""
        self.answer()
        self.dice.pick((self.caller, self.callee)).hangs_up(at=self.ends)

    def refuse(self, status: int, reason: str = "", headers: tuple[tuple[str, str], ...] = ()) -> None:
        """The callee's side refuses at once, without ringing."""
        self.invite()
        self.callee.refuses(status, at=self.rings, reason=reason, headers=headers)

    def refuse_at_proxy(self, status: int) -> None:
        self.proxy.refuses("INVITE", status)
        self.invite()
