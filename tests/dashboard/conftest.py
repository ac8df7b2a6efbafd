"""What tests of pages share: somebody who is logged in."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

PASSWORD = "correct horse battery"


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("ada", password=PASSWORD)


@pytest.fixture
def client(user: User) -> Client:
    """A browser of somebody who is logged in."""
    client = Client()
    client.force_login(user)
    return client
