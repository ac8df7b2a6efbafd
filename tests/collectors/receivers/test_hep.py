"""HEP over real sockets: who may send, what is counted, and that what one sender sends stays in order."""

import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from collectors.decode.datagram import Datagram
from collectors.decode.hep import decode
from collectors.processors.filter import network
from collectors.receivers import hep_sockets
from collectors.receivers.base import ReceiverError
from collectors.receivers.hep import HepReceiver, Keys
from collectors.receivers.hep_sockets import StreamReader, open_all
from collectors.receivers.inbox import Inbox
from collectors.receivers.listen import AllowList, Place, place
from tests.support.hep import chunk, ends, hep3, told
from tests.support.packets import SIP
from tests.support.processes import wait_for

UDP, TCP, TLS = (f"{transport}:127.0.0.1:0" for transport in ("udp", "tcp", "tls"))
Listen = Callable[..., HepReceiver]


@pytest.fixture
def listen() -> Iterator[Listen]:
    """Makes receivers that listen, and stops them."""
    with ExitStack() as stack:

        def listening(*places: str, **options: Any) -> HepReceiver:
            receiver = HepReceiver("edge", tuple(map(place, places)), **options)
            stack.callback(receiver.stop)
            receiver.start()
            return receiver

        yield listening


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file with a key and a certificate for 127.0.0.1, both in PEM."""
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=edge", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    subprocess.run(
        [*command, "-keyout", "key.pem", "-out", "cert.pem"], cwd=folder, check=True, stderr=subprocess.DEVNULL
    )
    both = folder / "both.pem"
    both.write_text((folder / "cert.pem").read_text() + (folder / "key.pem").read_text())
    return str(both)


def now_us() -> int:
    return time.time_ns() // 1000


def message(number: int, agent: int = 2001, *extra: bytes) -> bytes:
    return told(SIP.replace(b"table@", b"%d-%d@" % (agent, number)), now_us(), *extra, agent=agent)


def numbers(found: list[Datagram], agent: int = 2001) -> list[int]:
    """Which of the messages of an agent these are."""
    marker = b"Call-ID: %d-" % agent
    return [int(each.payload.partition(marker)[2].partition(b"@")[0]) for each in found if marker in each.payload]


def heard(receiver: HepReceiver, count: int, found: list[Datagram] | None = None) -> list[Datagram]:
    """So many datagrams, and what came with them."""
    found = [] if found is None else found

    def enough() -> bool:
        found.extend(receiver.read(0.02))
        return len(found) >= count

    wait_for(enough, 10, what=f"{count} datagrams")
    return found


def port(receiver: HepReceiver, transport: str) -> int:
    return next(each.port for each in receiver.places if each.transport == transport)


def send_udp(receiver: HepReceiver, *frames: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for frame in frames:
            sender.sendto(frame, ("127.0.0.1", port(receiver, "udp")))


def connect(receiver: HepReceiver, transport: str = "tcp") -> socket.socket:
    return socket.create_connection(("127.0.0.1", port(receiver, transport)), timeout=5)


def counted(receiver: HepReceiver, name: str, count: int) -> None:
    def as_many() -> bool:
        receiver.read(0.01)
        return receiver.counters().get(name, 0) >= count

    wait_for(as_many, 5, what=f"{count} {name}")
    assert receiver.counters()[name] == count


def test_udp_is_heard_in_order_with_the_times_of_the_agent(listen: Listen) -> None:
    receiver = listen(UDP)
    frames = [message(number) for number in range(100)]
    send_udp(receiver, *frames)
    found = heard(receiver, 100)
    assert numbers(found) == list(range(100))
    assert [each.captured_us for each in found] == [
        frame.captured_us for frame in map(decode, frames) if not isinstance(frame, str)
    ]
    assert {each.observer for each in found} == {"edge/hep:2001"}
    counters = {name: count for name, count in receiver.counters().items() if count}
    assert counters == {"received": 100, "hep_frames": 100}
    assert receiver.interfaces == [f"udp:127.0.0.1:{port(receiver, 'udp')}", "hep:2001"]
    assert receiver.losses(now_us()) == []
    assert receiver.low_water_us(now_us()) <= now_us() - 500_000


def test_frames_that_follow_each_other_on_a_connection_are_heard_whole_and_in_order(listen: Listen) -> None:
    receiver = listen(TCP)
    with connect(receiver) as one, connect(receiver) as two:
        first = b"".join(message(number, 1) for number in range(200))
        second = b"".join(message(number, 2) for number in range(200))
        for begin in range(0, len(first), 1000):
            one.sendall(first[begin : begin + 1000])
            two.sendall(second[begin : begin + 1000])
        two.sendall(second[len(first) :])
        found = heard(receiver, 400)
    assert numbers(found, 1) == numbers(found, 2) == list(range(200))
    assert receiver.counters()["hep_connections"] == 2


def test_garbage_on_a_connection_is_passed_over_and_counted(listen: Listen) -> None:
    receiver = listen(TCP)
    with connect(receiver) as agent:
        agent.sendall(b"GET / HTTP/1.0\r\n\r\n" + message(1))
        assert numbers(heard(receiver, 1)) == [1]
    counted(receiver, "hep_garbage", 18)


def test_a_frame_of_which_the_rest_does_not_come_is_counted(listen: Listen) -> None:
    receiver = listen(TCP)
    with connect(receiver) as agent:
        agent.sendall(message(1) + message(2)[:100])
    counted(receiver, "hep_garbage", 100)
    assert receiver.counters()["received"] == 1


def test_tls_is_heard(listen: Listen, certificate: str) -> None:
    receiver = listen(TLS, certificate=certificate)
    context = ssl.create_default_context(cafile=certificate)
    with context.wrap_socket(connect(receiver, "tls"), server_hostname="127.0.0.1") as agent:
        agent.sendall(b"".join(message(number) for number in range(300)))
        assert numbers(heard(receiver, 300)) == list(range(300))
        assert agent.version() == "TLSv1.3"


def test_who_speaks_no_tls_or_says_nothing_is_sent_away(
    listen: Listen, certificate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hep_sockets, "_HANDSHAKE_S", 0.3)
    receiver = listen(TLS, certificate=certificate)
    with connect(receiver, "tls") as loud, connect(receiver, "tls") as silent:
        loud.sendall(message(1) * 10)
        counted(receiver, "hep_tls_failed", 2)
        assert silent.recv(1) == b""
    assert heard(receiver, 0) == []


def test_a_certificate_that_can_not_be_used_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "none.pem", tmp_path / "empty.pem"):
        (tmp_path / "empty.pem").touch()
        with pytest.raises(ReceiverError, match="pem can't be used"):
            HepReceiver("edge", (place(TLS),), certificate=str(path)).start()


def test_a_place_that_is_taken_is_told_and_no_other_is_left_open(listen: Listen) -> None:
    taken = listen(TCP)
    both = (place(UDP), taken.places[0])
    with pytest.raises(ReceiverError, match=r"tcp:127.0.0.1:\d+ can't be listened on: Address already in use"):
        HepReceiver("edge", both).start()
    with pytest.raises(ReceiverError, match="can't be listened on"):
        HepReceiver("edge", (Place("udp", "192.0.2.1", 9060),)).start()


def test_only_those_are_heard_who_know_the_key_of_their_agent(listen: Listen) -> None:
    receiver = listen(UDP, keys={"": "common", "7": "seven", "sbc": "own"})
    keys = [
        (2001, b"", b"common"),
        (7, b"", b"seven"),
        (8, b"sbc", b"own"),
        (2001, b"", b"wrong"),
        (2001, b"", b""),
        (7, b"", b"common"),
        (8, b"sbc", b"common"),
    ]
    for number, (agent, name, key) in enumerate(keys):
        extra = [chunk(kind, body) for kind, body in ((0x13, name), (0x0E, key)) if body]
        send_udp(receiver, message(number, agent, *extra))
    found = heard(receiver, 3)
    assert (numbers(found, 2001), numbers(found, 7), numbers(found, 8)) == ([0], [1], [2])
    counted(receiver, "hep_refused_key", 4)


def test_an_agent_without_a_key_of_its_own_is_not_heard_where_there_is_none_for_all() -> None:
    keys = Keys({"7": "seven"})
    frame = decode(told(SIP, 1, chunk(0x0E, b"seven"), agent=8))
    assert not isinstance(frame, str)
    assert not keys.admit(frame)
    assert Keys({}).admit(frame)


@pytest.mark.parametrize(("allowed", "heard_of"), [("127.0.0.0/8", True), ("192.0.2.0/24", False), ("::1", False)])
def test_only_those_are_heard_whose_address_is_allowed(listen: Listen, *, allowed: str, heard_of: bool) -> None:
    receiver = listen(UDP, TCP, allowed=(network(allowed),))
    send_udp(receiver, message(1))
    with connect(receiver) as agent:
        agent.sendall(message(2))
        if heard_of:
            assert sorted(numbers(heard(receiver, 2))) == [1, 2]
        else:
            counted(receiver, "hep_refused_address", 2)


@pytest.mark.parametrize(
    ("address", "network_text", "admitted"),
    [
        ("::ffff:192.0.2.7", "192.0.2.0/24", True),
        ("fe80::1%eth0", "fe80::/10", True),
        ("2001:db8::1", "192.0.2.0/24", False),
    ],
)
def test_an_address_is_allowed_however_it_is_written(*, address: str, network_text: str, admitted: bool) -> None:
    assert AllowList((network(network_text),)).admits(address) is admitted


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("udp:0.0.0.0:9060", "udp:0.0.0.0:9060"),
        ("tls:[2001:DB8::1]:1", "tls:[2001:db8::1]:1"),
        ("tcp:::1:9", "tcp:[::1]:9"),
    ],
)
def test_a_place_is_a_transport_an_address_and_a_port(text: str, shown: str) -> None:
    assert str(place(text)) == shown


@pytest.mark.parametrize(
    "text", ["9060", "udp:9060", "http:127.0.0.1:80", "udp:127.0.0.1:", "udp:127.0.0.1:70000", "udp:host:1"]
)
def test_anything_else_is_no_place(text: str) -> None:
    with pytest.raises(ValueError, match=r"like udp:0\.0\.0\.0:9060"):
        place(text)


def test_what_finds_no_room_is_counted_where_it_comes_by_udp_and_waits_where_it_does_not(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collectors.receivers.hep.Inbox", lambda: Inbox(most_frames=50))
    receiver = listen(UDP, TCP)
    before_us = now_us()
    send_udp(receiver, *(message(number) for number in range(200)))
    wait_for(lambda: receiver.counters()["dropped_hep"] == 150, 5, what="what has no room is dropped")
    with connect(receiver) as agent:
        agent.settimeout(None)
        agent.sendall(b"".join(message(number, 3) for number in range(300)))
        found = heard(receiver, 350)
    assert numbers(found) == list(range(50))
    assert numbers(found, 3) == list(range(300))
    (loss,) = receiver.losses(now_us())
    assert (loss.observer, loss.reason, loss.count) == ("edge/*", "queue", 150)
    assert before_us <= loss.from_us <= loss.to_us <= now_us()
    assert receiver.counters()["dropped_hep"] == 150


def test_what_the_kernel_has_no_room_for_is_counted(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hep_sockets, "_BUFFER", 4096)
    monkeypatch.setattr(hep_sockets.DatagramReader, "start", lambda _self: None)  # not yet
    receiver = HepReceiver("edge", (place(UDP),))
    receiver.start()
    reader = receiver._threads[0]
    assert isinstance(reader, hep_sockets.DatagramReader)
    send_udp(receiver, *(message(number) for number in range(100)))
    reader._turn()
    send_udp(receiver, message(100))
    reader._turn()
    kept, drops = len(heard(receiver, 1)), receiver.counters()["kernel_drops"]
    assert (drops > 50, kept + drops) == (True, 101)
    (loss,) = receiver.losses(now_us())
    assert (loss.reason, loss.count) == ("kernel", drops)
    receiver._threads.clear()
    reader.stop()
    reader.run()


def test_of_too_many_connections_the_longest_silent_goes(listen: Listen) -> None:
    inbox = Inbox()
    (opened,) = open_all([place(TCP)])
    reader = StreamReader([opened], inbox, AllowList(()), None, most_connections=2)
    reader.start()
    address = opened[1].getsockname()
    with ExitStack() as stack:
        agents = [stack.enter_context(socket.create_connection(address, timeout=5)) for _ in range(2)]
        wait_for(lambda: reader.connections == 2, what="both are accepted")
        agents[0].sendall(message(1))
        wait_for(lambda: inbox.take(0.1, 9), what="the first is heard")
        stack.enter_context(socket.create_connection(address, timeout=5)).sendall(message(2))
        wait_for(lambda: inbox.take(0.1, 9), what="the third is heard")
        assert agents[1].recv(1) == b""
        assert reader.counters["hep_connections_evicted"] == 1
    wait_for(lambda: reader.connections == 0, what="they are gone")
    reader.stop()
    reader.join()


def test_what_has_come_on_a_connection_is_heard_before_that_goes_for_another() -> None:
    inbox = Inbox()
    (opened,) = open_all([place(TCP)])
    reader = StreamReader([opened], inbox, AllowList(()), None, most_connections=1)
    address = opened[1].getsockname()
    with socket.create_connection(address, timeout=5) as one:
        reader._turn()
        with socket.create_connection(address, timeout=5):  # waits when the turn comes, and was there first
            one.sendall(message(1))
            reader._turn()
            assert len(inbox.take(0, 9)) == reader.counters["hep_connections_evicted"] == 1
            assert one.recv(1) == b""
    reader.stop()
    reader.run()
    assert reader.failure == ""


def test_a_defect_in_a_thread_is_told(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    receiver = listen(UDP)

    def fail(*_arguments: object, **_options: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(Inbox, "put", fail)
    send_udp(receiver, message(1))
    with pytest.raises(ReceiverError, match="a bug"):
        heard(receiver, 1)


def test_an_agent_that_tells_late_holds_the_low_water_back_and_no_more_than_its_clock_is_believed(
    listen: Listen,
) -> None:
    receiver = listen(UDP)
    send_udp(receiver, told(SIP, now_us() - 1_500_000))
    heard(receiver, 1)
    now = now_us()
    assert 3_000_000 <= now - receiver.low_water_us(now) < 4_000_000
    send_udp(receiver, told(SIP, now_us() - 4_500_000), told(SIP, now_us() - 60_000_000), hep3(*ends()))
    heard(receiver, 2)
    now = now_us()
    assert receiver.low_water_us(now) >= now - 5_000_000
    assert [loss.reason for loss in receiver.losses(now_us())] == ["clock"]
