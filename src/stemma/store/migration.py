"""Bringing a database to this version's schema."""

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from stemma.core.errors import StoreDamaged, StoreNewer
from stemma.store.schema import REVISION

_LOCK = 0x53544D4D  # one number for every Stemma process: two that open a new PostgreSQL database take turns


def migrate(engine: Engine, name: str) -> None:
    """Applies the migrations that `engine`'s database lacks. Alembic is loaded only when there are some.

    Raises StoreNewer when the database was written by a newer version, StoreDamaged when the tables are not ours.
    """
    with engine.connect() as connection:
        found = _revision(connection)
        if found is None and (foreign := inspect(connection).get_table_names()) and engine.dialect.name == "sqlite":
            raise StoreDamaged(
                f"store {name!r} is another program's database (it has a table {foreign[0]!r}); choose another file"
            )
    if found == REVISION:
        return
    with engine.execution_options(stemma_begin="BEGIN IMMEDIATE").begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        found = _revision(connection)
        if found != REVISION:
            _upgrade(connection, found, name)


def is_empty(engine: Engine) -> bool:
    """Whether `engine`'s database has neither our tables nor, on SQLite, anybody's."""
    with engine.connect() as connection:
        if _revision(connection) is not None:
            return False
        return engine.dialect.name != "sqlite" or not inspect(connection).get_table_names()


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("select version_num from alembic_version")).scalar()


def _upgrade(connection: Connection, found: str | None, name: str) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    if found is not None:
        try:
            ScriptDirectory.from_config(config).get_revision(found)
        except CommandError as error:
            raise StoreNewer(
                f"store {name!r} was written by a newer Stemma (schema {found}, this one knows {REVISION}); "
                "upgrade with: pip install --upgrade stemma-ai"
            ) from error
    command.upgrade(config, "head")
