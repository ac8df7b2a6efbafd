"""One mail to one server: what it answers, whose fault that is, and whether trying again helps."""

import time
from email.message import EmailMessage

import pytest

from monitor.conf import Smtp
from monitor.notify.email.smtp import Patience, transmit
from monitor.notify.errors import SendError
from tests.monitor.notify.scripted import DRIP, HANG_UP, scripted
from tests.support.processes import free_port
from tests.support.smtp import SmtpServer


def mail() -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Offhook <offhook@example.com>"
    message["To"] = "Night shift <noc@example.com>"
    message["Subject"] = "Grüße → you"
    message.set_content("Guten Tag\n.\nein Punkt allein\n")
    return message


def server(port: int, **changes: str) -> Smtp:
    return Smtp(host="127.0.0.1", port=port, **changes)


def test_a_mail_arrives_as_it_was_written(smtp_server: SmtpServer) -> None:
    assert transmit(server(smtp_server.port), mail()) == "250 2.0.0 taken"
    (received,) = smtp_server.messages
    assert received["Subject"] == "Grüße → you"
    assert received.get_content().replace("\r\n", "\n") == "Guten Tag\n.\nein Punkt allein\n"


FAILURES = [
    # answers, permanent, uncertain, said
    ({"END": "451 4.3.0 try later"}, False, False, "451 4.3.0 try later"),
    ({"END": "552 5.3.4 too large"}, True, False, "552 5.3.4 too large"),
    ({"DATA": "421 4.3.2 going down"}, False, False, "421 4.3.2 going down"),
    ({"DATA": "554 5.5.1 no valid recipients"}, True, False, "554 5.5.1 no valid recipients"),
    ({"DATA": HANG_UP}, False, False, "closed"),
    ({"RCPT": "550 5.1.1 no such user"}, True, False, "550 to noc@example.com: 5.1.1 no such user"),
    ({"RCPT": "450 4.2.1 greylisted"}, False, False, "450 to noc@example.com: 4.2.1 greylisted"),
    ({"MAIL": "530 5.7.0 log in first"}, True, False, "530 to offhook@example.com: 5.7.0 log in first"),
    ({"GREETING": "554 5.7.1 not you"}, True, False, "554 5.7.1 not you"),
    ({"GREETING": HANG_UP}, False, False, "closed"),
    ({"RCPT": HANG_UP}, False, False, "closed"),
    ({"END": HANG_UP}, False, True, "closed"),
]


@pytest.mark.parametrize(("answers", "permanent", "uncertain", "said"), FAILURES)
def test_a_failure_says_whether_trying_again_helps(
    answers: dict[str, str], permanent: bool, uncertain: bool, said: str
) -> None:
    with scripted(**answers) as port, pytest.raises(SendError) as caught:
        transmit(server(port), mail(), Patience(answer=2))
    assert (caught.value.permanent, caught.value.uncertain) == (permanent, uncertain)
    assert str(caught.value).startswith(f"127.0.0.1:{port}")
    assert said in str(caught.value)


def test_nobody_listening_is_worth_another_try() -> None:
    with pytest.raises(SendError) as caught:
        transmit(server(free_port()), mail())
    assert not caught.value.permanent
    assert not caught.value.uncertain


def test_a_server_that_falls_silent_is_worth_another_try() -> None:
    with scripted(MAIL="100 \r\n") as port, pytest.raises(SendError) as caught:
        transmit(server(port, username="x", password="p"), mail(), Patience(answer=0.5))
    assert not caught.value.uncertain


@pytest.mark.parametrize("where", ["GREETING", "MAIL", "DATA"])
def test_a_server_that_says_a_little_now_and_then_holds_nobody_for_ever(where: str) -> None:
    began = time.monotonic()
    with scripted(**{where: DRIP}) as port, pytest.raises(SendError) as caught:
        transmit(server(port), mail(), Patience(talk=0.3))
    assert time.monotonic() - began < 10
    assert (caught.value.permanent, caught.value.uncertain) == (False, False)


def test_a_server_that_takes_long_to_look_through_a_mail_is_waited_for() -> None:
    with scripted({"END": 1.7}) as port:
        assert transmit(server(port), mail(), Patience(answer=1.5, talk=1.5)) == "250 2.0.0 taken"


@pytest.mark.parametrize("answer", ["250 2.0.0 taken", DRIP])
def test_but_not_for_ever_and_then_it_may_have_it(answer: str) -> None:
    pauses = {"END": 0.6} if answer != DRIP else {}
    with scripted(pauses, END=answer) as port, pytest.raises(SendError) as caught:
        transmit(server(port), mail(), Patience(taking=0.3))
    assert (caught.value.permanent, caught.value.uncertain) == (False, True)


def test_a_login_that_is_refused_is_final_and_never_shows_the_password() -> None:
    with scripted(AUTH="535 5.7.8 bad credentials") as port, pytest.raises(SendError) as caught:
        transmit(server(port, username="user", password="hunter2"), mail())
    assert caught.value.permanent
    assert "535 5.7.8 bad credentials" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_login_that_is_taken_sends() -> None:
    with scripted() as port:
        assert transmit(server(port, username="user", password="p"), mail()) == "250 2.0.0 taken"


def test_an_address_that_mail_can_not_carry_is_final() -> None:
    message = mail()
    message.replace_header("To", "nöc@example.com")
    with scripted() as port, pytest.raises(SendError) as caught:
        transmit(server(port), message)
    assert caught.value.permanent


def test_encryption_that_is_not_offered_is_final() -> None:
    with scripted() as port, pytest.raises(SendError) as caught:
        transmit(server(port, tls="starttls"), mail())
    assert caught.value.permanent
    assert "STARTTLS" in str(caught.value)


def test_tls_to_a_server_that_speaks_none_is_an_error_and_no_crash() -> None:
    with scripted() as port, pytest.raises(SendError) as caught:
        transmit(server(port, tls="tls"), mail(), Patience(answer=1))
    assert not caught.value.uncertain
