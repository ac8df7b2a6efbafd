"""Operations of migrations that differ by database."""

from typing import Any, Final

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import ProjectState, StateApps

from monitor.models import terms
from monitor.services import shelves

# The longest first, and what has no fixed length last: no octet is lost to alignment.
_WIDTHS: Final = {"bigint": 0, "double precision": 0, "integer": 1, "smallint": 2, "boolean": 3}


class CreateShelved(migrations.CreateModel):
    """Make a table that PostgreSQL partitions by shelf (`monitor.services.shelves`), and a plain one elsewhere."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Make it."""
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model: Any = to_state.apps.get_model(app_label, self.name)
        columns = sorted(
            ((field.column, field.db_type(schema_editor.connection), field.null) for field in model._meta.local_fields),
            key=lambda column: _WIDTHS.get(column[1], len(_WIDTHS)),
        )
        table = model._meta.db_table
        defaults = {"id": f" DEFAULT nextval('{table}_id_seq')"}
        words = (
            f'"{name}" {kind}{"" if null else " NOT NULL"}{defaults.get(name, "")}' for name, kind, null in columns
        )
        for statement in shelves.partition(table, ", ".join(words)):
            schema_editor.execute(statement)


class CreateTerms(migrations.RunPython):
    """Make what PostgreSQL finds records by (`monitor.models.terms`); nothing elsewhere."""

    def __init__(self) -> None:
        super().__init__(_create_terms, elidable=False)


def _create_terms(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(terms.function())
