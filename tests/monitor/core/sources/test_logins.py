"""Passwords that are tried, and passwords that are merely wrong."""

from monitor.core.sources.logins import network_of
from monitor.core.updates import (
    Finding,
    FindingCleared,
    FindingRaised,
    FindingState,
    Happened,
    Severity,
)
from tests.monitor.core.sources.traffic import (
    THEM,
    Look,
    account,
    call,
    registered,
    seen,
    session,
    wrong,
)
from tests.monitor.core.told import us
from tests.support.messages import request, response
from tests.support.watch import Watch

ALICE = "sip:alice@example.com"


def guesses(count: int, every: float, sessions: int = 2) -> list[Happened]:
    return [wrong(number * every, session(f"r{number % sessions}"), ALICE) for number in range(count)]


def test_many_passwords_on_one_account_under_several_call_ids_are_a_brute_force() -> None:
    look = Look(guesses(12, 0.1))
    assert look.found() == [("brute-force", "203.0.113.7", "confirmed")]
    assert look.told("brute-force") == [("confirmed", 0.9)]
    assert "10 s" in look.one("brute-force").finding.cause
    assert look.one("brute-force").count == 12


def test_a_phone_that_loops_under_its_call_id_is_a_suspicion_at_most() -> None:
    assert Look(guesses(50, 0.1, sessions=1)).found() == [("brute-force", "203.0.113.7", "suspected")]


def test_a_phone_with_a_wrong_password_is_no_brute_force() -> None:
    """It tries every half minute, for hours."""
    assert Look(guesses(400, 30, sessions=1)).found() == []


def test_slow_guesses_are_counted_over_minutes() -> None:
    assert Look(guesses(60, 5)).found() == [("brute-force", "203.0.113.7", "confirmed")]
    assert Look(guesses(60, 30)).found() == []


def test_a_known_scanner_needs_fewer() -> None:
    scanner = seen(0, session("s"), signature="User-Agent: friendly-scanner")
    assert ("brute-force", "203.0.113.7", "confirmed") in Look([scanner, *guesses(3, 0.1, sessions=1)]).found()
    assert [code for code, _, _ in Look([scanner, *guesses(2, 0.1)]).found()] == ["scanner"]


def test_a_right_password_after_many_wrong_ones_is_said_and_stays_said() -> None:
    look = Look([*guesses(12, 0.1), registered(1.3, session("r0"), ALICE), wrong(1.4, session("r1"), ALICE)])
    assert "until one was right" in look.one("brute-force").finding.cause
    assert look.one("brute-force").count == 13


def test_a_user_who_mistypes_and_then_gets_in_is_known_from_then_on() -> None:
    look = Look([*guesses(3, 1), registered(4, session("r0"), ALICE), *(wrong(5, session("x"), ALICE),) * 50])
    assert look.found() == []


def test_another_account_that_the_source_registers_says_nothing_of_the_tried_one() -> None:
    look = Look([*guesses(12, 0.1), registered(2, session("own"), account(1))])
    assert "failed to log in" in look.one("brute-force").finding.cause


def test_many_accounts_from_one_source_are_a_suspicion() -> None:
    spray = [wrong(number / 10, session(f"r{number}"), account(number)) for number in range(25)]
    assert Look(spray).found() == [("brute-force", "203.0.113.7", "suspected")]
    assert Look(spray, trusted=["203.0.113.7"]).found() == []


def test_accounts_of_an_office_that_is_registered_are_no_spray() -> None:
    """The registrar forgets all its passwords: those who were registered before try again."""
    known: list[Happened] = [registered(number, session(f"r{number}"), account(number)) for number in range(30)]
    lost = [wrong(100 + number / 10, session(f"r{number}"), account(number)) for number in range(30)]
    assert Look([*known, *lost]).found() == []


