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

    # --- registrations
    # After the end of a binding, before it is called expired: the renewal may be under way.
    expiry_grace_us: int = 5 * SECOND
    # How often one device may move or come back within a time.
    flaps: int = 5
    flaps_us: int = 10 * MINUTE
    # Registrations within ten seconds at one registrar, and how many times the usual that must be.
    storm_logins: int = 100
    storm_factor: int = 10
    # Failed logins of a source before the one that succeeds from a network that the account never used.
    hijack_failures: int = 3
    # Within this after the removal of somebody else's binding.
    hijack_us: int = 10 * MINUTE

    # --- sight
    # Records of a peer in one direction, over as long as requests wait for responses (64·T1), and none in the other.
    sight_records: int = 5
    sight_us: int = 32 * SECOND

    # --- manners
    # Requests during a Retry-After before that is ignoring it: the first may have been under way.
    ignored_rests: int = 3

    # --- connections
    # That fail within a time: a server that restarts refuses one or two.
    connection_failures: int = 3
    connection_failures_us: int = 10 * MINUTE

    # --- slow set-up, against what is usual at a peer
    # No call that rings sooner is slow, whatever is usual. E.721 asks for a mean of 3 s on local connections.
    slow_floor_us: int = 3 * SECOND
    # Calls that make what is usual.
    slow_least: int = 50
    # How many must be slower than 95 of 100 usually are, within a time and of all then: by chance, 1 of 20 is.
    slow_calls: int = 5
    slow_share: float = 0.25
    slow_us: int = 10 * MINUTE

    # --- toll fraud
    fraud_us: int = 10 * MINUTE
    # International premium rate, international networks, satellites (ITU-T E.164); NANP premium.
    premium_prefixes: tuple[str, ...] = ("+979", "+881", "+882", "+883", "+1900", "+1976")
    premium_calls: int = 5
    # What is dialled before a country code, beside "+".
    international_prefixes: tuple[str, ...] = ("00", "011")
    # The country codes that are no abroad ("+421"). Without any, calls abroad are not judged.
    home_prefixes: tuple[str, ...] = ()
    # Calls of one account to countries that are new to it.
    calls_abroad: int = 20
    night_calls_abroad: int = 8
    night_hours: tuple[int, int] = (22, 6)
    utc_offset_us: int = 0
