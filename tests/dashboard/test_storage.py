"""What is kept, on pages: what it takes, its limits, and what to say where it is gone."""

import pytest
from django.test import Client
from django.urls import reverse

from monitor.core.retention import DEFAULTS, DataKind, Keep, age_text
from monitor.models import Call, MessageChunk, StorageState, StorageUse
from monitor.services import retention
from tests.dashboard import factories
from tests.monitor.services.retention.store import clock_us, policy

GB = 10**9
FORM = {
    **{f"{kind}_age": age_text(keep.hours) for kind, keep in DEFAULTS.kinds.items()},
    **{f"{kind}_gb": str(keep.octets / GB) for kind, keep in DEFAULTS.kinds.items()},
    "total_gb": "50",
}


@pytest.fixture
def address() -> str:
    return reverse("settings-storage")


def test_limits_that_are_set_on_the_page_come_before_the_environment(client: Client, address: str) -> None:
    assert "the defaults" in client.get(reverse("settings")).content.decode()
    limits = FORM | {"messages_age": "36h", "messages_gb": "0.2", "total_gb": "1"}
    assert client.post(address, limits).status_code == 302
    shown = retention.shown_policy()
    assert shown.policy.kinds[DataKind.MESSAGES] == Keep(36, GB // 5)
    assert shown.policy.kinds[DataKind.RECORDS] == DEFAULTS.kinds[DataKind.RECORDS]
    assert (shown.policy.total, shown.origin) == (GB, "page")
    page = client.get(reverse("settings")).content.decode()
    assert 'name="messages_age"' in page
    assert 'value="36h"' in page
    client.post(address, {"forget": "yes"})
    assert retention.policy() == DEFAULTS


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("records_age", "0d", "An age is from 1h to 3650d."),
        ("messages_gb", "0", "A size is from 1MB to 1000TB."),
        ("total_gb", "0", "A size is from 1MB to 1000TB."),
        ("log_age", "soon", "&#x27;soon&#x27; is no age like 14d or 36h."),
        ("letters_gb", "few", "Enter a number."),
        ("alerts_gb", "", "This field is required."),
    ],
)
def test_what_is_no_limit_is_said_beside_its_field(
    client: Client, address: str, field: str, value: str, problem: str
) -> None:
    response = client.post(address, FORM | {field: value})
    assert response.status_code == 422
    page = response.content.decode()
    assert problem in page
    assert f'name="{field}"' in page
    assert retention.policy() == DEFAULTS


def test_the_page_tells_what_each_kind_takes_and_what_cant_be_held(client: Client) -> None:
    factories.store_situations(("good", "busy"), ago_s=3600)
    retention.sweep(policy(), clock_us)
    StorageUse.objects.filter(kind="log").update(trouble="The limit can't be held.")
    StorageState.objects.update(disks=[{"name": "state directory", "path": "/x", "octets": 100 * GB, "free": GB}])
    page = client.get(reverse("settings")).content.decode()
    assert "Commit log:</b> The limit can&#x27;t be held." in page
    assert "1.0 GB</b> free of 100.0 GB" in page
    assert "Nearly full" in page
    assert page.count("<progress") == len(DataKind) + 1


def test_a_call_whose_messages_are_gone_says_since_when(client: Client) -> None:
    factories.store_situations(("missing-ack",), ago_s=3 * 86_400)
    call = Call.objects.get()
    address = reverse("call", args=[call.slug])
    assert "removed by retention" not in client.get(address).content.decode()
    retention.sweep(policy(messages=1), clock_us)
    page = client.get(address).content.decode()
    assert "The messages were removed by retention on <time" in page
    assert "missing-ack" in page


def test_a_call_without_messages_that_nobody_removed_does_not_blame_retention(client: Client) -> None:
    factories.store_situations(("good",), ago_s=60)
    MessageChunk.objects.all().delete()
    page = client.get(reverse("call", args=[Call.objects.get().slug])).content.decode()
    assert "No messages are stored" in page


def test_the_page_of_collectors_tells_how_much_room_a_spool_has(client: Client) -> None:
    collector = factories.a_collector()
    collector.counters |= {"disk_octets": 100 * GB, "disk_free_octets": 4 * GB}
    collector.save()
    page = client.get(reverse("collectors")).content.decode()
    assert "4.0 GB free" in page
