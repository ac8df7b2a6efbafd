"""Rules and places."""

import pytest

from monitor.core.alerting.places import NOWHERE, endpoint, place
from monitor.core.alerting.rules import DEFAULT_RULES, MINUTE, GroupBy, Rule
from monitor.core.alerting.values import Signal
from monitor.core.updates import FindingState, Severity

PLACES = [
    (GroupBy.HOP, "10.0.0.1:5060>10.0.0.2:5080", "10.0.0.1:5060 → 10.0.0.2:5080"),
    (GroupBy.HOP, "10.0.0.1:49152>10.0.0.2:5060", "10.0.0.1 → 10.0.0.2:5060"),
    (GroupBy.HOP, "[2001:db8::1]:40000>[2001:db8::2]:5060", "[2001:db8::1] → [2001:db8::2]:5060"),
    (GroupBy.HOP, "", NOWHERE),
    (GroupBy.SOURCE, "10.0.0.1:49152>10.0.0.2:5060", "10.0.0.1"),
    (GroupBy.SOURCE, "", NOWHERE),
    (GroupBy.DESTINATION, "10.0.0.1:49152>10.0.0.2:5060", "10.0.0.2:5060"),
    (GroupBy.DESTINATION, "10.0.0.1:5060", NOWHERE),
    (GroupBy.RECORD, "10.0.0.1:5060>10.0.0.2:5060", "edge-1"),
]


@pytest.mark.parametrize(("group_by", "hop", "want"), PLACES)
def test_a_place_says_what_a_group_has_in_common(group_by: GroupBy, hop: str, want: str) -> None:
    signal = Signal(
        code="x", state=FindingState.CONFIRMED, at_us=0, kind="call", slug="edge-1", hop=hop, cause="", remedy=""
    )
    assert place(group_by, signal) == want


@pytest.mark.parametrize("text", ["", "10.0.0.1", "10.0.0.1:5060", "[2001:db8::1]:5060", "[2001:db8::1]", "a:b"])
def test_an_endpoint_without_an_ephemeral_port_stays(text: str) -> None:
    assert endpoint(text) == text


def test_a_quiet_time_shorter_than_the_window_is_refused() -> None:
    with pytest.raises(ValueError, match="missing-ack"):
        Rule(
            name="missing-ack",
            title="",
            codes=frozenset(),
            group_by=GroupBy.HOP,
            severity=Severity.MAJOR,
            within_us=10 * MINUTE,
            quiet_us=5 * MINUTE,
            noun="call",
            cleared="",
        )


def test_the_rules_that_are_on_from_the_start_tell_of_missing_acks_and_failed_registrations() -> None:
    codes = {code for rule in DEFAULT_RULES if rule.mail for code in rule.codes}
    assert codes >= {
        "missing-ack",
        "dropped-at-32s",
        "registration-rejected",
        "registration-auth-failed",
        "registration-unanswered",
    }
    assert all(rule.at_least == 1 for rule in DEFAULT_RULES)
    assert len({rule.name for rule in DEFAULT_RULES}) == len(DEFAULT_RULES)


def test_records_are_counted_in_words() -> None:
    rule = DEFAULT_RULES[0]
    assert [rule.nouns(count) for count in (1, 14, 1400)] == ["1 call", "14 calls", "1,400 calls"]
