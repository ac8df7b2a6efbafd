"""Security: who looks for a way in, tries passwords, or sends more than anybody should.

These cross Call-IDs: `monitor/core/sources` gathers their facts.
"""

from typing import Final

from monitor.core.diagnosis.rule import Rule
from monitor.core.diagnosis.text import seconds
from monitor.core.limits import Limits
from monitor.core.updates import Severity

_USUAL: Final = Limits()

SCANNER: Final[Rule] = Rule(
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
BRUTE_FORCE: Final[Rule] = Rule(
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
FLOOD: Final[Rule] = Rule(
    code="flood",
    severity=Severity.MAJOR,
    when=f"An untrusted source sends {_USUAL.flood_rate} requests a second or more for {seconds(_USUAL.flood_us)}, of "
    f"which hardly any succeeds: *suspected*; *confirmed* when it goes on for as long again. A source of which calls "
    "ring or registrations succeed is a trunk or an office, however much it sends.",
    source="RFC 3261 §26.1.5",
    remedy="Limit the rate of this address at the firewall or SBC (Kamailio: pike; FreeSWITCH, Asterisk: iptables "
    "hashlimit). If it is a peer of yours, name it in OFFHOOK_TRUSTED_PEERS and see why nothing of it succeeds.",
)
TOLL_FRAUD_SUSPECT: Final[Rule] = Rule(
    code="toll-fraud-suspect",
    severity=Severity.MAJOR,
    when=f"One account calls premium or satellite numbers {_USUAL.premium_calls} times within "
    f"{seconds(_USUAL.fraud_us)}; or, where `OFFHOOK_HOME_PREFIXES` says what is home, numbers in countries that it "
    f"never called before {_USUAL.calls_abroad} times, {_USUAL.night_calls_abroad} times at night. Never more than "
    "*suspected*. Calls from trusted peers that are named never count.",
    source="RFC 3261 §26.1",
    remedy="Ask the account's owner. If these calls are not theirs: block them at the trunk now, end the account's "
    "registrations, change its password, and see where it was registered from. Limit what an account may spend.",
)
REGISTRATION_HIJACK_SUSPECT: Final[Rule] = Rule(
    code="registration-hijack-suspect",
    severity=Severity.MAJOR,
    when="An address of record is bound from a network (/24, /48) that it was never bound from, and "
    f"{_USUAL.hijack_failures} logins of that source to it failed before, or that network removed a binding which "
    "another Call-ID had made elsewhere (*minor*). Never more than *suspected*: people travel.",
    source="RFC 3261 §10.3, §26.1.1",
    remedy="Ask the account's owner whether they are there. If not, remove that binding, change the password, and "
    "look at the calls since.",
)
WEAK_AUTH: Final[Rule] = Rule(
    code="weak-auth",
    severity=Severity.INFO,
    when="A server challenges with Basic (*minor*; RFC 3261 forbids it), or with a digest without qop. Once a day and "
    "server. The digests of IMS AKA (RFC 3310) are for one use, and need none.",
    source="RFC 3261 §22.1, RFC 7616 §3.4, RFC 8760",
    remedy="Let the server ask for a digest with qop=auth, SHA-256 where its phones can, and offer TLS.",
)

RULES: Final = (SCANNER, BRUTE_FORCE, FLOOD, TOLL_FRAUD_SUSPECT, REGISTRATION_HIJACK_SUSPECT, WEAK_AUTH)
