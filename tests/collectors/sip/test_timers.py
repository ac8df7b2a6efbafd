"""The timers of RFC 3261 as values."""

from collectors.sip.timers import SECOND, TIMERS, Timers


def test_the_timeout_is_64_times_t1() -> None:
    assert TIMERS.timeout_us == 32 * SECOND
    assert Timers(t1_us=2 * SECOND).timeout_us == 128 * SECOND  # 3GPP TS 24.229, radio side
