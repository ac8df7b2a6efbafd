"""What tests of pages share: somebody who is logged in."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from tests.dashboard.web import Web
from tests.support.valkey import Valkey

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Settings) -> None:
    """A password hash is slow on purpose; here it only costs time."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("ada", password=PASSWORD)


@pytest.fixture
def client(user: User) -> Client:
    """A browser of somebody who is logged in."""
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def web(valkey: Valkey, transactional_db: None) -> Iterator[Web]:
    """The dashboard on a real server, with a real bus."""
    web = Web()
    yield web
    web.stop()
