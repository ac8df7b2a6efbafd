"""Datagrams: values that are compared and shown by their fields."""

from collectors.decode.datagram import Datagram

ONE = Datagram(7, "192.0.2.1", 5062, "192.0.2.2", 5060, "udp", "edge/eth0", b"OPTIONS")


def test_datagrams_are_the_same_whose_fields_are() -> None:
    assert Datagram(7, "192.0.2.1", 5062, "192.0.2.2", 5060, "udp", "edge/eth0", b"OPTIONS") == ONE
    assert ONE.at(8) != ONE
    assert ONE != "OPTIONS"


def test_a_datagram_is_the_same_but_for_what_is_said() -> None:
    assert (ONE.at(8).captured_us, ONE.at(8).at(7)) == (8, ONE)
    assert (ONE.seen_by("edge/eth1").observer, ONE.seen_by("edge/eth1").seen_by("edge/eth0")) == ("edge/eth1", ONE)
    cut = ONE.carrying(b"OPT", 4)
    assert (cut.payload, cut.cut, cut.carrying(b"OPTIONS")) == (b"OPT", 4, ONE)


def test_a_datagram_shows_its_fields() -> None:
    assert repr(ONE).startswith("Datagram(7, '192.0.2.1', 5062,")
