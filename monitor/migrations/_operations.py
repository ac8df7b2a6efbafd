"""Operations of migrations that differ by database."""

from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import ProjectState, StateApps
from django.db.models import UniqueConstraint

from monitor.models import terms
from monitor.services import shelves


class CreateShelved(migrations.CreateModel):
    """Make a table that PostgreSQL partitions by shelf (`monitor.models.records`), plain elsewhere."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Make the plain table, and put a partitioned one with its columns and constraints in its place."""
        super().database_forwards(app_label, schema_editor, from_state, to_state)
        if schema_editor.connection.vendor != "postgresql":
            return
        model: Any = to_state.apps.get_model(app_label, self.name)
        for statement in shelves.partition(model._meta.db_table):
            schema_editor.execute(statement)
        # What Django has deferred, the indexes, finds the new table under the old name.
        for constraint in model._meta.constraints:
            if isinstance(constraint, UniqueConstraint):
                schema_editor.add_constraint(model, constraint)


class CreateTerms(migrations.RunPython):
    """Make what PostgreSQL finds records by (`monitor.models.terms`); nothing elsewhere."""

    def __init__(self) -> None:
        super().__init__(_create_terms, elidable=False)


def _create_terms(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(terms.function())
        for table in terms.COLUMNS:
            for leaf in (f"{table}_imported", f"{table}_other"):
                schema_editor.execute(terms.index(table, leaf))
