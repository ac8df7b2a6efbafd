"""Media statistics in BYE, each as its vendor writes it."""

import pytest

from collectors.sip.reading import Reading
from collectors.sip.statistics import Statistics, read_statistics, statistics_of


def figures(found: Statistics) -> tuple[float | None, ...]:
    return found.sent, found.received, found.lost, found.jitter_ms, found.latency_ms, found.duration_s


RX = (None, 1302, 2, 0.5, None, 26)


@pytest.mark.parametrize(
    ("header", "value", "read"),
    [
        ("x-rtp-stat", "PS=207;OS=49680;;PR=314;OR=50240;PL=0;JI=600;LA=40;", (207, 314, 0, 600, 40, None)),
        ("p-rtp-stat", "PS=523,OS=16736,PR=412,OR=12159,PL=3", (523, 412, 3, None, None, None)),
        ("p-rtp-stat", "PS=0, PR=1, PL=0, JI=2, DU=12", (0, 1, 0, 2, None, 12)),
        ("x-rtp-stat", "CS=0;PS=523;PL=7,1;JI=6,1;EN=PCMA;QS=-;DL=12.5", (523, None, 7, 6, 12.5, None)),
        ("rtp-rxstat", 'Dur=26,Pkt=1302,LostPkt=2,AvgJit=0.5,VQMetrics="MLQK=4.5;CCR=0"', RX),
        ("rtp-txstat", "Dur=26,Pkt=1310,Oct=209600", (1310, None, None, None, None, 26)),
    ],
)  # fmt: skip
def test_statistics_are_numbers(header: str, value: str, read: tuple[float | None, ...]) -> None:
    assert figures(read_statistics(header, value)) == read


def test_a_list_within_quotation_marks_stands_beside_the_others() -> None:
    found = read_statistics("rtp-rxstat", 'Pkt=1,VQMetrics="MLQK=4.5000;CCR=0.0,ICR=x"')
    assert (found.values, found.words) == ({"PKT": 1, "MLQK": 4.5, "CCR": 0}, {"ICR": "x"})


def test_what_is_no_number_is_kept_as_a_word_and_what_is_nothing_is_left_out() -> None:
    found = read_statistics("x-rtp-stat", "EN=PCMA;SB=-/-;XX;N=-1.5;M=1-2;B=" + "9" * 400 + ";U=²;EN=G729")
    assert found.values == {"N": -1.5}
    assert found.words == {"EN": "PCMA", "SB": "-/-", "M": "1-2", "B": "9" * 400, "U": "²"}


def test_all_headers_of_a_bye_are_read() -> None:
    reading = Reading(b"BYE sip:b SIP/2.0\r\nX-RTP-Stat: PS=1\r\nX-RTP-Stat-Add: DQ=2\r\nRTP-TxStat: Pkt=3\r\n\r\n")
    assert [(each.header, each.values) for each in statistics_of(reading)] == [
        ("x-rtp-stat", {"PS": 1}), ("x-rtp-stat-add", {"DQ": 2}), ("rtp-txstat", {"PKT": 3}),
    ]  # fmt: skip
