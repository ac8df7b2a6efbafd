"""Accounts: made with random passwords that work."""

import re

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import User

from monitor.services.accounts import (
    AccountError,
    create_admin,
    create_first_admin,
    random_password,
    reset_password,
)

pytestmark = pytest.mark.django_db


def test_passwords_can_be_typed_and_are_never_the_same() -> None:
    passwords = {random_password() for _ in range(100)}
    assert len(passwords) == 100
    assert all(re.fullmatch(r"([a-z2-9]{4}-){3}[a-z2-9]{4}", password) for password in passwords)


def test_the_first_start_makes_an_administrator_and_later_ones_make_none() -> None:
    password = create_first_admin()
    user = authenticate(username="admin", password=password)
    assert isinstance(user, User)
    assert user.is_superuser
    assert create_first_admin() is None


def test_a_taken_name_is_not_given_twice() -> None:
    create_admin("alice")
    with pytest.raises(AccountError, match="offhook reset-password alice"):
        create_admin("alice")


def test_a_new_password_replaces_the_old_one() -> None:
    old = create_admin("alice")
    new = reset_password("alice")
    assert authenticate(username="alice", password=old) is None
    assert authenticate(username="alice", password=new)


def test_an_account_that_was_switched_off_is_on_again_with_its_new_password() -> None:
    create_admin("alice")
    User.objects.update(is_active=False)
    assert authenticate(username="alice", password=reset_password("alice"))


def test_a_name_that_nobody_has_is_answered_with_those_that_there_are() -> None:
    create_admin("alice")
    with pytest.raises(AccountError, match="there is no account bob; there are: alice"):
        reset_password("bob")
