"""Runs the product on real traffic and prints, as JSON, what was seen: by sipp, in the database, in a
real browser, in a mailbox. Started in a network namespace of its own: `whole_way.py RECEIVER WORKDIR`.

The facts are judged by `test_whole_way.py`.
"""

import csv
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from tests.support.environment import ROOT
from tests.support.processes import is_bound, spawn, stop, wait_for
from tests.support.smtp import SmtpServer

SIPP = Path(__file__).parent / "sipp"
GOOD_CALLS = 10  # they talk for 1.5 s
TCP_CALLS = 3  # good ones, too
REGISTRATIONS = 3  # of each of the two kinds
URL = "http://127.0.0.1:8600"


def main(receiver: str, work: Path) -> dict[str, Any]:
    """The whole story; about 45 s, since an unanswered 200 OK is resent for 32 s."""
    with ExitStack() as stack:
        mail = SmtpServer()
        stack.callback(mail.close)
        password = stack.enter_context(offhook(receiver, work, mail.url))
        page = stack.enter_context(browser(password))
        callee = stack.enter_context(sipp(work, "uas", "-sn", "uas", "-i", "127.0.0.1", "-m", str(GOOD_CALLS + 1)))
        over_tcp = stack.enter_context(
            sipp(work, "uas_tcp", "-sn", "uas", "-t", "t1", "-i", "127.0.0.4", "-m", str(TCP_CALLS))
        )
        challenger = stack.enter_context(
            sipp(work, "challenger", "-sf", f"{SIPP}/challenger.xml", "-i", "127.0.0.2", "-m", str(REGISTRATIONS))
        )
        forbidder = stack.enter_context(
            sipp(work, "forbidder", "-sf", f"{SIPP}/forbidder.xml", "-i", "127.0.0.3", "-m", str(REGISTRATIONS))
        )
        wait_for(servers_listen, 30, what="all servers of SIP listen")
        stack.enter_context(
            sipp(work, "no_ack", "-sf", f"{SIPP}/no_ack.xml", "127.0.0.1:5060", "-i", "127.0.0.10", "-m", "1")
        )
        callers = [
            stack.enter_context(caller)
            for caller in (
                sipp(work, "uac", "-sn", "uac", "127.0.0.1:5060", "-i", "127.0.0.11", "-d", "1500", *many(GOOD_CALLS)),
                sipp(
                    work,
                    "uac_tcp",
                    "-sn",
                    "uac",
                    "-t",
                    "t1",
                    "127.0.0.4:5060",
                    "-i",
                    "127.0.0.14",
                    "-d",
                    "1500",
                    *many(TCP_CALLS),
                ),
                sipp(work, "register", "-sf", f"{SIPP}/register.xml", "127.0.0.2:5060", "-i", "127.0.0.12", *many()),
                sipp(work, "refused", "-sf", f"{SIPP}/refused.xml", "127.0.0.3:5060", "-i", "127.0.0.13", *many()),
            )
        ]
        facts: dict[str, Any] = {"live_calls_at_once": live_calls(page)}
        facts["missing_ack_on_page_s"] = first_seen(page, "missing ACK")
        facts["registration_on_page_s"] = first_seen(page, "registrations failing")
        wait_for(lambda: len(mail.messages) >= 3, 30, what="a mail for each alert")
        facts["mailed_s"] = {str(message["Subject"]): at for message, at in zip(mail.messages, mail.times, strict=True)}
        facts["mail_text"] = [body.get_content() for m in mail.messages if (body := m.get_body(("plain",)))]
        facts["message_ids"] = [str(message["Message-ID"]) for message in mail.messages]
        for process in (*callers, callee, over_tcp, challenger, forbidder):
            process.wait(60)
        facts["exit_codes"] = [process.returncode for process in callers]
        facts["sipp"] = {name: counted(work, name) for name in ("uac", "uas", "uac_tcp", "register", "refused")}
        facts["reloads"] = page.evaluate("performance.getEntriesByType('navigation').length") - 1
        facts |= settled()
        facts["calls_page"] = calls_page(page)
    return facts


def many(calls: int = REGISTRATIONS) -> tuple[str, ...]:
    """So many calls, five a second."""
    return "-m", str(calls), "-r", "5"


