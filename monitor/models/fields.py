"""Columns whose values are packed (`monitor.packed`): read with a row, and never looked for."""

from typing import Any

from django.db import models

from monitor import packed


class Hops(models.BinaryField):  # type: ignore[type-arg]  # a generic only in the stubs
    """list[str]: hops, in order."""

    def from_db_value(self, value: Any, *_: Any) -> list[str]:
        """What a query returns."""
        return packed.hops(bytes(value))

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:  # noqa: FBT001, FBT002 - Django's own signature
        """What goes into the database."""
        return super().get_db_prep_value(packed.pack_hops(value), connection, prepared)


class Listed(models.BinaryField):  # type: ignore[type-arg]  # as above
    """A list of texts or numbers."""

    def from_db_value(self, value: Any, *_: Any) -> list[Any]:
        """What a query returns."""
        return packed.listed(bytes(value))

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:  # noqa: FBT001, FBT002 - as above
        """What goes into the database."""
        return super().get_db_prep_value(packed.pack_list(value), connection, prepared)


class Marks(models.Field):  # type: ignore[type-arg]  # as above
    """list[int] | None: the marks of a call that was put away. PostgreSQL finds calls by them; SQLite has none."""

    def db_type(self, connection: Any) -> str:
        """An array, where there are such."""
        return "bigint[]" if connection.vendor == "postgresql" else "text"


class Prose(models.BinaryField):  # type: ignore[type-arg]  # as above
    """list[str]: some sentences."""

    def from_db_value(self, value: Any, *_: Any) -> list[str]:
        """What a query returns."""
        return packed.prose(bytes(value))

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:  # noqa: FBT001, FBT002 - as above
        """What goes into the database."""
        return super().get_db_prep_value(packed.pack_prose(value), connection, prepared)