def test_one_account_from_many_networks_is_a_brute_force_on_it() -> None:
    tries = [wrong(n * 5, session(f"r{n}"), ALICE, f"198.51.{n % 6}.7:5060") for n in range(30)]
    assert ("brute-force", ALICE, "confirmed") in Look(tries).found()
    few = [wrong(n * 5, session(f"r{n}"), ALICE, f"198.51.{n % 4}.7:5060") for n in range(30)]
    assert Look(few).found() == []


def test_an_address_is_of_a_network_and_what_is_none_is_its_own() -> None:
    assert network_of("203.0.113.7") == "203.0.113.0/24"
    assert network_of("2001:db8:1:2::3%eth0") == "2001:db8:1::/48"
    assert network_of("?") == "?"


def test_calls_whose_credentials_are_refused_count_too() -> None:
    def failed(number: int) -> FindingRaised:
        finding = Finding(
            code="auth-failed",
            subject="",
            severity=Severity.MAJOR,
            state=FindingState.CONFIRMED,
            at_us=us(number / 10),
            hop=f"{THEM}>10.0.0.9:5060",
            messages=(),
            cause="",
            remedy="",
        )
        return FindingRaised(call(f"c{number}"), us(number / 10), finding, ALICE, "sip:bob@example.com")

    cleared = FindingCleared(call("c"), us(0), failed(0).finding, ALICE, "sip:bob@example.com")
    assert Look([cleared] * 20).found() == []
    assert Look([failed(number) for number in range(12)]).found() == [("brute-force", "203.0.113.7", "confirmed")]


# --- what the first stage counts as a failed login


def digest(nonce: str, response: str = "0f") -> tuple[str, str]:
    return "Authorization", f'Digest username="alice", realm="home", nonce="{nonce}", response="{response}"'


def challenge(nonce: str, extra: str = "") -> tuple[str, str]:
    return "WWW-Authenticate", f'Digest realm="home", nonce="{nonce}"{extra}'


def register(at: float, cseq: int, *headers: tuple[str, str], branch: str = "") -> object:
    return request("REGISTER", at, cseq=cseq, headers=headers, branch=branch)


def failures(watch: Watch) -> int:
    return sum(type(update).__name__ == "LoginFailed" for update in watch.told)


def refused(at: float, cseq: int, status: int = 401, *headers: tuple[str, str], branch: str = "") -> object:
    return response(status, at, method="REGISTER", cseq=cseq, headers=headers, branch=branch)


def watch(*events: object) -> Watch:
    return Watch(events, until=60)  # type: ignore[arg-type]  # both helpers make events


def test_each_password_tried_under_one_cseq_counts() -> None:
    """As SIPVicious does it: the same CSeq, a new branch for each."""
    looked = watch(
        register(0, 1),
        refused(0.1, 1, 401, challenge("n1")),
        *(
            event
            for number in range(5)
            for event in (
                register(1 + number, 2, digest("n1", f"{number}"), branch=f"z9hG4bK-{number}"),
                refused(1.1 + number, 2, 401, challenge("n1"), branch=f"z9hG4bK-{number}"),
            )
        ),
    )
    assert failures(looked) == 5


def test_a_403_to_credentials_is_a_failed_login_and_one_without_is_none() -> None:
    first = (register(0, 1), refused(0.1, 1, 401, challenge("n1")))
    assert failures(watch(*first, register(1, 2, digest("n1")), refused(1.1, 2, 403))) == 1
    assert failures(watch(*first, register(1, 2), refused(1.1, 2, 403))) == 0


def test_a_stale_nonce_or_one_of_before_is_no_failed_login() -> None:
    assert failures(watch(register(0, 1, digest("old")), refused(0.1, 1, 401, challenge("n1")))) == 0
    stale = (
        register(0, 1),
        refused(0.1, 1, 401, challenge("n1")),
        register(1, 2, digest("n1")),
        refused(1.1, 2, 401, challenge("n2", ", stale=true")),
    )
    assert failures(watch(*stale)) == 0
