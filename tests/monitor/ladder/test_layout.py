"""From messages and findings to lanes, rows, pins and bars."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from collectors.sip.timers import Timers
from collectors.wire.events import SipEvent
from monitor.core.updates import Finding, FindingState, Severity
from monitor.ladder.elide import excerpt
from monitor.ladder.layout import Limits, lay_out
from monitor.ladder.values import Absence, Arrow, Elision, Gap, Ladder, Tone
from monitor.ladder.words import clock_note
from tests.monitor.ladder.samples import (
    ALIASES,
    ALICE,
    BOB,
    PBX,
    PROXY,
    START_US,
    finding,
    good_call,
    lost_ack,
    message,
    registration,
    unanswered,
)
from tests.support.messages import request, response, us


def arrows(ladder: Ladder) -> list[Arrow]:
    return [row for row in ladder.rows if isinstance(row, Arrow)]


def names(ladder: Ladder) -> list[str]:
    return [lane.name for lane in ladder.lanes]


def test_lanes_stand_in_the_order_of_the_path_under_their_aliases() -> None:
    assert names(lay_out(good_call(), aliases=ALIASES)) == [ALICE, "proxy-1", "pbx-3"]


def test_lanes_stand_in_path_order_even_when_the_inner_hop_was_captured_first() -> None:
    inner_first = sorted(good_call(), key=lambda event: event.vias != 2)
    assert names(lay_out(inner_first, aliases=ALIASES)) == [ALICE, "proxy-1", "pbx-3"]


def test_branches_of_a_fork_follow_one_another_each_with_what_comes_after_it() -> None:
    events = [
        message(0.0, ALICE, PROXY, "INVITE"),
        message(0.1, PROXY, PBX, "INVITE", vias=2),
        message(0.1, PROXY, BOB, "INVITE", vias=2),
        message(0.2, PBX, "10.9.9.9:5060", "INVITE", vias=3),
    ]
    assert names(lay_out(events)) == [ALICE, PROXY, PBX, "10.9.9.9:5060", BOB]


def test_a_response_alone_still_puts_the_client_left_of_the_server() -> None:
    assert names(lay_out([message(0, PBX, ALICE, 200)])) == [ALICE, PBX]


def test_a_host_is_one_lane_whatever_ports_it_uses() -> None:
    events = [
        message(0, "10.0.0.1:40001", PROXY, "REGISTER", cseq="1 REGISTER"),
        message(1, "10.0.0.1:40002", PROXY, "REGISTER", cseq="2 REGISTER"),
    ]
    ladder = lay_out(events)
    assert names(ladder) == ["10.0.0.1", PROXY]
    assert ladder.lanes[0].ports == (40001, 40002)


def test_a_host_that_talks_to_itself_is_a_lane_a_port() -> None:
    events = [
        message(0, "127.0.0.1:5081", "127.0.0.1:5070", "INVITE"),
        message(0.1, "127.0.0.1:5070", "127.0.0.1:5080", "INVITE", vias=2),
    ]
    assert names(lay_out(events)) == ["127.0.0.1:5081", "127.0.0.1:5070", "127.0.0.1:5080"]


def test_two_phones_behind_one_address_are_two_lanes() -> None:
    events = [
        message(0, ALICE, PROXY, "INVITE"),
        message(0.1, PROXY, "203.0.113.99:20001", "INVITE", vias=2),
        message(0.1, PROXY, "203.0.113.99:20002", "INVITE", vias=2),
    ]
    assert names(lay_out(events)) == [ALICE, PROXY, "203.0.113.99:20001", "203.0.113.99:20002"]


def test_two_phones_behind_one_address_that_call_each_other_are_two_lanes() -> None:
    there, back = message(0, "203.0.113.99:20001", PROXY, "INVITE"), (PROXY, "203.0.113.99:20002", "INVITE")
    assert names(lay_out([there, message(0.1, *back, vias=2)])) == ["203.0.113.99:20001", PROXY, "203.0.113.99:20002"]
    # A request of the dialog goes to a Contact, of whatever port: that is the same phone.
    assert names(lay_out([there, message(9, *back[:2], "BYE", to_tag="a")])) == ["203.0.113.99", PROXY]


def test_a_proxy_that_receives_and_sends_at_different_ports_is_one_lane() -> None:
    events = [
        message(0, ALICE, "10.0.0.2:5060", "INVITE"),
        message(0.1, "10.0.0.2:40001", PBX, "INVITE", vias=2),
        message(0.2, PBX, "10.0.0.2:5060", "INVITE", vias=3),
    ]
    assert names(lay_out(events)) == [ALICE, "10.0.0.2", PBX]


def test_ipv6_addresses_stand_in_brackets_with_their_port() -> None:
    assert names(lay_out([message(0, "[2001:db8::1]:5060", PBX, "OPTIONS")])) == ["[2001:db8::1]:5060", PBX]


def test_more_hosts_than_lanes_share_the_last_one_which_says_how_many_they_are() -> None:
    events = [message(n, ALICE, f"10.0.0.{n + 1}:5060", "OPTIONS", cseq=f"{n} OPTIONS") for n in range(30)]
    ladder = lay_out(events, limits=Limits(lanes=5))
    assert len(ladder.lanes) == 6
    assert ladder.lanes[-1].others == 26
    assert arrows(ladder)[-1].destination == 5


@pytest.mark.parametrize(
    ("start", "options", "label", "detail", "tone"),
    [
        ("INVITE", {"sdp": True}, "INVITE (SDP)", "", Tone.REQUEST),
        ("INVITE", {"to_tag": "b"}, "INVITE", "re-INVITE", Tone.REQUEST),
        (180, {}, "180", "Ringing", Tone.PROVISIONAL),
        (200, {"sdp": True}, "200 (SDP)", "OK", Tone.SUCCESS),
        (200, {"cseq": "2 BYE"}, "200", "OK · BYE", Tone.SUCCESS),
        (302, {}, "302", "Reason", Tone.REDIRECT),
        (401, {}, "401", "Unauthorized", Tone.CHALLENGE),
        (486, {}, "486", "Busy Here", Tone.FAILURE),
        (
            "REGISTER",
            {"cseq": "2 REGISTER", "headers": "Authorization: Digest x\r\n"},
            "REGISTER (auth)",
            "",
            Tone.REQUEST,
        ),
        ("INVITE", {"cseq": "1 BYE"}, "INVITE", "cseq mismatch", Tone.REQUEST),
    ],
)
def test_arrows_say_what_the_message_is(
    start: str | int, options: dict[str, str], label: str, detail: str, tone: Tone
) -> None:
    [arrow] = arrows(lay_out([message(0, ALICE, PBX, start, **options)]))  # type: ignore[arg-type]  # a table of keywords
    assert (arrow.label, arrow.detail, arrow.tone) == (label, detail, tone)


def test_retransmissions_fold_into_the_first_with_their_count_and_span() -> None:
    events, _ = unanswered()
    [arrow] = arrows(lay_out(events))
    assert (arrow.count, arrow.times, arrow.span_us, arrow.numbers) == (7, "×7", 31_500_000, (1, 2, 3, 4, 5, 6, 7))


def test_a_copy_within_100_ms_is_the_same_packet_seen_twice() -> None:
    [arrow] = arrows(lay_out([message(0, ALICE, PBX, "INVITE"), message(0.099, ALICE, PBX, "INVITE")]))
    assert (arrow.count, arrow.numbers) == (1, (1, 2))


def test_two_observers_of_a_message_are_one_arrow_and_transmissions_are_the_most_that_one_saw() -> None:
    events = [
        message(at_s + skew, ALICE, PBX, "INVITE", observer=observer)
        for at_s in (0.0, 0.5, 1.5)
        for observer, skew in (("edge-1/eth0", 0.0), ("edge-2/eth0", 0.3))
        if (at_s, observer) != (1.5, "edge-2/eth0")
    ]
    [arrow] = arrows(lay_out(events))
    assert (arrow.count, arrow.observers, len(arrow.numbers)) == (3, 2, 5)


def test_the_same_bytes_on_another_hop_are_another_arrow() -> None:
    assert len(arrows(lay_out([message(0, ALICE, PROXY, "INVITE"), message(1, PROXY, PBX, "INVITE")]))) == 2


def test_rows_are_in_the_order_of_capture_whatever_the_order_of_arrival() -> None:
    events = good_call()
    shuffled = [events[index] for index in (3, 0, 2, 1, *range(4, len(events)))]
    ladder = lay_out(shuffled)
    assert [row.at_us for row in arrows(ladder)] == sorted(event.captured_us for event in events)
    assert [row.number for row in arrows(ladder)][:4] == [2, 4, 3, 1]


def test_a_long_silence_is_one_short_row() -> None:
    rows = lay_out(good_call()).rows
    gaps = [row for row in rows if isinstance(row, Gap)]
    assert gaps == [Gap(duration_us=42_079_000)]
    later = rows[rows.index(gaps[0]) + 1]
    assert isinstance(later, Arrow)
    assert later.label == "BYE"


def test_a_missing_ack_is_pinned_to_the_200_at_its_hop_with_the_ack_that_never_came_and_the_64_t1() -> None:
    ladder = lay_out(*lost_ack(), aliases=ALIASES)
    pinned = [row for row in arrows(ladder) if row.pins]
    assert [(row.label, row.source, [pin.code for pin in row.pins]) for row in pinned] == [
        ("200 (SDP)", 2, ["missing-ack"]),
        ("BYE", 2, ["dropped-at-32s"]),
    ]
    assert pinned[0].pins[0].timer == "32.0 s = 64·T1"
    [absence] = [row for row in ladder.rows if isinstance(row, Absence)]
    assert (absence.label, absence.source, absence.destination) == ("ACK never came", 1, 2)
    # It stands below the ACK that the proxy received and kept.
    above = ladder.rows[ladder.rows.index(absence) - 1]
    assert isinstance(above, Arrow)
    assert (above.label, above.destination) == ("ACK", 1)
    [bar] = ladder.bars
    assert (bar.lane, ladder.rows[bar.first_row], ladder.rows[bar.last_row]) == (2, pinned[0], pinned[1])


def test_a_call_that_dropped_without_a_bye_is_pinned_to_its_answer() -> None:
    events, [_, dropped] = lost_ack()
    ladder = lay_out(events[:-2], [finding("dropped-at-32s", (6, 8), hop=dropped.hop)])
    assert [row.label for row in arrows(ladder) if row.pins] == ["200 (SDP)"]


def test_a_suspicion_says_so_and_its_timer_is_still_running() -> None:
    events, _ = lost_ack()
    early = events[:12]
    suspicion = finding("missing-ack", (6, 9), hop=f"{PROXY}>{PBX}", state=FindingState.SUSPECTED, at_s=3.5)
    ladder = lay_out(early, [suspicion])
    [absence] = [row for row in ladder.rows if isinstance(row, Absence)]
    assert absence.label == "no ACK yet"
    assert ladder.bars[0].text == "1.50 s of 32.0 s = 64·T1"


def test_a_cleared_finding_keeps_its_pin_and_loses_all_else() -> None:
    events, [missing, _] = lost_ack()
    cleared = finding("missing-ack", missing.messages, hop=missing.hop, state=FindingState.CLEARED)
    ladder = lay_out(events, [cleared])
    assert [pin.state for row in arrows(ladder) for pin in row.pins] == [FindingState.CLEARED]
    assert not ladder.bars
    assert not any(row.evidence for row in arrows(ladder))
    assert not any(isinstance(row, Absence) for row in ladder.rows)


def test_a_timer_that_ran_out_is_told_in_full_though_the_last_resend_came_before() -> None:
    events, _ = lost_ack()
    until = [event for event in events if event.captured_us < START_US + 30_000_000]
    confirmed = finding("missing-ack", range(6, len(until), 3), hop=f"{PROXY}>{PBX}", at_s=29.5)
    assert lay_out(until, [confirmed]).bars[0].text == "32.0 s = 64·T1"


def test_an_invite_given_up_for_another_peer_says_how_long_it_waited() -> None:
    events = [message(at_s, ALICE, PROXY, "INVITE") for at_s in (0, 0.5, 1.5)]
    events.append(message(3.0, ALICE, PBX, "INVITE", cseq="2 INVITE"))
    ladder = lay_out(events, [finding("invite-unanswered", (1, 2, 3), hop=f"{ALICE}>{PROXY}", at_s=1.5)])
    assert ladder.bars[0].text == "3.00 s of 32.0 s = 64·T1"


def test_an_unanswered_invite_shows_the_response_that_never_came_and_timer_b_of_the_peer() -> None:
    events, _ = unanswered()
    slow = [finding("invite-unanswered", (1, 2), hop=f"{ALICE}>{PBX}", at_s=128.0)]
    ladder = lay_out(events, slow, timers=Timers(t1_us=2_000_000))
    absence = ladder.rows[1]
    assert isinstance(absence, Absence)
    assert (absence.label, absence.source, absence.destination) == ("no response", 1, 0)
    assert ladder.bars[0].text == "2 min 08 s = 64·T1"


def test_an_undelivered_invite_shows_what_the_network_reported_and_no_timer() -> None:
    events, _ = unanswered()
    refused = finding("invite-unanswered", (1,), hop=f"{ALICE}>{PBX}", at_s=0.01)
    ladder = lay_out(events, [msgspec.structs.replace(refused, variant="port-unreachable")])
    [absence] = [row for row in ladder.rows if isinstance(row, Absence)]
    assert (absence.label, absence.source, absence.destination) == ("port unreachable", 1, 0)
    assert not ladder.bars


def test_a_call_that_only_rings_runs_timer_c_from_its_last_ringing() -> None:
    events = [message(0, ALICE, PBX, "INVITE"), message(1, PBX, ALICE, 180, to_tag="b")]
    ladder = lay_out(events, [finding("no-final-response", (1,), hop=f"{ALICE}>{PBX}", at_s=181.0)])
    absence = ladder.rows[2]
    assert isinstance(absence, Absence)
    assert (absence.label, absence.source, absence.destination) == ("no final response", 1, 0)
    assert ladder.bars[0].text == "3 min 00 s = Timer C"


def test_a_proxy_that_passes_the_ringing_on_does_not_end_the_wait_for_the_final_response() -> None:
    events = [
        message(0, ALICE, PROXY, "INVITE"),
        message(0.01, PROXY, PBX, "INVITE", vias=2),
        message(1, PBX, PROXY, 180, vias=2, to_tag="b"),
        message(1.01, PROXY, ALICE, 180, to_tag="b"),
        message(200, PROXY, PBX, "CANCEL", vias=2, cseq="1 CANCEL"),
    ]
    ladder = lay_out(events, [finding("no-final-response", (2, 3), hop=f"{PROXY}>{PBX}", at_s=181.0)])
    assert ladder.bars[0].text == "3 min 00 s = Timer C"
    assert isinstance(ladder.rows[ladder.bars[0].last_row], Gap)  # it ran out in the long silence


def test_a_slow_set_up_is_a_bar_from_the_invite_to_the_ringing() -> None:
    events = [
        message(0, ALICE, PBX, "INVITE"),
        message(0.1, PBX, ALICE, 100),
        message(9.5, PBX, ALICE, 180, to_tag="b"),
    ]
    ladder = lay_out(events, [finding("slow-setup", (1,), severity=Severity.MINOR, at_s=9.5)])
    [bar] = ladder.bars
    assert (bar.text, bar.first_row, bar.last_row, bar.lane) == ("9.50 s post-dial delay", 0, 3, 0)


def test_a_finding_without_evidence_among_the_messages_has_a_pin_and_no_place() -> None:
    ladder = lay_out(good_call(), [finding("rejected", (99,), hop="nonsense")])
    assert [pin.code for pin in ladder.pins] == ["rejected"]
    assert not any(row.pins for row in arrows(ladder))


def test_a_hop_that_no_message_used_falls_back_to_the_way_of_the_evidence() -> None:
    events, _ = unanswered()
    ladder = lay_out(events, [finding("invite-unanswered", (1,), hop="10.9.9.9:5060>10.8.8.8:5060")])
    absence = ladder.rows[1]
    assert isinstance(absence, Absence)
    assert (absence.source, absence.destination) == (1, 0)


def test_thousands_of_messages_are_left_out_in_the_middle_with_their_count_and_the_evidence_stays() -> None:
    events = [message(turn * 0.5, ALICE, PBX, "INFO", cseq=f"{turn + 1} INFO", to_tag="b") for turn in range(5000)]
    ladder = lay_out(events, [finding("rejected", (2500,))], limits=Limits(rows=40))
    shown = [row.number for row in arrows(ladder)]
    left_out = [row for row in ladder.rows if isinstance(row, Elision)]
    assert len(ladder.rows) <= 45
    assert 2500 in shown
    assert shown[0] == 1
    assert shown[-1] == 5000
    assert sum(row.messages for row in left_out) + len(shown) == 5000 == ladder.messages
    assert left_out[0].first == shown[len([n for n in shown if n < 2000]) - 1] + 1


def test_an_excerpt_keeps_the_evidence_and_drops_lanes_that_nothing_touches() -> None:
    events, findings = lost_ack()
    small = excerpt(lay_out(events, findings, aliases=ALIASES), rows=3, finding=1)
    assert [row.label for row in arrows(small)] == ["INVITE (SDP)", "200 (SDP)", "BYE"]
    assert [pin.code for row in arrows(small) for pin in row.pins] == ["dropped-at-32s"]
    assert not any(isinstance(row, Absence) for row in small.rows)
    refused = [message(0, ALICE, PROXY, "INVITE"), message(0, PROXY, PBX, "INVITE", vias=2)]
    cut = excerpt(lay_out(refused, [finding("rejected", (2,))]), rows=1)
    assert names(cut) == [PROXY, PBX]
    assert arrows(cut)[0].source == 0


def test_an_excerpt_of_a_record_without_findings_is_its_start() -> None:
    small = excerpt(lay_out(registration(20)), rows=4)
    assert arrows(small)[0].number == 1
    assert sum(row.messages for row in small.rows if isinstance(row, Elision)) == 80 - len(arrows(small))


def test_an_excerpt_of_an_excerpt_still_counts_every_message() -> None:
    first = excerpt(lay_out(registration(20)), rows=10)
    second = excerpt(first, rows=3)
    hidden = sum(row.messages for row in second.rows if isinstance(row, Elision))
    assert hidden + len(arrows(second)) == 80


def test_nothing_at_all_is_an_empty_ladder() -> None:
    ladder = lay_out([])
    assert (ladder.lanes, ladder.rows, ladder.bars, ladder.messages) == ((), (), (), 0)
    assert excerpt(ladder) == ladder


_endpoints = st.sampled_from([ALICE, PROXY, PBX, "127.0.0.1:5060", "127.0.0.1:5070", "[::1]:5060"])
_messages = st.builds(
    message,
    st.floats(0, 100),
    _endpoints,
    _endpoints,
    st.one_of(st.sampled_from(["INVITE", "ACK", "BYE"]), st.sampled_from([100, 180, 200, 486])),
    vias=st.integers(1, 3),
    to_tag=st.sampled_from(["", "b"]),
    observer=st.sampled_from(["a/0", "b/0"]),
)
_findings = st.builds(
    finding,
    st.sampled_from(["missing-ack", "invite-unanswered", "no-final-response", "slow-setup", "rejected"]),
    st.lists(st.integers(0, 14), max_size=4),
    hop=st.sampled_from(["", f"{ALICE}>{PROXY}", f"{PROXY}>{PBX}", ">", "x:1>y:2"]),
    severity=st.sampled_from(Severity),
    state=st.sampled_from(FindingState),
    at_s=st.floats(-10, 500),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_messages, max_size=12), st.lists(_findings, max_size=4), st.integers(1, 8), st.integers(1, 6))
def test_any_record_has_a_ladder_in_which_every_message_counts_once(
    events: list[SipEvent],
    findings: list[Finding],
    rows: int,
    lanes: int,
) -> None:
    ladder = lay_out(events, findings, limits=Limits(rows=rows, lanes=lanes))
    for each in (ladder, excerpt(ladder, rows=2), excerpt(ladder, rows=2, finding=0)):
        counted = sum(len(row.numbers) for row in arrows(each))
        counted += sum(row.messages for row in each.rows if isinstance(row, Elision))
        assert counted == len(events)
        assert len(each.lanes) <= lanes + 1
        for row in each.rows:
            if isinstance(row, Arrow | Absence):
                assert 0 <= min(row.source, row.destination) <= max(row.source, row.destination) < len(each.lanes)
        for bar in each.bars:
            assert 0 <= bar.first_row <= bar.last_row < len(each.rows)
            assert 0 <= bar.lane < len(each.lanes)


def test_times_of_collectors_whose_clocks_differ_are_those_of_one() -> None:
    near = [request("INVITE", 0), response(200, 2)]
    far = [
        replace(event, observer="south/eth0", captured_us=event.captured_us + us(5) - us(0))
        for event in (*near, request("ACK", 2.2, "proxy>bob", to_tag="b"))
    ]
    ladder = lay_out([*near, *far])
    times = [round((row.at_us - ladder.first_us) / 1e6, 3) for row in ladder.rows if isinstance(row, Arrow)]
    assert times == [0, 2, 2.2]
    (clock,) = ladder.clocks
    assert clock_note(clock) == (
        "The clock of south is 5000.0 ms ahead of that of lab (± 0.0 ms, by 2 messages that both saw); "
        "its times are corrected here."
    )
    one = replace(clock, offset_us=-1500, doubt_us=None, messages=1)
    assert "1.5 ms behind that of lab (the time between them included, by 1 message that both saw)" in clock_note(one)
