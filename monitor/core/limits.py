"""The thresholds of what crosses Call-IDs, sources, accounts and peers: typed, with the reason for each default."""

from typing import Final

import msgspec

from collectors.sip.timers import SECOND

MINUTE: Final = 60 * SECOND


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Times in µs of wire time."""

    # Networks of peers that the operator trusts, as CIDR texts.
    trusted_peers: tuple[str, ...] = ()
    # How far commits of several partitions may run apart: updates are taken in the order of wire time behind it.
    settle_us: int = 2 * SECOND
    # A finding about a source without further evidence for so long is over; what comes then is another one.
    episode_us: int = 10 * MINUTE
    # What goes on is told again so often.
    again_us: int = 1 * MINUTE

    # --- trust: a peer that carries traffic is neither a flood nor a scanner
    # Calls that rang or were answered, and registrations, in the last five to ten minutes.
    trusted_successes: int = 20
    # Of what it began. Dialers reach fewer people than offices do, and still far more than a scanner.
    trusted_share: float = 0.1

    # --- scanner
    # Different users that one endpoint asked for within a minute, all refused, none with a password's digest.
    # A phone asks for one, or for a few on a speed dial.
    sweep_targets: int = 20
    sweep_us: int = 1 * MINUTE

    # --- brute-force
    # Passwords that one source tried on one account. A phone that has the wrong one tries again after
    # seconds at the earliest; one that loops does so within one Call-ID.
    guesses: int = 10
    guesses_us: int = 10 * SECOND
    # Of a source that is known as a scanner, fewer say enough.
    scanner_guesses: int = 3
    slow_guesses: int = 40
    slow_guesses_us: int = 10 * MINUTE
    # Accounts on which one source failed. Suspected only: an office behind a lost password file looks the same.
    sprayed_accounts: int = 20
    sprayed_us: int = 1 * MINUTE
    # Networks (/24, /48) from which one account was tried, and how often in all. People roam through a few.
    distributed_networks: int = 5
    distributed_guesses: int = 20
    distributed_us: int = 10 * MINUTE

    # --- flood
    # Requests per second over ten seconds, of which hardly any succeeds. A phone sends a few a minute.
    flood_rate: int = 50
    flood_us: int = 10 * SECOND
