"""Security: who looks for a way in, tries passwords, or sends more than anybody should.

These cross Call-IDs: `monitor/core/sources` gathers their facts.
"""

from typing import Final

from monitor.core.diagnosis.rule import Rule
from monitor.core.diagnosis.text import seconds
from monitor.core.limits import Limits
from monitor.core.updates import Severity

_USUAL: Final = Limits()

SCANNER: Final = Rule(
    code="scanner",
    severity=Severity.MINOR,
    when="A source sends what known scanning tools send (User-Agent, From, the shape of Call-ID, branch and tag); or "
    f"one endpoint asks for {_USUAL.sweep_targets} different users within {seconds(_USUAL.sweep_us)}, all refused, "
    "none with a password's digest. Trusted peers never count: those that are named, and those whose calls ring and "
    "registrations succeed.",
    source="RFC 3261 §26.1",
    remedy="Drop this address at the firewall (or let fail2ban do it), and see what it was answered: a 200, or a 401 "
    "for some users and a 404 for others, tells it where to go on. Let the server answer unknown sources not at all, "
    "and unknown users like known ones.",
)
BRUTE_FORCE: Final = Rule(
    code="brute-force",
    severity=Severity.MAJOR,
    when=f"A source fails to log in to one account {_USUAL.guesses} times within {seconds(_USUAL.guesses_us)}, or "
    f"{_USUAL.slow_guesses} times within {seconds(_USUAL.slow_guesses_us)}, under more than one Call-ID (under one, it "
    "may be a phone that loops: *suspected*); of a known scanner, "
    f"{_USUAL.scanner_guesses} are enough. Or one account is tried from "
    f"{_USUAL.distributed_networks} networks. *Suspected* when a source fails on {_USUAL.sprayed_accounts} accounts "
    f"within {seconds(_USUAL.sprayed_us)}. What is counted are credentials that were refused (401, 407, 403); accounts "
    "that the source was registered for before never count.",
    source="RFC 3261 §26.1, §22",
    remedy="Drop the address at the firewall, and give the account a new, long password. If a login succeeded after "
    "these failures, treat the account as taken: end its registrations and look at its calls.",
)
FLOOD: Final = Rule(
    code="flood",
    severity=Severity.MAJOR,
    when=f"An untrusted source sends {_USUAL.flood_rate} requests a second or more for {seconds(_USUAL.flood_us)}, of "
    f"which hardly any succeeds: *suspected*; *confirmed* when it goes on for as long again. A source of which calls "
    "ring or registrations succeed is a trunk or an office, however much it sends.",
    source="RFC 3261 §26.1.5",
    remedy="Limit the rate of this address at the firewall or SBC (Kamailio: pike; FreeSWITCH, Asterisk: iptables "
    "hashlimit). If it is a peer of yours, name it in OFFHOOK_TRUSTED_PEERS and see why nothing of it succeeds.",
)

RULES: Final = (SCANNER, BRUTE_FORCE, FLOOD)
