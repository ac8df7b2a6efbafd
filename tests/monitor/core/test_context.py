"""What correlators share: who was heard since when, and where nothing was seen."""

from collectors.wire.events import Loss
from monitor.core.context import BlindSpots, Heard, Peers


def test_a_peer_is_heard_from_its_first_message_on_whatever_the_order_of_their_arrival() -> None:
    peers = Peers()
    peers.hear("10.0.0.1", 200)
    assert not peers.heard("10.0.0.1", 199)
    assert peers.heard("10.0.0.1", 200)
    peers.hear("10.0.0.1", 100)
    peers.hear("10.0.0.1", 300)
    assert peers.heard("10.0.0.1", 100)
    assert not peers.heard("10.0.0.2", 300)


def test_a_peer_answers_from_its_first_response_on() -> None:
    peers = Peers()
    peers.hear("10.0.0.1", 100)
    assert not peers.answers("10.0.0.1", 900)
    peers.hear("10.0.0.1", 300, 200)
    peers.hear("10.0.0.1", 400, 180)
    assert [peers.answers("10.0.0.1", at_us) for at_us in (299, 300)] == [False, True]
    peers.hear("10.0.0.1", 200, 100)
    assert peers.answers("10.0.0.1", 200)
    assert peers.heard("10.0.0.1", 100)
    assert not peers.answers("10.0.0.2", 300)
    assert peers.fresh() == {"10.0.0.1": (100, 200)}
    again = Peers()
    again.learn("10.0.0.1", Heard(100, 200))
    assert again.answers("10.0.0.1", 200)


def test_what_was_learned_stays_fresh_until_it_is_stored() -> None:
    peers = Peers()
    peers.hear("10.0.0.1", 200)
    stored = peers.fresh()
    peers.hear("10.0.0.1", 100)
    peers.hear("10.0.0.2", 300)
    peers.settled(stored)
    assert peers.fresh() == {"10.0.0.1": (100, 0), "10.0.0.2": (300, 0)}
    peers.settled(peers.fresh())
    assert peers.fresh() == {}


def test_of_too_many_peers_the_one_known_longest_is_forgotten() -> None:
    peers = Peers()
    for number in range(100_001):
        peers.hear(str(number), 1)
    assert not peers.heard("0", 1)
    assert peers.heard("1", 1)
    assert "0" not in peers.fresh()


def test_losses_of_one_observer_that_touch_become_one() -> None:
    blind = BlindSpots()
    for begin, end in ((10, 20), (40, 50), (21, 30), (25, 41), (60, 70)):
        blind.add(Loss("lab/eth0", begin, end, "kernel", 1))
    assert blind.covers(("lab/eth0",), 31, 31)
    assert not blind.covers(("lab/eth0",), 51, 59)
    assert not blind.covers(("lab/eth1",), 31, 31)


def test_a_loss_of_the_whole_collector_blinds_all_its_observers() -> None:
    blind = BlindSpots()
    assert not blind.covers(("lab/eth0",), 0, 100)
    blind.add(Loss("lab/*", 10, 20, "silent", 0))
    assert blind.covers(("lab/eth0",), 20, 30)
    assert not blind.covers(("other/eth0",), 20, 30)


def test_of_too_many_losses_the_oldest_is_forgotten() -> None:
    blind = BlindSpots()
    for number in range(1_001):
        blind.add(Loss("lab/eth0", 10 * number, 10 * number + 5, "kernel", 1))
    assert not blind.covers(("lab/eth0",), 0, 5)
    assert blind.covers(("lab/eth0",), 10, 15)
