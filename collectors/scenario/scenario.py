"""A scenario: who sends what when, as a script that can be played, and rendered as `SipEvent`s.

    call = Scenario()
    alice, proxy, bob = call.phone("alice@10.0.0.1"), call.proxy("10.0.0.2"), call.phone("bob@10.0.0.3")
    alice.invites(bob, through=[proxy])
    bob.rings(at=0.4)
    bob.answers(at=2.0)
    proxy.drops("ACK")
    call.events()

The parties are small user agents and servers that keep RFC 3261: what the script does not say (ACKs,
retransmissions, who hears what) follows from it. Same script and seed, same bytes.
"""

from typing import Final

from collectors.scenario.dialects import GENERIC, KAMAILIO, Dialect
from collectors.scenario.dice import Dice
from collectors.scenario.message import Endpoint
from collectors.scenario.party import Party
from collectors.scenario.phone import Phone
from collectors.scenario.server import Server
from collectors.scenario.stage import HopRule, Rule, Sent, Stage, microseconds
from collectors.sip.message import parse
from collectors.sip.timers import SECOND, TIMERS, Timers
from collectors.wire.events import SipEvent

START_US: Final = 1_767_225_600 * SECOND  # 2026-01-01 00:00 UTC


class Scenario:
    """The stage, its cast and the script."""

    def __init__(
        self,
        seed: str = "scenario",
        *,
        domain: str = "example.com",
        timers: Timers = TIMERS,
        latency_ms: float = 2.0,
        jitter_ms: float = 0.0,
    ) -> None:
        self.domain = domain
        self._stage = Stage(
            Dice(seed),
            timers=timers,
            latency_us=round(latency_ms * 1000),
            jitter_us=round(jitter_ms * 1000),
        )
        self._played = False

    def phone(
        self,
        at: str,
        *,
        dialect: Dialect = GENERIC,
        password: str | None = None,
        display: str = "",
        transport: str = "udp",
        behind: str | None = None,
    ) -> Phone:
        """A user agent: "alice@10.0.0.1:5060"; `behind` is what its NAT makes of that address."""
        user, _, address = at.partition("@")
        return Phone(
            self._stage,
            user,
            Endpoint.read(address),
            domain=self.domain,
            dialect=dialect,
            password=password,
            display=display,
            transport=transport,
            behind=Endpoint.read(behind) if behind else None,
        )

    def proxy(self, at: str, *, dialect: Dialect = KAMAILIO, transport: str = "udp") -> Server:
        """A proxy and registrar: "10.0.0.2:5060"."""
        return Server(self._stage, Endpoint.read(at), domain=self.domain, dialect=dialect, transport=transport)

    registrar = proxy

    def loses(
        self,
        what: str,
        *,
        source: Party | None = None,
        to: Party | None = None,
        times: int | None = None,
        after: int = 0,
    ) -> None:
        """Messages of a kind get lost on a hop, behind the point where they are captured."""
        self._stage.losses.append(_hop_rule(what, source, to, times, after))

    def misses(
        self,
        what: str,
        *,
        source: Party | None = None,
        to: Party | None = None,
        times: int | None = None,
        after: int = 0,
    ) -> None:
        """The capture misses messages of a kind; they arrive all the same."""
        self._stage.blind.append(_hop_rule(what, source, to, times, after))

    def play(self) -> list[Sent]:
        """Everything that is sent, in order of time. Plays once, however often it is asked."""
        if not self._played:
            self._stage.play()
            self._played = True
        return self._stage.sent

    def events(
        self,
        *,
        start_us: int = START_US,
        observer: str = "lab/eth0",
        near: Party | None = None,
        until: float | None = None,
    ) -> list[SipEvent]:
        """What a capture sees: all messages as they are sent; or, `near` a party, those that leave it as

        they leave and those that reach it as they arrive. `until` (seconds) is where the capture ends.
        """
        seen = [(when, sent) for sent in self.play() if sent.seen and (when := _seen_us(sent, near)) is not None]
        end_us = None if until is None else microseconds(until)
        return [
            event(sent, start_us + when, observer)
            for when, sent in sorted(seen, key=lambda pair: pair[0])
            if end_us is None or when <= end_us
        ]


def event(sent: Sent, captured_us: int, observer: str) -> SipEvent:
    """A message as the collector would report it."""
    return SipEvent(
        captured_us,
        captured_us,
        sent.source.address,
        sent.source.port,
        sent.destination.address,
        sent.destination.port,
        sent.transport,
        observer,
        sent.raw,
        *parse(sent.raw),
    )


def _seen_us(sent: Sent, near: Party | None) -> int | None:
    if near is None or sent.source == near.wire:
        return sent.sent_us
    return sent.arrived_us if sent.destination == near.wire else None


def _hop_rule(what: str, source: Party | None, to: Party | None, times: int | None, after: int) -> HopRule:
    return HopRule(Rule(what, times=times, after=after), source.wire if source else None, to.wire if to else None)
