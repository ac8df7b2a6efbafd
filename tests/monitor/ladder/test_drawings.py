"""SVG, text and mail: well formed, safe against what messages hold, within their bounds."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from monitor.core.updates import FindingState, Severity
from monitor.ladder import mail, svg, text
from monitor.ladder.elide import excerpt
from monitor.ladder.geometry import Geometry
from monitor.ladder.layout import Limits, lay_out
from monitor.ladder.values import Ladder
from monitor.ladder.words import absolute, clock, duration
from tests.monitor.ladder.samples import (
    ALIASES,
    ALICE,
    PBX,
    event,
    finding,
    good_call,
    lost_ack,
    message,
    registration,
    unanswered,
)

HOSTILE = "<script>alert(1)</script>\"'&\x1b[2J\x00\u202e\udc80"


def hostile() -> Ladder:
    raw = HOSTILE.encode("utf-8", "replace")
    bad = event(1, f"{HOSTILE}:5060", PBX, raw, transport=HOSTILE, observer=HOSTILE)
    status = event(2, PBX, f"{HOSTILE}:5060", b"SIP/2.0 486 " + raw + b"\r\nCSeq: 1 " + raw + b"\r\n\r\n")
    method = event(3, ALICE, PBX, raw + b" sip:x SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\n")
    named = finding(HOSTILE, (1, 2), hop=HOSTILE, cause=HOSTILE)
    return lay_out([bad, status, method], [named], aliases={ALICE: HOSTILE, PBX: HOSTILE})


def crowd(lanes: int) -> Ladder:
    events = [
        message(hop, f"10.0.0.{hop}:5060", f"10.0.0.{hop + 1}:5060", "INVITE", vias=hop) for hop in range(1, lanes)
    ]
    across = message(60, "10.0.0.1:5060", f"10.0.0.{lanes}:5060", "BYE", cseq="2 BYE", to_tag="b")
    return lay_out([*events, across])


SAMPLES = {
    "lost ack": lay_out(*lost_ack(), aliases=ALIASES),
    "unanswered": lay_out(*unanswered()),
    "good": lay_out(good_call(), aliases=ALIASES),
    "registration": lay_out(registration(3)),
    "to itself": lay_out([message(0, PBX, PBX, "OPTIONS"), message(1, ALICE, PBX, "OPTIONS")]),
    "two lanes": crowd(2),
    "twelve lanes": crowd(12),
    "elided": lay_out(registration(200), limits=Limits(rows=20)),
    "hostile": hostile(),
    "empty": lay_out([]),
    "findings of all kinds": lay_out(
        good_call(),
        [finding(f"code-{severity}-{state}", (5,), severity=severity, state=state)
         for severity in Severity for state in FindingState],
    ),
}  # fmt: skip
each_sample = pytest.mark.parametrize("ladder", SAMPLES.values(), ids=SAMPLES.keys())


@each_sample
def test_svg_is_well_formed_and_holds_no_script_no_style_and_no_event_handler(ladder: Ladder) -> None:
    for picture in (svg.draw(ladder), *svg.draw_parts(ladder), svg.draw_mini(excerpt(ladder))):
        root = ET.fromstring(picture)
        tags = {element.tag for element in root.iter()}
        assert tags <= {"svg", "g", "title", "rect", "text", "tspan", "path", "circle"}
        attributes = {name for element in root.iter() for name in element.attrib}
        assert not {name for name in attributes if name.startswith("on") or name in ("style", "href", "fill", "stroke")}


def test_every_row_is_a_focusable_button_that_names_its_message_and_all_its_times() -> None:
    root = ET.fromstring(svg.draw(SAMPLES["lost ack"]))
    rows = [element for element in root.iter("g") if "row" in element.get("class", "").split()]
    assert [row.get("data-number") for row in rows] == ["1", "2", "3", "4", "5", "6", "7", "8", "39", "40"]
    assert {row.get("tabindex") for row in rows} == {"0"}
    assert {row.get("role") for row in rows} == {"button"}
    answer = rows[5]
    assert answer.get("data-numbers", "").split() == [str(number) for number in range(6, 39, 3)]
    assert answer.get("data-findings") == "0 1"
    assert "sent 11 times in 31.5 s" in answer.get("aria-label", "")
    time = next(element for element in answer.iter("text") if element.get("class") == "time")
    assert (time.get("data-relative"), time.get("data-delta")) == ("2.000", "+1.597")
    assert time.get("data-absolute") == "11:06:42.000"


def test_a_mini_ladder_is_one_image_without_focus_stops() -> None:
    root = ET.fromstring(svg.draw_mini(excerpt(SAMPLES["lost ack"])))
    assert root.get("role") == "img"
    assert not [element for element in root.iter() if element.get("tabindex")]
    title = root.findtext("title") or ""
    assert "pbx-3 to proxy-1: 200 (SDP) ×11" in title
    assert "ACK never came" in title


def test_head_and_body_of_a_ladder_are_equally_wide() -> None:
    head, body = (ET.fromstring(part) for part in svg.draw_parts(SAMPLES["lost ack"]))
    assert head.get("width") == body.get("width")


def test_hosts_without_a_lane_of_their_own_are_named_as_such() -> None:
    events = [message(n, ALICE, f"10.0.0.{n + 1}:5060", "OPTIONS", cseq=f"{n} OPTIONS") for n in range(9)]
    head, _ = svg.draw_parts(lay_out(events, limits=Limits(lanes=3)))
    assert "7 more addresses share this lane" in head
    assert "7 more" in text.write(lay_out(events, limits=Limits(lanes=3)))


def test_hover_tells_how_many_observers_saw_a_message() -> None:
    events = [message(0, ALICE, PBX, "OPTIONS", observer=observer) for observer in ("a/0", "b/0")]
    assert "seen by 2 observers" in svg.draw(lay_out(events))


class _Tags(HTMLParser):
    VOID = frozenset({"br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.columns: list[int] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "tr":
            self.columns.append(0)
        if tag == "td":
            self.columns[-1] += int(dict(attrs).get("colspan") or 1)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@each_sample
def test_mail_is_a_plain_table_whose_rows_are_equally_wide(ladder: Ladder) -> None:
    tags = _Tags()
    tags.feed(mail.write_html(ladder))
    assert tags.open == []
    assert tags.seen <= {"table", "tr", "td", "b", "i", "br", "span"}
    assert set(tags.columns) == {2 * len(ladder.lanes) + 1}


def test_a_long_reason_is_cut_before_four_lanes_leave_the_page() -> None:
    hops = [("10.0.0.1:5060", PBX), (PBX, "10.0.0.8:5060"), ("10.0.0.8:5060", "10.0.0.9:5060")]
    events = [message(n, *hop, "INVITE", vias=n + 1) for n, hop in enumerate(hops)]
    challenge = message(4, PBX, "10.0.0.1:5060", 407)
    whole, four = Geometry(lay_out([events[0], challenge])), Geometry(lay_out([*events, challenge]))
    assert whole.pitch > four.pitch
    assert four.width <= 740
    assert "407" in svg.draw(lay_out([*events, challenge]))


def test_a_pin_says_how_a_finding_stands_unless_it_is_confirmed() -> None:
    assert ">confirmed<" not in svg.draw(SAMPLES["lost ack"])
    suspected = lay_out(lost_ack()[0], [finding("missing-ack", (3,), state=FindingState.SUSPECTED)])
    assert ">suspected<" in svg.draw(suspected)


@each_sample
@pytest.mark.parametrize("width", [40, 60, 80, 100, 160])
def test_text_stays_within_its_width_and_holds_no_control_character(ladder: Ladder, width: int) -> None:
    for ascii_only in (False, True):
        written = text.write(ladder, width=width, ascii_only=ascii_only)
        assert all(len(line) <= width and line == line.rstrip() for line in written.split("\n"))
        assert all(character.isprintable() or character == "\n" for character in written)
        assert not ascii_only or written.isascii()


@pytest.mark.parametrize(
    ("us", "words"),
    [(0, "0 ms"), (12_345, "12.3 ms"), (250_000, "250 ms"), (3_500_000, "3.50 s"), (32_000_000, "32.0 s"),
     (125_000_000, "2 min 05 s"), (3_720_000_000, "1 h 02 min"), (-5, "0 ms")],
)  # fmt: skip
def test_durations_are_told_as_people_do(us: int, words: str) -> None:
    assert duration(us) == words


def test_times_beyond_the_calendar_are_plain_seconds() -> None:
    assert absolute(1_795_000_000_123_456) == "2026-11-18 11:06:40.123456 UTC"
    assert clock(1_795_000_000_123_456) == "11:06:40.123456"
    assert absolute(10**18) == clock(10**18) == "1000000000000.000000 s since 1970"


def test_text_puts_lanes_side_by_side_where_they_fit() -> None:
    written = text.write(SAMPLES["lost ack"], width=120)
    assert re.search(r"2\.000 +│ +│◄─+ 200 \(SDP\) ×11 ─+│ +▲ missing-ack confirmed, 32\.0 s = 64·T1", written)
    assert re.search(r"│ +│╌* ?ACK never came ╌*✗│", written)
    assert re.search(r"┊ +32\.0 s later +┊", written)


def test_text_names_both_ends_of_each_message_where_lanes_do_not_fit() -> None:
    written = text.write(SAMPLES["lost ack"], width=60)
    assert "pbx-3          ► proxy-1         200 (SDP) ×11 OK" in written
    assert "proxy-1        ✗ pbx-3           ACK never came" in written
