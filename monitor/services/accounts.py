"""Accounts of the dashboard: the first administrator, and forgotten passwords."""

import secrets

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User

# No letters or digits that look alike: passwords are typed from a terminal into a browser.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
GROUPS, LETTERS = 4, 4


class AccountError(ValueError):
    """This can't be done with that account name."""


def random_password() -> str:
    """79 bits, as "k7mw-x2pd-9fhq-t4vc"."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(LETTERS)) for _ in range(GROUPS))


def create_admin(username: str = "admin") -> str:
    """A new administrator; returns the password. Raises `AccountError` when the name is taken."""
    users = get_user_model().objects
    if users.filter(username=username).exists():
        raise AccountError(
            f"there is an account {username} already; offhook reset-password {username} gives it a new one"
        )
    password = random_password()
    users.create_superuser(username, password=password)
    return password


def create_first_admin(username: str = "admin") -> str | None:
    """As `create_admin` in an installation that has no account yet; None in others."""
    return None if get_user_model().objects.exists() else create_admin(username)


def reset_password(username: str) -> str:
    """A new password for an account, which is returned. Raises `AccountError` when there is none."""
    try:
        user = User.objects.get(username=username)
    except User.DoesNotExist:
        names = ", ".join(User.objects.values_list("username", flat=True)[:10]) or "none"
        raise AccountError(f"there is no account {username}; there are: {names}") from None
    password = random_password()
    user.set_password(password)
    user.is_active = True
    user.save(update_fields=["password", "is_active"])
    return password
