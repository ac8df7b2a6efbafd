"""The people and machines of the sample traffic: a provider's proxy, phones, two PBXs, two carriers.

All addresses, names and numbers are reserved for documentation: RFC 5737, RFC 3849, RFC 2606, +1 202
555 01xx (NANPA), +44 20 7946 0xxx (Ofcom), +49 30 23125 xxx (BNetzA).
"""

from typing import Final

from collectors.scenario.cast import Cast, Role
from collectors.scenario.dialects import ASTERISK, CARRIER, FREESWITCH, KAMAILIO, PHONES
from collectors.scenario.dice import Dice
from collectors.scenario.message import Endpoint

_FIRST: Final = (
    *("Ada", "Amir", "Anna", "Ben", "Carla", "Chidi", "Dana", "Elif", "Emil", "Fatima", "Grace", "Hugo", "Ines"),
    *("Ivan", "Jana", "Jonas", "Kemal", "Lena", "Luis", "Maya", "Mina", "Noah", "Olga", "Paul", "Priya", "Rosa"),
    *("Sami", "Sofia", "Tariq", "Uma", "Viktor", "Wei", "Yara", "Zoe"),
)
_LAST: Final = (
    *("Abel", "Bauer", "Cohen", "Diaz", "Ekman", "Fuchs", "Garcia", "Haas", "Ito", "Jansen", "Kaya", "Lopez", "Meyer"),
    *("Nagy", "Okoye", "Petit", "Quist", "Rossi", "Sato", "Toth", "Ueda", "Vogel", "Weber", "Young", "Zeman"),
)
_NUMBERS: Final = ("+120255501{digits2}", "+442079460{digits3}", "+493023125{digits3}")

PROXY: Final = Role("192.0.2.10:5060", KAMAILIO)
PROXY_V6: Final = Role("[2001:db8::10]:5060", KAMAILIO)
EDGE: Final = Role("192.0.2.11:5060", KAMAILIO)  # the second proxy, towards the carriers
CARRIERS: Final = (Endpoint("203.0.113.10", 5060), Endpoint("203.0.113.20", 5060))
PBXS: Final = (
    ("hotel", Endpoint("198.51.100.10", 5060), ASTERISK),
    ("clinic", Endpoint("198.51.100.20", 5080), FREESWITCH),
)
DOMAIN: Final = "voice.example.com"


class Town:
    """A population that follows from a seed. Phones are of all makes; some are behind a NAT, some on IPv6."""

    def __init__(self, seed: str, phones: int = 30) -> None:
        self._dice = Dice(f"{seed}/town")
        self.phones = [self._phone(number) for number in range(phones)]
        self._v6 = [phone for phone in self.phones if _is_v6(phone)]
        self._v4 = [phone for phone in self.phones if not _is_v6(phone)]

    def _phone(self, number: int) -> Role:
        dice = self._dice
        first, last = dice.pick(_FIRST), dice.pick(_LAST)
        user = f"{first}.{last}{number or ''}".lower()
        name = dice.weighted(((f"{first} {last}", 3), ("", 1)))
        dialect = PHONES[number % len(PHONES)]
        if number % 6 == 5:
            return Role(f"{user}@[2001:db8::{0x100 + number:x}]:5060", dialect, display=name)
        if number % 3 == 1:
            inside = f"{user}@192.168.{number // 200 % 256}.{number % 200 + 20}:5060"
            outside = f"198.51.100.{100 + number // 50 % 150}:{20_000 + number % 40_000}"
            return Role(inside, dialect, display=name, behind=outside)
        return Role(f"{user}@192.0.2.{100 + number // 60 % 150}:{5060 + 2 * (number % 60)}", dialect, display=name)

    def call(self, dice: Dice) -> Cast:
        """Who calls whom this time."""
        kind = dice.weighted((("out", 40), ("trunk", 20), ("in", 25), ("within", 15)))
        if kind == "out":
            return self._through(dice, self._caller(dice), self._carrier(dice), EDGE, challenged=dice.chance(0.7))
        if kind == "trunk":
            return self._through(dice, self._pbx(dice), self._carrier(dice), EDGE)
        if kind == "in":
            callee = self._pbx(dice) if dice.chance(0.4) else self._caller(dice)
            return self._through(dice, self._carrier(dice), callee, EDGE, reverse=True)
        caller, callee = self._neighbours(dice)
        proxy = PROXY_V6 if _is_v6(caller) else PROXY
        return self._cast(dice, caller, callee, (proxy,), challenged=dice.chance(0.7))

    def registration(self, phone: Role, dice: Dice) -> Cast:
        return self._cast(dice, phone, phone, (PROXY_V6 if _is_v6(phone) else PROXY,))

    def trunk(self, number: int, dice: Dice) -> Cast:
        """Somebody who keeps asking the proxy whether it is there: carriers and PBXs."""
        peers = [self._at_carrier(carrier, "ping") for carrier in CARRIERS]
        peers += [Role(f"{name}@{endpoint}", dialect) for name, endpoint, dialect in PBXS]
        peer = peers[number % len(peers)]
        return self._cast(dice, peer, peer, (PROXY,))

    def _through(
        self, dice: Dice, caller: Role, callee: Role, edge: Role, *, challenged: bool = False, reverse: bool = False
    ) -> Cast:
        proxies = (edge, PROXY) if reverse else (PROXY, edge)
        return self._cast(dice, caller, callee, proxies, challenged=challenged)

    def _cast(
        self, dice: Dice, caller: Role, callee: Role, proxies: tuple[Role, ...], *, challenged: bool = False
    ) -> Cast:
        return Cast(
            caller=caller,
            callee=callee,
            proxies=proxies,
            domain=DOMAIN,
            challenged=challenged,
            latency_ms=dice.between(1, 15),
            jitter_ms=dice.between(0.5, 6),
        )

    def _caller(self, dice: Dice) -> Role:
        return dice.pick(self._v4)

    def _neighbours(self, dice: Dice) -> tuple[Role, Role]:
        group = self._v6 if len(self._v6) > 1 and dice.chance(0.4) else self._v4
        first = dice.below(len(group))
        return group[first], group[(first + 1 + dice.below(len(group) - 1)) % len(group)]

    def _carrier(self, dice: Dice) -> Role:
        number = dice.pick(_NUMBERS)
        digits = dice.digits(int(number[-2]))
        return self._at_carrier(CARRIERS[dice.weighted(((0, 3), (1, 2)))], number.partition("{")[0] + digits)

    @staticmethod
    def _at_carrier(carrier: Endpoint, user: str) -> Role:
        return Role(f"{user}@{carrier}", CARRIER)

    @staticmethod
    def _pbx(dice: Dice) -> Role:
        name, endpoint, dialect = dice.pick(PBXS)
        return Role(f"{name}{100 + dice.below(60)}@{endpoint}", dialect)


def _is_v6(role: Role) -> bool:
    return "[" in role.at
