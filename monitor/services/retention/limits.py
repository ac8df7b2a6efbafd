"""Which limits hold: what the settings page says, then the environment, then the defaults."""

from typing import Any, Final

import msgspec
from django.db import transaction

from monitor.conf import Config, load
from monitor.core.retention import DEFAULTS, DataKind, Keep, Policy, checked, size
from monitor.models import Setting
from monitor.services.settings import SettingsError

RETENTION: Final = "retention"


class _Stored(msgspec.Struct):
    kinds: dict[DataKind, Keep]
    total: int


class ShownPolicy(msgspec.Struct, frozen=True):
    """What holds, and where it comes from: "page", "environment" or "default"."""

    policy: Policy
    origin: str


def policy(config: Config | None = None) -> Policy:
    """What holds now."""
    return shown_policy(config).policy


def shown_policy(config: Config | None = None) -> ShownPolicy:
    """What holds now, for people to see."""
    said = (config or load()).policy
    row = Setting.objects.filter(name=RETENTION).first()
    if row is None:
        return ShownPolicy(said, "default" if said == DEFAULTS else "environment")
    stored = msgspec.convert(row.value, _Stored)
    # A kind that a later version has, and this page has never set, is as the environment says.
    return ShownPolicy(Policy({**said.kinds, **stored.kinds}, stored.total), "page")


def set_policy(kinds: dict[DataKind, Keep], total: int) -> None:
    """Take what the page's form says. Raises `SettingsError`, its problems by the name of the kind or "total"."""
    problems: dict[str, str] = {}
    for kind, wanted in kinds.items():
        _try(problems, kind, lambda wanted=wanted: checked(wanted))
    _try(problems, "total", lambda: size(total))
    if problems:
        raise SettingsError(problems)
    value = msgspec.to_builtins(_Stored(kinds, total), str_keys=True)
    with transaction.atomic():
        Setting.objects.update_or_create(name=RETENTION, defaults={"value": value})


def forget_policy() -> None:
    """Go back to what the environment says."""
    Setting.objects.filter(name=RETENTION).delete()


def _try(problems: dict[str, str], name: str, check: Any) -> None:
    try:
        check()
    except ValueError as error:
        problems[name] = str(error)
