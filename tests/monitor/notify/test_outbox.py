"""Deliveries: claimed by one, tried again, sent at least once under one name, kept where nobody takes them."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from collectors.sip.timers import SECOND
from monitor.conf import Smtp
from monitor.models import Delivery, Setting
from monitor.notify import email, outbox
from monitor.notify.email.smtp import Patience
from monitor.services import settings
from tests.monitor.notify.scripted import HANG_UP, scripted
from tests.support.processes import wait_for
from tests.support.smtp import SmtpServer

pytestmark = pytest.mark.django_db(transaction=True)


def use(port: int, recipients: str = "noc@example.com") -> None:
    settings.set_mail(
        host="127.0.0.1",
        port=port,
        username="",
        password=None,
        tls="",
        sender="Offhook <offhook@example.com>",
        recipients=recipients,
    )


def delivery(recipient: str = "noc@example.com", **columns: object) -> Delivery:
    values = {
        "event": "test",
        "recipient": recipient,
        "message_id": f"<{Delivery.objects.count()}@example.com>",
        "state": "pending",
        "created_us": outbox.clock_us(),
    }
    return Delivery.objects.create(**(values | columns))


def _in_a_thread(delivery_id: int) -> str:
    try:
        return outbox.deliver(delivery_id)
    finally:
        connections.close_all()


def again(row: Delivery) -> str:
    """The next attempt, now and not after its pause."""
    Delivery.objects.filter(pk=row.pk).update(next_attempt_us=0)
    return outbox.deliver(row.pk)


def test_what_is_due_is_sent_once(smtp_server: SmtpServer) -> None:
    use(smtp_server.port)
    row = delivery()
    assert outbox.due(outbox.clock_us()) == [row.pk]
    assert outbox.deliver(row.pk) == "sent"
    assert outbox.deliver(row.pk) == ""
    assert outbox.due(outbox.clock_us()) == []
    row.refresh_from_db()
    assert (row.attempts, row.possible_repeats, row.last_error) == (1, 0, "")
    assert row.sent_us
    assert [message["Message-ID"] for message in smtp_server.messages] == [row.message_id]
    assert smtp_server.messages[0]["To"] == "noc@example.com"


def test_a_server_that_refuses_for_now_gets_it_later_once_and_under_the_same_name(smtp_server: SmtpServer) -> None:
    use(smtp_server.port)
    row = delivery()
    smtp_server.refuse("451 4.3.0 try again later", times=2)
    assert outbox.deliver(row.pk) == "pending"
    row.refresh_from_db()
    assert "451 4.3.0 try again later" in row.last_error
    assert row.last_error.startswith("Will be tried again")
    assert row.next_attempt_us > outbox.clock_us() + 8 * SECOND
    assert outbox.deliver(row.pk) == ""  # not yet
    assert again(row) == "pending"
    assert again(row) == "sent"
    row.refresh_from_db()
    assert (row.attempts, row.possible_repeats) == (3, 0)
    assert [message["Message-ID"] for message in smtp_server.messages] == [row.message_id]


def test_a_server_that_is_away_gets_it_when_it_is_back(smtp_server: SmtpServer) -> None:
    use(smtp_server.port)
    row = delivery()
    smtp_server.stop()
    try:
        assert outbox.deliver(row.pk) == "pending"
    finally:
        smtp_server.start()
    assert again(row) == "sent"
    assert len(smtp_server.messages) == 1


def test_a_refusal_for_good_is_shown_and_not_tried_again(smtp_server: SmtpServer) -> None:
    use(smtp_server.port)
    row = delivery()
    smtp_server.refuse("550 5.1.1 no such user")
    assert outbox.deliver(row.pk) == "failed"
    row.refresh_from_db()
    assert row.last_error.startswith("Refused for good")
    assert "550 5.1.1 no such user" in row.last_error
    assert again(row) == ""
    smtp_server.accept()
    assert outbox.resend(row.pk) == [row.pk]
    assert outbox.deliver(row.pk) == "sent"


def test_an_answer_that_never_came_makes_the_next_attempt_a_possible_repeat(smtp_server: SmtpServer) -> None:
    row = delivery()
    with scripted(END=HANG_UP) as port:
        use(port)
        assert outbox.deliver(row.pk) == "pending"
    use(smtp_server.port)
    assert again(row) == "sent"
    row.refresh_from_db()
    assert (row.attempts, row.possible_repeats) == (2, 1)


def test_a_claim_that_ran_out_is_taken_by_another_as_a_possible_repeat() -> None:
    row = delivery()
    dead = outbox.claim(row.pk, 1_000)
    assert dead is not None
    assert outbox.claim(row.pk, 2_000) is None
    assert outbox.due(2_000) == []
    later = 1_000 + outbox.CLAIM_US
    assert outbox.due(later) == [row.pk]
    alive = outbox.claim(row.pk, later)
    assert alive is not None
    row.refresh_from_db()
    assert (row.state, row.attempts, row.possible_repeats) == ("sending", 2, 1)
    # Who comes back from the dead finishes nothing.
    outbox._finish(dead, state="failed", last_error="late")
    row.refresh_from_db()
    assert row.state == "sending"
    outbox._finish(alive, state="sent", last_error="")
    row.refresh_from_db()
    assert row.state == "sent"


def test_a_claim_is_prolonged_while_a_server_takes_its_time_so_that_nobody_sends_a_repeat(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox, "PROLONG_S", 0.05)
    row = delivery()
    with scripted({"END": 0.5}) as port, ThreadPoolExecutor(1) as pool:
        use(port)
        sending = pool.submit(_in_a_thread, row.pk)
        claimed = wait_for(lambda: Delivery.objects.filter(state="sending").first())
        assert sending.result() == "sent"
    row.refresh_from_db()
    assert row.claimed_until_us > claimed.claimed_until_us
    assert (row.attempts, row.possible_repeats) == (1, 0)


def test_nobody_waits_long_for_a_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(email.smtp, "TRIAL", Patience(taking=0.2))
    row = delivery()
    with scripted({"END": 0.6}) as port:
        use(port)
        assert outbox.deliver(row.pk) == "pending"
    row.refresh_from_db()
    assert row.possible_repeats == 1


def test_due_is_what_the_database_says_whatever_the_clock_of_a_worker(
    smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(smtp_server.port)
    row = delivery()
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() - 3_600 * 10**9)  # this worker's host is an hour behind
    assert outbox.due(outbox.clock_us()) == [row.pk]
    assert outbox.deliver(row.pk) == "sent"


def test_of_many_that_ring_at_once_one_sends(smtp_server: SmtpServer) -> None:
    use(smtp_server.port)
    row = delivery()
    start = threading.Barrier(6)

    def attempt(_: int) -> str:
        start.wait(5)
        return _in_a_thread(row.pk)

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(attempt, range(6)))
    assert sorted(outcomes) == [""] * 5 + ["sent"]
    assert len(smtp_server.messages) == 1


def test_without_a_server_a_mail_is_rendered_and_kept_and_sent_by_hand_later(smtp_server: SmtpServer) -> None:
    row = delivery()
    assert outbox.deliver(row.pk) == "kept"
    row.refresh_from_db()
    assert row.last_error == "Not sent: no mail server is set."
    assert "arrives" in row.text
    assert "<html" in row.html
    use(smtp_server.port)
    assert outbox.due(outbox.clock_us()) == []  # nothing goes out by surprise
    assert outbox.resend(row.pk) == [row.pk]
    assert outbox.deliver(row.pk) == "sent"


def test_without_a_recipient_a_mail_is_kept_and_later_goes_to_all_who_are_set(smtp_server: SmtpServer) -> None:
    use(smtp_server.port, recipients="")
    row = delivery(recipient="")
    assert outbox.deliver(row.pk) == "kept"
    row.refresh_from_db()
    assert row.last_error == "Not sent: no recipient is set."
    use(smtp_server.port, recipients="a@example.com b@example.com")
    for number in outbox.resend(row.pk):
        assert outbox.deliver(number) == "sent"
    assert [message["To"] for message in smtp_server.messages] == ["a@example.com", "b@example.com"]
    assert len({message["Message-ID"] for message in smtp_server.messages}) == 2


def test_resending_still_without_anybody_keeps_it_again(smtp_server: SmtpServer) -> None:
    use(smtp_server.port, recipients="")
    row = delivery(recipient="")
    outbox.deliver(row.pk)
    assert outbox.resend(row.pk) == [row.pk]
    assert outbox.deliver(row.pk) == "kept"


def test_what_was_sent_can_be_sent_again_on_purpose(smtp_server: SmtpServer) -> None:
    use(smtp_server.port)
    row = delivery()
    outbox.deliver(row.pk)
    assert outbox.resend(row.pk) == [row.pk]
    assert outbox.resend(row.pk) == []  # it is due already
    outbox.deliver(row.pk)
    row.refresh_from_db()
    assert (len(smtp_server.messages), row.possible_repeats) == (2, 1)
    assert outbox.resend(row.pk + 1) == []


def test_after_three_days_it_is_given_up(smtp_server: SmtpServer) -> None:
    use(smtp_server.port)
    smtp_server.refuse()
    row = delivery(created_us=outbox.clock_us() - outbox.GIVE_UP_US)
    assert outbox.deliver(row.pk) == "failed"
    row.refresh_from_db()
    assert row.last_error.startswith("Given up after three days")


def test_pauses_double_from_ten_seconds_to_ten_minutes() -> None:
    assert [outbox.back_off_us(n) // SECOND for n in (1, 2, 3, 4, 5, 6, 7, 8, 1000)] == [
        10, 20, 40, 80, 160, 320, 600, 600, 600,
    ]  # fmt: skip


def test_a_fault_of_ours_gives_the_claim_back_and_is_shown() -> None:
    row = delivery()
    Setting.objects.create(name="smtp", value={"server": "nonsense"})
    with pytest.raises(Exception, match="object"):
        outbox.deliver(row.pk)
    row.refresh_from_db()
    assert row.state == "pending"
    assert "ValidationError" in row.last_error
    assert row.next_attempt_us > outbox.clock_us()


def test_a_mail_is_rendered_once_so_that_a_repeat_says_the_same(smtp_server: SmtpServer) -> None:
    use(smtp_server.port)
    row = delivery(subject="as first told", text="text\n", html="<p>html</p>")
    outbox.deliver(row.pk)
    assert smtp_server.messages[0]["Subject"] == "as first told"


def test_sending_without_a_server_is_refused() -> None:
    with pytest.raises(Exception, match="no mail server"):
        email.send(delivery(), settings.Mail(smtp=None, sender="x@example.com", recipients=()))


def test_the_environment_names_a_server_too(smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFHOOK_SMTP_URL", smtp_server.url)
    assert settings.mail().smtp == Smtp(host="127.0.0.1", port=smtp_server.port)
    assert outbox.deliver(delivery().pk) == "sent"
