"""Weak challenges, and rests that nobody keeps."""

import pytest

from collectors.wire.events import SipEvent
from monitor.core.updates import (
    Happened,
    RetryAfterGiven,
    Severity,
    Update,
    WeaklyChallenged,
)
from tests.monitor.core.sources.traffic import REGISTRAR, THEM, Look, call, ping, seen, session
from tests.monitor.core.told import us
from tests.support.messages import request, response
from tests.support.watch import Watch


def told(*events: SipEvent) -> list[Update]:
    return Watch(events, until=60).told


def challenged(*values: str, status: int = 401, name: str = "WWW-Authenticate") -> list[WeaklyChallenged]:
    headers = [(name, value) for value in values]
    events = (
        request("REGISTER", 0),
        response(status, 0.1, method="REGISTER", headers=headers),
        request("REGISTER", 1, cseq=2),
        response(status, 1.1, method="REGISTER", cseq=2, headers=headers),
    )
    return [update for update in told(*events) if isinstance(update, WeaklyChallenged)]


@pytest.mark.parametrize(
    ("values", "scheme"),
    [
        (['Digest realm="a", nonce="1"'], "digest"),
        (['Basic realm="a"'], "basic"),
        (['Digest realm="a", nonce="1"', 'Basic realm="b"'], "digest"),
        (['Digest realm="a", nonce="1", qop="auth"'], ""),
        (['Digest realm="a", nonce="1"', 'Digest realm="a", nonce="1", qop="auth", algorithm=SHA-256'], ""),
        (['Digest realm="a", nonce="1", algorithm=AKAv1-MD5'], ""),
        (['Bearer realm="a"'], ""),
        ([], ""),
    ],
)
def test_a_server_that_offers_nothing_but_weak_ways_is_told_once_a_record(values: list[str], scheme: str) -> None:
    found = challenged(*values)
    assert [update.scheme for update in found] == [scheme] * bool(scheme)
    assert all(update.realm == "a" for update in found)


def test_proxies_challenge_too() -> None:
    (found,) = challenged('Basic realm="a"', status=407, name="Proxy-Authenticate")
    assert (found.client, found.server) == ("10.0.0.1:5060", "10.0.0.3:5060")


def weak(at: float, name: str, scheme: str = "digest") -> WeaklyChallenged:
    return WeaklyChallenged(session(name), us(at), THEM, REGISTRAR, scheme, "home")


def test_weak_ways_are_one_finding_a_server() -> None:
    look = Look([weak(number, f"r{number}") for number in range(50)])
    assert look.found() == [("weak-auth", "10.0.0.9", "confirmed")]
    hourly = [weak(3_600 * number, f"r{number}") for number in range(25)]
    assert look.one("weak-auth").last_us == us(0)
    assert len(Look(hourly).rows) == 2  # once a day
    assert look.one("weak-auth").finding.severity == Severity.INFO
    basic = Look([weak(0, "r", "basic")]).one("weak-auth").finding
    assert (basic.severity, "in the clear" in basic.cause) == (Severity.MINOR, True)


# --- retry-after-ignored


def test_a_503_tells_how_long_the_server_wants_to_rest() -> None:
    def refused(*headers: tuple[str, str], status: int = 503) -> list[int]:
        events = (request("INVITE", 0), response(status, 0.1, headers=headers), request("ACK", 0.2, to_tag="b"))
        return [update.seconds for update in told(*events) if isinstance(update, RetryAfterGiven)]

    assert refused(("Retry-After", "120 (overloaded)")) == [120]
    assert refused(("Retry-After", "soon")) == refused(("Retry-After", "0")) == refused() == []
    assert refused(("Retry-After", "120"), status=486) == []


def rest(at: float, seconds: int = 60, method: str = "INVITE") -> RetryAfterGiven:
    return RetryAfterGiven(call("first"), us(at), THEM, REGISTRAR, method, seconds)


def test_requests_during_the_rest_ignore_it() -> None:
    calls = [seen(1 + number, call(f"c{number}")) for number in range(5)]
    look = Look([rest(0), *calls])
    assert look.told("retry-after-ignored") == [("confirmed", 3)]
    assert look.one("retry-after-ignored").count == 5
    assert look.one("retry-after-ignored").name == "203.0.113.7"


def test_who_rests_asks_elsewhere_or_only_looks_does_not() -> None:
    def ignored(*updates: Happened) -> bool:
        return bool(Look([rest(0), *updates]).found())

    assert not ignored(*(seen(n / 10, call(f"c{n}")) for n in (1, 2)))  # they were under way
    assert not ignored(*(seen(61 + n, call(f"c{n}")) for n in range(9)))
    assert not ignored(*(seen(1 + n, call(f"c{n}"), destination="10.0.0.8:5060") for n in range(9)))
    assert not ignored(*(seen(1 + n, call(f"c{n}"), "203.0.113.8:5060") for n in range(9)))
    assert not ignored(*(seen(1 + n, ping(f"o{n}")) for n in range(9)))
    assert not ignored(*(seen(1 + n, session(f"r{n}")) for n in range(9)))
    assert not ignored(*(seen(1 + n, call(f"c{n}"), f"203.0.113.7:{30_000 + n}") for n in range(9)))  # other phones
    probes = [seen(1 + n, ping(f"o{n}")) for n in range(9)]
    assert not Look([rest(0, method="OPTIONS"), *probes]).found()
