"""The conversation that a stored call is a leg of."""

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.urls import reverse

from monitor import queries
from monitor.core.marks import MarkKind
from monitor.core.updates import Kind, RecordKey
from monitor.models import Call, LegMark
from monitor.packed import mark
from monitor.services.shelving import put_away, take_back
from tests.dashboard import factories
from tests.monitor.core.test_legs import invite
from tests.support.messages import response, us

pytestmark = pytest.mark.django_db

CHAIN = [
    invite(0, "alice>proxy", "one", called="100", calling="a"),
    invite(0.2, "proxy>edge", "two", called="200", calling="b", headers=[("X-CID", "one")]),
    response(180, 0.9, "proxy>edge", call_id="two"),
    invite(1, "edge>bob", "three", called="bob", calling="c", headers=[("X-CID", "two")]),
    invite(1, "carol>bob", "none", called="x", calling="y"),
]


def call(call_id: str, import_id: int = 0) -> queries.Row:
    found = Call.objects.get(call_id=call_id, import_id=import_id)
    record = queries.record(Kind.CALL, found.slug, import_id)
    assert record is not None
    return record


def test_a_chain_of_b2buas_is_one_conversation_from_each_of_its_legs() -> None:
    factories.store(CHAIN, us(2))
    factories.store([CHAIN[0]], us(2), import_id=7)
    seen = {name: [leg["call_id"] for leg in queries.conversation(call(name))] for name in ("one", "two", "three")}
    assert seen == {"one": ["two", "three"], "two": ["one", "three"], "three": ["one", "two"]}
    assert queries.conversation(call("none")) == []
    assert queries.conversation(call("one", 7)) == []
    (first, _) = queries.conversation(call("one"))
    assert (first["confidence"], first["reason"]) == (98, "the one carries the Call-ID of the other")


@pytest.mark.parametrize("over", [["one"], ["two"], ["one", "two", "three", "none"]])
def test_a_conversation_is_the_same_when_some_of_its_legs_are_put_away(over: list[str]) -> None:
    factories.store(CHAIN, us(2))
    Call.objects.filter(call_id__in=over).update(open=False)
    assert put_away(us(2)) == len(over)
    seen = {name: [leg["call_id"] for leg in queries.conversation(call(name))] for name in ("one", "two", "three")}
    assert seen == {"one": ["two", "three"], "two": ["one", "three"], "three": ["one", "two"]}
    assert queries.conversation(call("none")) == []
    # Taken back, and put away again.
    with transaction.atomic():
        take_back([RecordKey(Kind.CALL, name, "", Call.objects.get(call_id=name).day) for name in over])
    assert [leg["call_id"] for leg in queries.conversation(call("two"))] == ["one", "three"]
    put_away(us(2))
    assert [leg["call_id"] for leg in queries.conversation(call("two"))] == ["one", "three"]


def test_a_conversation_is_shown_up_to_a_bound() -> None:
    calls = [invite(0, "alice>proxy", "hub", called="0", calling="z")]
    calls += [
        invite(1, "proxy>bob", f"leg {number}", called=f"n{number}", calling=f"c{number}", headers=[("X-CID", "hub")])
        for number in range(30)
    ]
    factories.store(calls, us(2))
    assert len(queries.conversation(call("hub"))) == 16


def test_marks_are_written_once_and_go_with_their_call() -> None:
    factories.store(CHAIN, us(2))
    count = LegMark.objects.count()
    factories.store(CHAIN, us(2))
    assert LegMark.objects.count() == count
    kinds = [mark(number).kind for number in LegMark.objects.values_list("mark", flat=True)]
    assert kinds.count(MarkKind.CALL_ID) == 6


def test_the_page_of_a_call_names_its_other_legs_and_why(client: Client) -> None:
    client.force_login(User.objects.create_user("ada"))
    factories.store(CHAIN, us(2))
    record = call("one")
    page = client.get(reverse("call", args=[record["slug"]])).content.decode()
    assert "Other legs of this conversation" in page
    assert "98 %: the one carries the Call-ID of the other" in page
    assert reverse("call", args=[call("three")["slug"]]) in page
    alone = client.get(reverse("call", args=[call("none")["slug"]])).content.decode()
    assert "Other legs" not in alone
