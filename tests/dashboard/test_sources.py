"""The page of sources: findings that cross Call-IDs, with links to the records that show them."""

import pytest
from django.test import Client
from django.urls import reverse

from monitor.core.sources.values import Subject, SubjectFinding
from monitor.core.updates import Finding, FindingState, Kind, RecordKey, Severity
from monitor.models import AlertOccurrence
from monitor.services import subjects
from tests.dashboard import factories

SESSION = RecordKey(Kind.REGISTRATION, "279205998884020260561273", "", 20260101)


def scanner(
    name: str, last_us: int = 2, count: int = 1, state: FindingState = FindingState.CONFIRMED
) -> SubjectFinding:
    return SubjectFinding(
        kind=Subject.SOURCE,
        name=name,
        finding=Finding(
            code="scanner",
            subject=name,
            severity=Severity.MINOR,
            state=state,
            at_us=1,
            hop=f"{name}:5060",
            messages=(),
            cause=f"{name} scans <everything>.",
            remedy="Drop it.",
        ),
        last_us=last_us,
        count=count,
        evidence=(SESSION,),
    )


def page(client: Client, query: str = "", part: str = "") -> str:
    return client.get(reverse("sources") + query, headers={"HX-Target": part}).content.decode()


def test_a_source_is_listed_with_what_it_did_and_the_records_that_show_it(client: Client) -> None:
    subjects.apply([scanner("203.0.113.7", count=1234), scanner("203.0.113.8", 3)])
    subjects.apply([scanner("203.0.113.7", 4, 1235)])
    text = page(client)
    assert text.index("203.0.113.7") < text.index("203.0.113.8")
    assert "1,235" in text
    assert "scans &lt;everything&gt;" in text
    assert reverse("registration", args=[SESSION.slug]) in text
    assert "2 of 2 findings" in text


def test_one_source_or_one_capture_file_is_shown_alone(client: Client) -> None:
    row = factories.an_import(name="night.pcap")
    subjects.apply([scanner("203.0.113.7"), scanner("203.0.113.8")])
    subjects.apply([scanner("203.0.113.9", state=FindingState.CLEARED)], row.pk)
    assert "203.0.113.8" not in page(client, "?name=203.0.113.7")
    of_file = page(client, f"?import={row.pk}", part="rows")
    assert "203.0.113.9" in of_file
    assert "203.0.113.7" not in of_file
    assert f"{SESSION.slug}?import={row.pk}" in of_file
    assert "night.pcap" in page(client, f"?import={row.pk}")
    assert page(client, "?import=77").count("Nothing is known") == 1


def test_what_stands_is_read_back_as_it_was(db: None) -> None:
    old, new, cleared = scanner("a", 1), scanner("b", 5), scanner("c", 6, state=FindingState.CLEARED)
    subjects.apply([old, new, cleared])
    assert subjects.standing(2) == [new]


@pytest.mark.parametrize("kind", ["source", "account"])
def test_an_alert_about_a_source_leads_to_it(client: Client, kind: str) -> None:
    alert = factories.an_alert()
    AlertOccurrence.objects.filter(alert=alert).delete()
    AlertOccurrence.objects.create(
        alert=alert,
        kind=kind,
        slug="203.0.113.7",
        code="scanner",
        state="confirmed",
        at_us=1,
        from_uri="",
        to_uri="",
        hop="",
        cause="It scans.",
    )
    text = client.get(reverse("alert", args=[alert.pk])).content.decode()
    assert f"{reverse('sources')}?name=203.0.113.7" in text
