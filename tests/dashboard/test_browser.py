"""The dashboard in a real browser, on a real server and a real bus."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from playwright.sync_api import Browser, Page, expect

from collectors.scenario.capture import capture
from monitor import queries
from monitor.models import Alert, Call, Collector, Delivery, Import, Registration
from monitor.services import imports
from tests.dashboard import factories
from tests.dashboard.browser import PHONE, chromium, visitor
from tests.dashboard.conftest import PASSWORD
from tests.dashboard.web import Web, announce, cookie_of
from tests.support.valkey import Valkey

PAGES = (
    *("/", "/calls", "/calls/CALL", "/calls/CALL#m1", "/registrations", "/registrations/REGISTRATION"),
    *("/transactions", "/sources", "/alerts", "/alerts/ALERT", "/collectors", "/imports"),
    *("/outbox", "/outbox/DELIVERY", "/settings", "/nowhere"),
)

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def cookie() -> str:
    return cookie_of(User.objects.create_user("ada", password=PASSWORD))


@pytest.fixture
def page(browser: Browser, web: Web, cookie: str) -> Iterator[Page]:
    with visitor(browser, web.url, cookie) as page:
        yield page


def tell(sequence: int, **lists: object) -> None:
    """What the overview would announce after a commit: the rows as the database has them."""
    factories.an_overview(sequence)
    announce({"type": "delta", "sequence": sequence} | lists)


def calls() -> list[queries.Row]:
    return queries.call_rows([call.slug for call in Call.objects.all()])


def test_logging_in_leads_to_the_live_page(browser: Browser, web: Web, cookie: str) -> None:
    with visitor(browser, web.url, "") as page:
        page.goto("/calls")
        page.fill("[name=username]", "ada")
        page.fill("[name=password]", "wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("don't belong together")
        page.fill("[name=password]", PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Calls")).to_be_visible()


def test_calls_and_alerts_appear_without_a_reload(page: Page) -> None:
    factories.an_overview(sequence=1)
    page.goto("/")
    expect(page.locator("#stream")).to_have_text("Live")
    expect(page.locator("#calls-empty")).to_contain_text("make run TRAFFIC=sample")
    factories.store_situations(["good", "missing-ack"], ago_s=20)
    tell(2, calls=calls())
    expect(page.locator("#calls tr")).to_have_count(2)
    expect(page.locator("#failures li")).to_have_count(1)
    expect(page.locator("#failures")).to_contain_text("missing-ack")
    alert = factories.an_alert()
    tell(3, alerts=queries.alert_rows([alert.pk]))
    expect(page.locator("#alerts-strip")).to_contain_text("1 alert is open")
    expect(page.locator("header.bar [data-alert-count]")).to_have_text("1")


def test_snapshot_and_deltas_of_the_server_are_a_fresh_snapshot_in_the_browser(page: Page) -> None:
    now_us = factories.now_us()
    events = factories.events_of(factories.EVERYTHING, now_us - 210_000_000, apart_s=5)
    events = [event for event in events if event.captured_us < now_us]
    frames: list[dict[str, Any]] = []
    for sequence, slugs in enumerate(factories.play_out(events, 60), 1):
        if sequence == 20:
            factories.an_overview(sequence)
            frames.append(queries.live_snapshot())
        elif sequence > 20:
            rows = {"calls": queries.call_rows(slugs), "registrations": queries.registration_rows(slugs)}
            frames.append({"type": "delta", "sequence": sequence, "metrics": {}} | rows)
    factories.an_overview(60)
    page.goto("/")
    followed, fresh = page.evaluate(
        """async ([frames, snapshot]) => {
            const { Store } = await import("/static/dashboard/js/store.js");
            const followed = new Store(), fresh = new Store();
            for (const frame of frames) {
                const outcome = followed.apply(frame);
                if (outcome !== "applied") throw new Error(`${frame.sequence}: ${outcome}`);
            }
            fresh.apply(snapshot);
            return [followed.views, fresh.views];
        }""",
        [frames, queries.live_snapshot()],
    )
    assert followed == fresh
    assert {name for name, rows in followed.items() if rows} == {"active", "failing", "recent", "registrations"}


def test_a_row_that_changes_is_the_same_row(page: Page) -> None:
    factories.store_situations(["good"], ago_s=4)
    factories.an_overview(sequence=1)
    page.goto("/")
    row = page.locator("#calls tr")
    expect(row).to_have_count(1)
    row.evaluate("row => { row.mark = 'mine' }")
    changed = [value | {"version": 2, "state": "failed", "status": 486, "open": False} for value in calls()]
    tell(2, calls=changed)
    expect(row).to_contain_text("Failed")
    expect(row).to_contain_text("486")
    assert row.evaluate("row => row.mark") == "mine"


def test_a_gap_is_closed_by_a_fresh_snapshot(page: Page) -> None:
    factories.an_overview(sequence=1)
    page.goto("/")
    expect(page.locator("#stream")).to_have_text("Live")
    factories.store_situations(["good"], ago_s=20)
    tell(5)
    expect(page.locator("#calls tr")).to_have_count(1)


def test_old_data_is_grey_and_says_since_when_and_recovers(page: Page, valkey: Valkey) -> None:
    factories.an_overview(sequence=1)
    page.goto("/")
    expect(page.locator("#stream")).to_have_text("Live")
    valkey.stop()
    try:
        expect(page.locator("#stream")).to_contain_text("since", timeout=15_000)
        opacity = page.locator("#calls-panel").evaluate("panel => getComputedStyle(panel).opacity")
        assert float(opacity) < 1
    finally:
        valkey.start()
    expect(page.locator("#stream")).to_have_text("Live", timeout=25_000)


def test_a_message_is_chosen_by_mouse_and_by_keyboard(page: Page) -> None:
    factories.store_situations(["missing-ack"], ago_s=60)
    page.goto(f"/calls/{Call.objects.get().slug}")
    page.locator("#ladder .row").first.click()
    expect(page.locator("#message")).to_contain_text("INVITE sip:")
    expect(page.locator("#ladder .row[aria-current=true]")).to_have_count(1)
    page.keyboard.press("j")
    expect(page.locator("#message")).to_contain_text("SIP/2.0 100")
    page.keyboard.press("k")
    expect(page.locator("#message")).to_contain_text("INVITE sip:")
    assert page.url.endswith("#m1")
    page.locator("#findings [data-message]").first.click()
    expect(page.locator("#message")).to_contain_text("SIP/2.0 200")
    page.reload()
    expect(page.locator("#message")).to_contain_text("SIP/2.0 200")
    page.keyboard.press("Escape")
    expect(page.locator("#message")).to_contain_text("Choose a message")
    expect(page.locator("#ladder .row[aria-current=true]")).to_have_count(0)
    assert "#" not in page.url


def test_on_a_phone_a_chosen_message_is_in_sight(page: Page) -> None:
    page.set_viewport_size(PHONE)
    factories.store_situations(["missing-ack"], ago_s=60)
    page.goto(f"/calls/{Call.objects.get().slug}")
    page.locator("#ladder .row").first.click()
    expect(page.locator("#raw-text")).to_be_in_viewport()
    page.get_by_role("button", name="Close").click()
    expect(page.locator("#message")).to_contain_text("Choose a message")


def test_the_time_column_is_switched(page: Page) -> None:
    factories.store_situations(["good"], ago_s=60)
    page.goto(f"/calls/{Call.objects.get().slug}")
    first = page.locator("#ladder .row .time").first
    expect(first).to_have_text("0.000")
    page.locator("[data-times=delta]").click()
    expect(first).to_have_text("+0.000")
    page.locator("[data-times=absolute]").click()
    expect(first).to_contain_text(":")


def test_an_open_call_page_follows_the_call_and_keeps_what_was_chosen(page: Page) -> None:
    start_us = factories.now_us() - 90_000_000
    events = factories.events_of(["good"], start_us)
    factories.store(events[:4], events[3].captured_us, version=1)
    call = Call.objects.get()
    page.goto(f"/calls/{call.slug}")
    expect(page.locator("#record-head")).to_contain_text("Trying")
    page.locator("#ladder .row").first.click()
    expect(page.locator("#message")).to_contain_text("INVITE sip:")
    expect(page.locator("#stream")).to_have_text("Live")
    Call.objects.all().delete()
    factories.store(events, factories.now_us(), version=2)
    announce({"type": "record", "slug": call.slug, "version": 2}, group=f"record.{call.slug}")
    expect(page.locator("#record-head")).to_contain_text("Answered after")
    expect(page.locator("#ladder .row[aria-current=true]")).to_have_count(1)
    expect(page.locator("#message")).to_contain_text("INVITE sip:")


def test_a_list_follows_what_happens(page: Page) -> None:
    factories.an_overview(sequence=1)
    page.goto("/calls")
    expect(page.locator("#rows")).to_contain_text("No call yet")
    expect(page.locator("#stream")).to_have_text("Live")
    factories.store_situations(["good", "busy"], ago_s=20)
    tell(2, calls=calls())
    expect(page.locator("#rows tbody tr")).to_have_count(2)


def test_what_a_reader_has_opened_stays_open_when_it_is_refreshed(page: Page) -> None:
    factories.an_overview(sequence=1)
    factories.a_collector()
    page.goto("/collectors")
    expect(page.locator("#stream")).to_have_text("Live")
    page.locator("#cards details summary").click()
    Collector.objects.update(rate=77.7, last_seen_us=factories.now_us())
    tell(2, collectors=queries.collector_rows(["edge-1"]))
    expect(page.locator("#cards")).to_contain_text("77.7", timeout=8000)
    expect(page.locator("#cards .counters")).to_be_visible()


def test_a_session_that_ended_leads_to_the_login_and_back(page: Page) -> None:
    factories.store_situations(["good"], ago_s=60)
    factories.an_overview(sequence=1)
    page.goto("/calls")
    expect(page.locator("#stream")).to_have_text("Live")
    Session.objects.all().delete()
    tell(2, calls=calls())
    page.wait_for_url("**/login?next=/calls")
    expect(page.locator("#rows")).to_have_count(0)


def test_lists_are_walked_and_opened_by_keyboard(page: Page) -> None:
    factories.store_situations(["good", "busy", "not-found"], ago_s=60)
    page.goto("/calls")
    for key in ("j", "j", "j", "k", "Enter"):
        page.keyboard.press(key)
    second = Call.objects.order_by("-first_us")[1]
    page.wait_for_url(f"**/calls/{second.slug}")


def test_the_keyboard_goes_everywhere(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("/")
    page.keyboard.type("ada")
    page.keyboard.press("Enter")
    page.wait_for_url("**/calls?q=ada")
    for key, path in (("a", "/alerts"), ("r", "/registrations"), ("o", "/collectors"), ("l", "/")):
        page.keyboard.press("g")
        page.keyboard.press(key)
        page.wait_for_url(f"**{path}")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_the_theme_is_remembered(page: Page) -> None:
    page.goto("/")
    light = page.evaluate("getComputedStyle(document.body).color")
    page.locator("#theme").click()
    dark = page.evaluate("getComputedStyle(document.body).color")
    assert light != dark
    page.goto("/calls")
    assert page.evaluate("getComputedStyle(document.body).color") == dark


def test_times_are_those_of_the_browsers_zone(browser: Browser, web: Web, cookie: str) -> None:
    factories.store_situations(["good"], ago_s=60)
    with visitor(browser, web.url, cookie, timezone_id="Asia/Kathmandu") as page:
        page.goto("/calls")
        page.reload()
        expect(page.locator("thead")).to_contain_text("+0545")
        page.locator("#zone").click()
        expect(page.locator("thead")).to_contain_text("UTC")


def test_what_an_attacker_puts_into_a_message_is_only_shown(page: Page) -> None:
    evil = "<img src=x onerror=alert(1)>"
    factories.store_situations(["busy"], ago_s=60)
    Call.objects.update(from_uri=f'sip:{evil}"@example.com', to_uri="sip:&lt;b&gt;@x", call_id=f"'{evil}")
    factories.an_overview(sequence=1)
    page.on("dialog", lambda _: pytest.fail("a script ran"))
    for path in ("/", "/calls", f"/calls/{Call.objects.get().slug}"):
        page.goto(path)
        expect(page.locator("main")).to_contain_text(evil)
        assert page.locator("main img").count() == 0


def test_a_dropped_capture_shows_its_progress_and_its_calls(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "trunk.pcap"
    file.write_bytes(b"".join(capture("missing-ack")))
    page.goto("/imports")
    page.set_input_files("#file", file)
    expect(page.locator("#rows tbody tr")).to_contain_text("Waiting")
    imports.run(Import.objects.get().pk, factories.now_us)
    expect(page.locator("#rows tbody tr")).to_contain_text("Done")
    # The list of files is there now, and is followed again.
    page.set_input_files("#file", {"name": "notes.pcap", "mimeType": "", "buffer": b"what I saw today: " * 9})
    expect(page.locator("#rows tbody tr").first).to_contain_text("Waiting")
    imports.run(Import.objects.latest("id").pk, factories.now_us)
    expect(page.locator("#rows tbody tr").first).to_contain_text(
        "notes.pcap is no capture: the file is text, not a packet capture"
    )
    page.get_by_role("link", name="trunk.pcap").click()
    expect(page.locator("#rows tbody tr")).to_contain_text("missing-ack")


def test_a_refused_capture_says_why(page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "MOST_BYTES", 10)
    file = tmp_path / "large.pcap"
    file.write_bytes(b"x" * 4000)
    page.goto("/imports")
    page.set_input_files("#file", file)
    expect(page.locator("#uploads .failed")).to_contain_text("large.pcap")


@pytest.mark.timeout(180)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_is_accessible(browser: Browser, web: Web, cookie: str, theme: Literal["light", "dark"]) -> None:
    _everything()
    violations: list[str] = []
    with visitor(browser, web.url, cookie, color_scheme=theme) as page:
        for path in PAGES:
            page.goto(_address(path))
            page.wait_for_timeout(200)
            found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
            violations += [
                f"{path} {violation['id']}: {node['html']} {node['failureSummary']}"
                for violation in found
                if violation["impact"] in ("serious", "critical")
                for node in violation["nodes"]
            ]
    assert violations == []


@pytest.mark.timeout(120)
def test_a_phone_shows_every_page_without_sideways_scrolling(page: Page) -> None:
    _everything()
    page.set_viewport_size(PHONE)
    widths = {}
    for path in PAGES:
        page.goto(_address(path))
        page.wait_for_timeout(200)
        widths[path] = page.evaluate("document.documentElement.scrollWidth")
    assert {path: width for path, width in widths.items() if width > PHONE["width"]} == {}


def _address(path: str) -> str:
    """The address of a page; a word in capitals stands for one that there is."""
    return (
        path.replace("CALL", Call.objects.filter(codes__contains="missing-ack")[0].slug)
        .replace("REGISTRATION", Registration.objects.all()[0].slug)
        .replace("ALERT", str(Alert.objects.all()[0].pk))
        .replace("DELIVERY", str(Delivery.objects.all()[0].pk))
    )


def _everything() -> None:
    factories.store_situations(ago_s=400)
    factories.a_collector()
    factories.a_loss()
    factories.a_delivery(factories.an_alert())
    factories.an_import()
    factories.some_subjects()
    factories.an_overview(sequence=1)
