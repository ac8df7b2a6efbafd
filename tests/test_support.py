"""The real parts that other tests rely on are there and behave as they are described."""

import smtplib
import socket
from email.message import EmailMessage
from pathlib import Path

import psycopg
import pytest
import redis
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection

from tests.support.postgres import Postgres
from tests.support.smtp import SmtpServer
from tests.support.valkey import Valkey


def test_a_stopped_valkey_keeps_what_it_was_given(valkey: Valkey) -> None:
    with valkey.client() as client:
        client.xadd("stream", {"field": "value"})
    valkey.stop()
    with pytest.raises(redis.ConnectionError), valkey.client() as client:
        client.ping()
    valkey.start()
    with valkey.client() as client:
        assert client.xlen("stream") == 1


def test_each_test_gets_an_empty_valkey_where_settings_look_for_it(valkey: Valkey) -> None:
    with valkey.client() as client:
        assert client.dbsize() == 0
    assert valkey.url == settings.CONFIG.bus_url


def test_postgresql_answers_on_its_socket(postgres: Postgres) -> None:
    with psycopg.connect(postgres.url()) as database:
        assert database.execute("SELECT 1").fetchone() == (1,)


def _mail() -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "offhook@example.com", "noc@example.com", "missing ACK"
    mail.set_content("ACK never arrived.")
    return mail


def test_the_mail_server_keeps_mails_and_refuses_as_often_as_told(smtp_server: SmtpServer) -> None:
    smtp_server.refuse("451 4.3.0 later", times=1)
    with smtplib.SMTP("127.0.0.1", smtp_server.port) as client:
        with pytest.raises(smtplib.SMTPDataError, match="later"):
            client.send_message(_mail())
        client.send_message(_mail())
    assert [mail["Subject"] for mail in smtp_server.messages] == ["missing ACK"]
    assert smtp_server.refused == 1


def test_a_stopped_mail_server_comes_back_on_its_port(smtp_server: SmtpServer) -> None:
    smtp_server.stop()
    with pytest.raises(ConnectionRefusedError):
        smtplib.SMTP("127.0.0.1", smtp_server.port)
    smtp_server.start()
    with smtplib.SMTP("127.0.0.1", smtp_server.port) as client:
        client.send_message(_mail())
    assert len(smtp_server.messages) == 1


def test_another_connection_sees_the_database_that_the_url_names(database_url: str) -> None:
    get_user_model().objects.create_user("alice", password="a long password")
    if connection.vendor == "sqlite":
        path = Path(database_url.removeprefix("sqlite:///"))
        assert path.exists()
        assert path.is_relative_to(settings.CONFIG.state_dir)
    else:
        with psycopg.connect(database_url) as other:
            assert other.execute("SELECT username FROM auth_user").fetchall() == [("alice",)]


@pytest.mark.disable_socket
@pytest.mark.filterwarnings("ignore:A test tried to use socket")
def test_pure_tests_get_no_sockets() -> None:
    with pytest.raises(RuntimeError, match="socket"):
        socket.socket()
