"""What other versions send and have stored: understood, or kept aside and told of, and never in the way of the rest."""

import logging
import time
from base64 import b85decode

import msgspec
import pytest
import zstandard
from msgspec.structs import replace

from collectors.scenario.library import play
from collectors.sip.timers import SECOND
from collectors.wire.events import SCHEMA, SipEvent
from monitor import packing
from monitor.ingest.stream import Streams
from monitor.ingest.worker import Worker
from monitor.models import Call, DeadLetter, LossRange, MessageChunk
from tests.monitor.ingest.bench import expire_leases
from tests.monitor.ingest.edge import Edge
from tests.support.valkey import Valkey

pytestmark = pytest.mark.django_db(transaction=True)

# As the first version wrote them: one OPTIONS in a batch, in a chunk, and what was told of it in the commit log.
BATCH_1 = b85decode(
    b"D77#BV0{3M2mmAwm;t0^WM^fjVsCGBEinK9k=y_l&j1ETNJbz)0A#5#IWjIVE;24L%@f2q%@f3<b!2d<Wn^b%FJ*LSFvQzWP*h1z"
    b"PE#OrX>dAlVt7CxQ%O)SGA=L;3RY=hIxkg3P#`fnH83_XJ7RKSZewUYdO2uEG-69J4GK+Rcr8Y6a(7{JWOF(oH!uwfMsja$Iv_lA"
    b"X>dAWF+MwVVP`!t4GL6mJ`D;(VQg$INklpzZ!rxDLsMmOIv_D14GKeVZggdCbS+F}ZfA68Iv_9&3JnUNrvR+4p)s+b0jL3>z>p9C"
    b"T0_KF0t4(k3G1#9IBsYjK$APIn-<IgKyxxP6nGTTViLut$^)~gNE9a"
)
CHUNK_1 = b85decode(
    b"D77#BVF7CZ?E?T*0!AP}07f7{WU0*)#HlZ3bZ9Wd+i+rdId7)`tgoRlv7iB{0iYoKp}}PG$KU`qHC%jSs#d}~W#I3S>T^bc0Rz%)"
    b"?EK!ex@`eXeSKv^KHl6P&lEmeDv%Q{3rv=i^7zvTqm>h#%jI3!$ApTwAYhJrf?X-~aqJ8y"
)
COMMIT_1 = b85decode(
    b"D77#BVF7IbMF{{@50n5PKmd`3q;z?3WvxbOZe(e0XHsElb7f?sYh`(bq-$wzWTazZY;31vVQg$)X=I{fF|A~2b7OL8ZE0>{bZ>H?"
    b"qhw)u&H*({Bdcj{V_|Y`0i|JdUv+cO00w0jD5t_er)G+zV{c?-t8Hm>b7^j8En#D8r*m~;YGq?|qGU0sb7gjAa%psVsAF<zbZKK@"
    b"Y^8H_VRU7wb9HlYWn*+@WTR+raJw-uE-)@IE<Q4-ZDn(FVP|D?lK}z)rL-V#W+0|=Wo>0-d9|l@VRC6<ZgiliW^!+BUv+Y6wQOl)"
    b"Wk9BMZ(ntCX|r=_a5`ddVvrB~&PhZJ-$9c3#=sb;Q4f7MXh{E(YVT0UaKVSMQ;__B_TKwG!Th6hM_@H(+fzF"
)


@pytest.fixture
def edge(valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> Edge:
    monkeypatch.setattr("monitor.ingest.worker.BLOCK_MS", 5)
    return Edge(valkey.client())


def work(valkey: Valkey) -> None:
    """A new worker takes the partition, and all that waits."""
    streams = Streams(valkey.url)
    worker = Worker(streams, streams, 1)
    expire_leases()
    while worker.cycle():
        pass
    streams.close()


def packed(value: object) -> bytes:
    return zstandard.compress(msgspec.msgpack.encode(value))


def recent(name: str, ago_s: int = 5) -> list[SipEvent]:
    events = play("good", name).events()
    shift = time.time_ns() // 1000 - ago_s * SECOND - events[-1].captured_us
    return [replace(event, captured_us=event.captured_us + shift) for event in events]


def test_what_the_first_version_wrote_is_read_for_ever(valkey: Valkey, edge: Edge) -> None:
    (stored,) = packing.messages(CHUNK_1)
    assert (stored.method, stored.raw[:15]) == ("OPTIONS", b"OPTIONS sip:pbx")
    committed = packing.committed(COMMIT_1)
    assert [type(update).__name__ for update in committed.updates] == ["FindingRaised"]
    edge.add(edge.batch(0, []), data=BATCH_1)
    work(valkey)
    assert not DeadLetter.objects.exists()
    assert MessageChunk.objects.get().count == 1


def test_what_a_newer_collector_says_is_kept_aside_and_told_and_nothing_is_claimed_of_it(
    valkey: Valkey, edge: Edge
) -> None:
    call = recent("a")
    edge.send(call[:2])
    edge.add(edge.batch(0, []), data=packed([SCHEMA + 1, edge.name, edge.boot, 0, 1, {"events": "otherwise"}]))
    edge.send(call[2:])
    work(valkey)
    letter = DeadLetter.objects.get()
    assert letter.reason == f"schema {SCHEMA + 1} is newer than {SCHEMA}: upgrade the server before its collectors"
    assert Call.objects.get().messages == len(call)
    assert list(LossRange.objects.values_list("reason", "count")) == [("gap", 1)]


def test_a_record_that_can_not_be_read_is_left_out_and_the_others_go_on(
    valkey: Valkey, edge: Edge, caplog: pytest.LogCaptureFixture
) -> None:
    broken, whole = recent("a"), recent("b")
    edge.send(broken[:3] + whole[:3])
    work(valkey)
    dictionary = zstandard.train_dictionary(1024, [b"%d words, again and again" % n for n in range(999)], dict_id=77)
    unknown = zstandard.ZstdCompressor(dict_data=zstandard.ZstdCompressionDict(dictionary.as_bytes())).compress(b"x")
    row = Call.objects.get(call_id=broken[0].call_id)
    MessageChunk.objects.filter(key=row.key).update(messages=unknown)
    edge.send(broken[3:] + whole[3:])
    with caplog.at_level(logging.ERROR):
        work(valkey)
    assert "is left out of memory: it needs dictionary sip-77" in caplog.text
    assert not DeadLetter.objects.exists()
    assert Call.objects.get(call_id=whole[0].call_id).messages == len(whole)
    assert Call.objects.get(call_id=broken[0].call_id, incarnation=row.incarnation + 1).messages == len(broken) - 3


def test_a_single_record_that_can_not_be_read_is_left_out_as_well(
    valkey: Valkey, edge: Edge, caplog: pytest.LogCaptureFixture
) -> None:
    edge.send(recent("a")[:3])
    work(valkey)
    MessageChunk.objects.update(messages=b"damaged")
    with caplog.at_level(logging.ERROR):
        work(valkey)
    assert "is left out of memory" in caplog.text


def test_an_older_collector_that_says_less_is_understood(valkey: Valkey, edge: Edge) -> None:
    said = [getattr(recent("a")[0], name) for name in SipEvent.__struct_fields__[:13]]
    edge.add(edge.batch(0, []), data=packed([1, "edge", "boot-1", 0, 0, [said]]))
    work(valkey)
    assert not DeadLetter.objects.exists()
    assert MessageChunk.objects.get().count == 1
