"""Everything that the second stage remembers is bounded, and what it forgets is counted."""

from monitor.core.diagnosis.security import BRUTE_FORCE, SCANNER
from monitor.core.limits import Limits
from monitor.core.sources.ledger import Ledger
from monitor.core.sources.peers import Peers
from monitor.core.sources.stage import Sources
from monitor.core.sources.tables import Recent, Sum, Table
from monitor.core.sources.trust import Trust
from monitor.core.sources.values import Subject
from monitor.core.updates import FindingState, Happened, RecordClosed
from tests.monitor.core.sources.traffic import Look, call, seen, session, wrong
from tests.monitor.core.told import raised, us

ALICE = "sip:alice@example.com"


def test_a_table_forgets_what_was_not_asked_for_longest_and_counts_it() -> None:
    table: Table[str, list[int]] = Table(list, 2)
    table["a"].append(1)
    table["b"].append(2)
    table["a"].append(3)
    table["c"].append(4)
    assert list(table) == ["a", "c"]
    assert (len(table), table.evicted, table.get("b"), table["a"]) == (2, 1, None, [1, 3])
    assert (table.pop("a"), table.pop("a")) == ([1, 3], None)


def test_recent_happenings_are_forgotten_by_time_and_by_number() -> None:
    recent: Recent[str] = Recent(10, most=3)
    recent.add(0, "a")
    recent.add(5, "a", 2)
    recent.add(9, "b")
    assert (recent.total, len(recent), recent.counts) == (4, 2, {"a": 3, "b": 1})
    recent.add(11, "b")
    assert recent.counts == {"a": 2, "b": 2}
    recent.add(12, "c")
    assert recent.counts == {"b": 2, "c": 1}


def test_a_sum_forgets_by_time_and_by_number() -> None:
    total: Sum[str] = Sum(10, most=3)
    total.add(0, 1, "a")
    total.add(5, 2, "b")
    total.add(9, 4, "c")
    assert (total.total, total.newest(2)) == (7, ["b", "c"])
    total.add(10, 8, "d")
    assert total.total == 14
    total.add(11, 16, "e")
    total.add(12, 32, "f")
    assert (total.total, total.newest(5)) == (56, ["d", "e", "f"])


def say(ledger: Ledger, name: str, at_us: int, state: FindingState = FindingState.CONFIRMED) -> None:
    ledger.say(SCANNER, Subject.SOURCE, name, at_us, "because", state=state)


def test_the_ledger_holds_so_many_findings_and_counts_those_that_it_let_go() -> None:
    ledger, most = Ledger(Limits(), most=3), 3
    for number in range(most + 2):
        say(ledger, str(number), us(0))
    assert ledger.forgotten == 2
    assert ledger.stands(SCANNER, Subject.SOURCE, "0") is None
    assert len(ledger.changed()) == most + 2  # what it let go of is written all the same


def test_what_is_confirmed_stays_so_until_it_is_cleared() -> None:
    ledger = Ledger(Limits())
    say(ledger, "a", us(0))
    say(ledger, "a", us(1), FindingState.SUSPECTED)
    ledger.clear(SCANNER, Subject.SOURCE, "a", us(2))
    ledger.clear(SCANNER, Subject.SOURCE, "a", us(3))
    assert [(str(each.finding.state), each.last_us) for each in ledger.news()] == [
        ("confirmed", us(0)),
        ("cleared", us(2)),
    ]
    (row,) = ledger.changed()
    assert (row.finding.state, row.last_us, row.count) == (FindingState.CLEARED, us(2), 1)
    assert ledger.news() == ledger.changed() == []


def test_what_was_stored_stands_after_a_restart_and_is_not_told_again() -> None:
    ledger = Ledger(Limits())
    say(ledger, "a", us(0))
    (stored,) = ledger.changed()
    restarted = Ledger(Limits())
    say(restarted, "b", us(0))  # of the past that is folded again
    restarted.restore([stored])
    assert restarted.changed() == restarted.news() == []
    say(restarted, "a", us(30))
    assert restarted.news() == []
    assert [(row.name, row.finding.at_us, row.last_us) for row in restarted.changed()] == [("a", us(0), us(30))]
    restarted.advance(us(30) + Limits().episode_us)
    assert restarted.stands(SCANNER, Subject.SOURCE, "a") is None


def test_updates_that_wait_are_bounded() -> None:
    sources = Sources(most_waiting=5)
    for number in range(6):
        sources.take(seen(number, call("c"), signature="User-Agent: x"))
    assert ([row.count for row in sources.changed()], sources.hurried) == ([1], 1)


def test_a_call_that_left_memory_is_under_way_no_more_though_nobody_saw_its_end() -> None:
    sources = Sources()
    sources.take(seen(0, call("c")))
    sources.advance(us(60))
    assert len(sources._calls) == 1
    sources.take(RecordClosed(call("c"), us(61), "evicted"))
    assert len(sources._calls) == 0


def test_updates_are_taken_in_the_order_of_their_time_whichever_way_they_come() -> None:
    updates: list[Happened] = [
        seen(0.5, session("s"), signature="User-Agent: sundayddr"),
        *(wrong(1 + number / 10, session(f"r{number % 2}"), ALICE) for number in range(9)),
    ]
    one, other = Look(updates), Look([])
    for update in reversed(updates):
        other.sources.take(update)
    other.sources.advance(us(60))
    other.see([])
    assert one.rows == other.rows
    assert other.one(BRUTE_FORCE.code).finding.at_us == us(1.2)


def test_what_is_of_no_source_is_passed_over() -> None:
    look = Look([RecordClosed(call("c"), us(0), "over"), raised(0)])
    assert look.found() == []


def test_what_a_source_did_long_ago_is_no_reason_to_trust_it() -> None:
    peers = Peers()
    trust, tally = Trust(Limits(), peers), peers.at("203.0.113.7").tally
    for _ in range(20):
        tally.begin(us(0))
        tally.succeed(us(1))
    assert trust.sums("203.0.113.7", us(2)) == (20, 20)
    assert trust.trusted("203.0.113.7", us(200))
    assert not trust.trusted("203.0.113.7", us(700))
    assert trust.sums("198.51.100.1", us(0)) == (0, 0)


def test_a_text_that_is_no_address_is_not_trusted_by_network() -> None:
    trust = Trust(Limits(trusted_peers=("203.0.113.0/24",)), Peers())
    assert [trust.named(text) for text in ("203.0.113.9", "fe80::1%eth0", "?")] == [True, False, False]