@contextmanager
def offhook(receiver: str, work: Path, smtp_url: str) -> Iterator[str]:
    """Everything, as `make run TRAFFIC=lo` starts it; the first password."""
    os.environ |= {
        "OFFHOOK_STATE_DIR": str(work / "state"),
        "OFFHOOK_SMTP_URL": smtp_url,
        "OFFHOOK_MAIL_TO": "noc@example.com",
        "OFFHOOK_COLLECTOR_RECEIVER": receiver,
        "DJANGO_SETTINGS_MODULE": "monitor.settings",
        "DJANGO_ALLOW_ASYNC_UNSAFE": "true",
    }
    log = work / "up.log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "monitor.cli", "up", "lo"]
        process = spawn(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, env=dict(os.environ))
        try:
            found = wait_for(lambda: re.search(r"with password\s+(\S+)", log.read_text()), 60, what="the password")
            import django

            django.setup()
            wait_for(watching, 60, what="a collector that captures")
            yield found[1]
        finally:
            stop(process, 20)


def watching() -> bool:
    """Whether a collector's heartbeat has come through."""
    from django.db import DatabaseError

    from monitor.models import Collector

    try:
        return Collector.objects.exists()
    except DatabaseError:
        return False


@contextmanager
def browser(password: str) -> Iterator[Page]:
    """A real browser on the live page."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium")
        page = chromium.new_page()
        wait_for(lambda: answers(page), 60, every=0.5, what="the dashboard")
        page.fill("input[name=username]", "admin")
        page.fill("input[name=password]", password)
        page.keyboard.press("Enter")
        page.wait_for_selector("nav a")
        yield page
        chromium.close()


def answers(page: Page) -> bool:
    """Whether the web server serves pages."""
    from playwright.sync_api import Error

    try:
        response = page.goto(URL)
    except Error:
        return False
    return response is not None and response.ok


@contextmanager
def sipp(work: Path, name: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A sipp of its own address; what it counted is in NAME.csv."""
    media = 6000 + 100 * len(list(work.glob("*.csv")))
    command = ["sipp", *arguments, "-p", "5060", "-mp", str(media), "-nostdin", "-trace_stat", "-fd", "1"]
    (work / f"{name}.csv").touch()
    process = spawn(
        [*command, "-stf", str(work / f"{name}.csv")], cwd=work, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        stop(process)


def servers_listen() -> bool:
    """Whether nothing that is sent to them need be sent again."""
    over_udp = all(is_bound(5060, address, socket.SOCK_DGRAM) for address in ("127.0.0.1", "127.0.0.2", "127.0.0.3"))
    return over_udp and is_bound(5060, "127.0.0.4")


def counted(work: Path, name: str) -> dict[str, int]:
    """The last row of sipp's statistics, cumulated."""
    with (work / f"{name}.csv").open() as file:
        *_, last = csv.DictReader(file, delimiter=";")
    return {key[:-3]: int(value) for key, value in last.items() if key and key.endswith("(C)") and value.isdigit()}


def live_calls(page: Page) -> int:
    """The most calls in progress that the page showed within some seconds."""
    most = 0
    deadline = time.monotonic() + 4
    while time.monotonic() < deadline:
        text = page.locator("main").inner_text()
        if found := re.search(r"Calls now\s+(\d+)", text):
            most = max(most, int(found[1]))
        time.sleep(0.1)
    return most


def first_seen(page: Page, text: str) -> float:
    """When the page first said so, without being loaded again."""
    page.get_by_text(text).first.wait_for(timeout=30_000)
    return time.time()


def settled() -> dict[str, Any]:
    """What the database holds once everything is correlated."""
    from monitor.models import Alert, Call, FindingRow, Registration

    good = GOOD_CALLS + TCP_CALLS
    wait_for(lambda: Call.objects.filter(state="ended").count() == good, 20, what="the good calls have ended")
    missing = FindingRow.objects.filter(code="missing-ack", state="confirmed")
    wait_for(missing.exists, 20, what="the missing ACK is confirmed")
    calls = list(Call.objects.values("state", "acked", "messages", "retransmissions", "codes", "caller", "status"))
    return {
        "good": [call for call in calls if call["caller"].startswith("127.0.0.11:")],
        "over_tcp": [call for call in calls if call["caller"].startswith("127.0.0.14:")],
        "bad": [call for call in calls if call["caller"].startswith("127.0.0.10:")],
        "calls": len(calls),
        "registrations": list(Registration.objects.values("outcome", "status", "codes", "client", "messages")),
        "alerts": list(Alert.objects.values("rule", "opened_us", "count", "state", "severity")),
        "findings": list(FindingRow.objects.values("code", "state", "evidence")),
    }


def calls_page(page: Page) -> str:
    """What the list of ended calls says of itself."""
    page.goto(f"{URL}/calls?state=ended")
    return page.locator("main").inner_text()


if __name__ == "__main__":
    json.dump(main(sys.argv[1], Path(sys.argv[2])), sys.stdout)
