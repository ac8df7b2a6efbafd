"""The measures of ended calls: rolled up once or many times, the same; shown by what people ask for."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from collectors.sip.timers import SECOND
from monitor import queries
from monitor.core.measures import Dimension
from monitor.models import Call, MeasureBucket, Registration
from monitor.services import measures
from monitor.tasks import roll_up
from tests.dashboard import factories

pytestmark = pytest.mark.django_db


def test_buckets_hold_the_calls_that_ended_in_them_however_often_they_are_computed() -> None:
    factories.store_situations(("good", "busy", "not-found", "missing-ack"), ago_s=900)
    ended = list(Call.objects.filter(ended_us__isnull=False))
    answered = sum(call.answered_us is not None for call in ended)
    assert len(ended) >= 3
    for _ in range(2):
        measures.roll_up(factories.now_us())
        whole, rows, count = queries.measures(Dimension.DIRECTION, 0)
        assert whole["calls"] == sum(row["calls"] for row in rows) == len(ended)
        assert (count, whole["answered"]) == (len(rows), answered)
    _, peers, _ = queries.measures(Dimension.DESTINATION, 0)
    assert {row["key"] for row in peers} == {call.callee.rpartition(":")[0] for call in ended}
    (by_agent, *_) = queries.measures(Dimension.USER_AGENT, 0)[1]
    assert by_agent["key"] != "unknown"


def test_registrations_are_rolled_up_by_registrar_with_those_of_the_time_when_they_began() -> None:
    factories.store_situations(("registered", "registration-wrong-password"), ago_s=900)
    registered = Registration.objects.get(registered_us__isnull=False)
    measures.roll_up(factories.now_us())
    first = queries.measures(Dimension.REGISTRAR, 0)
    measures.roll_up(factories.now_us())
    whole, rows, count = queries.measures(Dimension.REGISTRAR, 0)
    assert (whole, rows, count) == first
    assert whole["registrations"] == sum(row["registrations"] for row in rows) == 2
    assert registered.registrar.rpartition(":")[0] in {row["key"] for row in rows}
    assert whole["ira_percent"] == 50.0
    delay_us = (registered.registered_us or 0) - registered.first_us
    assert whole["rrd_p50_ms"] == pytest.approx(delay_us / 1000, rel=0.01)


def test_without_calls_there_is_nothing_and_a_long_pause_is_made_up_for() -> None:
    assert measures.roll_up(0) == 4
    assert queries.measures(Dimension.SOURCE, 0) == (queries.measures(Dimension.DIRECTION, 0)[0], [], 0)
    factories.store_situations(("good",), ago_s=3600)
    roll_up()
    assert queries.measures(Dimension.SOURCE, 0)[2] == 1
    MeasureBucket.objects.update(bucket=1)
    assert measures.roll_up(factories.now_us()) == 12 * 24 * 7 + 1


def test_the_page_tells_calls_apart(client: Client) -> None:
    client.force_login(User.objects.create_user("ada"))
    empty = client.get(reverse("measures")).content.decode()
    assert "No call has ended in the last 1 h" in empty
    factories.store_situations(("good", "good", "busy", "registered"), ago_s=900)
    measures.roll_up(factories.now_us() + 300 * SECOND)
    for dimension in Dimension:
        page = client.get(reverse("measures"), {"by": dimension.value, "last": "24h"}).content.decode()
        assert page.count("<tr") >= 3, dimension
        assert ("IRA" if dimension is Dimension.REGISTRAR else "ASR") in page
    assert client.get(reverse("measures"), {"by": "weather"}).status_code == 404
    assert client.get(reverse("measures"), {"last": "1y"}).status_code == 404
