"""Scenarios on real sockets."""

import socket
import time

import pytest

from collectors.play import LOOPBACK, PlayError, Wire
from collectors.scenario import library
from collectors.scenario.message import Endpoint
from collectors.scenario.stage import Sent
from tests.support.processes import free_port


def test_the_loopback_cast_stays_on_this_machine() -> None:
    messages = library.play("proxy-drops-ack", "", LOOPBACK).play()
    assert {sent.source.address for sent in messages} == {"127.0.0.11", "127.0.0.12", "127.0.0.13"}


def test_messages_go_out_from_their_sources_when_they_are_due() -> None:
    source, target = (Endpoint("127.0.0.1", free_port(socket.SOCK_DGRAM)) for _ in range(2))
    messages = [Sent(at, at, source, target, "udp", b"%d" % at) for at in (0, 200_000, 400_000)]
    with Wire() as wire:
        began = time.monotonic()
        assert wire.play(iter(messages), speed=2) == 3
        assert 0.2 <= time.monotonic() - began < 1
        assert wire.heard(target) == [(sent.raw, source) for sent in messages]
        assert wire.heard(source) == []


def test_an_address_that_is_not_ours_is_refused_before_anything_is_sent() -> None:
    messages = library.play("good").play()
    with Wire() as wire, pytest.raises(PlayError, match=r"192\.0\.2\.10:5060 can't be used here"):
        wire.play(messages)
