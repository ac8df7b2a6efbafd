"""Pages on tables of another version: they say so, and nothing else is blamed on it."""

import pytest
from django.db import OperationalError, ProgrammingError
from django.test import Client
from django.urls import reverse

from monitor import queries
from monitor.services import schema
from tests.support.database import newer_tables

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def _broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object, **_filters: object) -> None:
        raise ProgrammingError("column does not exist")

    monkeypatch.setattr(queries, "dead_letters", broken)


@pytest.mark.usefixtures("_broken")
def test_a_page_that_fails_on_newer_tables_says_that_an_upgrade_is_under_way(client: Client) -> None:
    client.raise_request_exception = False
    with newer_tables():
        answer = client.get(reverse("collectors"))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "The tables are of a newer version" in answer.content.decode()
    assert "Content-Security-Policy" in answer.headers


@pytest.mark.usefixtures("_broken")
def test_on_our_own_tables_it_is_our_fault(client: Client) -> None:
    client.raise_request_exception = False
    assert client.get(reverse("collectors")).status_code == 500


@pytest.mark.usefixtures("_broken")
def test_and_where_the_tables_can_not_be_asked_as_well(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("away")

    monkeypatch.setattr(schema, "require", away)
    client.raise_request_exception = False
    assert client.get(reverse("collectors")).status_code == 500
