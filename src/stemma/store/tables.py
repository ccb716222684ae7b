"""Whole tables out of a database and into one, as lines, the same from SQLite and from PostgreSQL."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from sqlalchemy import Column, Connection, Inspector, MetaData, Table, func, inspect, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import sort_tables

from stemma.core.errors import InvalidInput, StoreDamaged, StoreError, StoreFull
from stemma.store.lines import Kind, decode, encode, kind_of

BLOCK = 512
"""Rows that are read, checked and written at a time."""


def reflected(connection: Connection, schema: str | None) -> list[Table]:
    """The tables that somebody else keeps in `connection`'s database, referred ones before those that refer to them."""
    inspector: Inspector = inspect(connection)
    if schema is not None and schema not in inspector.get_schema_names():
        return []
    found = MetaData()
    found.reflect(connection, schema=schema)
    return sort_tables(found.tables.values())


def kinds(columns: Iterable[Column[Any]]) -> list[Kind]:
    return [kind_of(column.type) for column in columns]


def count(connection: Connection, table: Table) -> int:
    """How many rows there are."""
    return connection.execute(select(func.count()).select_from(table)).scalar_one()


def dump(connection: Connection, table: Table) -> Iterator[bytes]:
    """The rows of `table` in the order of its key: blocks of whole lines.

    Raises StoreDamaged when SQLite, which lets any value into any column, holds one that does not belong there.
    """
    query = str(select(*table.columns).order_by(*table.primary_key.columns).compile(dialect=connection.dialect))
    if connection.dialect.name == "postgresql":
        return _copied_out(connection, table, query)
    return _encoded(connection, table, query)


def load(connection: Connection, table: Table, columns: Sequence[str], blocks: Iterable[bytes]) -> None:
    """Puts lines into `table`, whose `columns` they hold in that order. Raises InvalidInput when they do not fit."""
    chosen = [table.columns[name] for name in columns]
    if connection.dialect.name == "postgresql":
        _copy_in(connection, table, chosen, blocks)
        _move_sequence(connection, table)
        return
    connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")  # rows may refer to later rows of their own table
    marks = ", ".join("?" * len(chosen))
    statement = f"insert into {_name(connection, table)} ({_names(connection, chosen)}) values ({marks})"
    wanted = kinds(chosen)
    for block in blocks:
        try:
            connection.exec_driver_sql(statement, decode(block, wanted))
        except IntegrityError as error:
            raise _misfit(table, error.orig) from error
    if table.foreign_keys and connection.exec_driver_sql(f"PRAGMA foreign_key_check({table.name})").first():
        raise _misfit(table, "a row refers to one that is not there")


def _encoded(connection: Connection, table: Table, query: str) -> Iterator[bytes]:
    result = connection.exec_driver_sql(query)
    wanted = kinds(table.columns)
    while rows := result.fetchmany(BLOCK):
        try:
            yield encode([tuple(row) for row in rows], wanted)
        except (InvalidInput, UnicodeEncodeError) as error:
            raise StoreDamaged(f"table {table.name!r} is damaged: {error}; see: stemma audit verify") from error


def _copied_out(connection: Connection, table: Table, query: str) -> Iterator[bytes]:
    connection.exec_driver_sql("set local bytea_output = 'hex'")
    with _driver_errors(table), _cursor(connection).copy(f"copy ({query}) to stdout (encoding 'utf8')") as rows:
        lines = iter(rows)
        while some := b"".join(bytes(line) for line in islice(lines, BLOCK)):
            yield some


def _copy_in(connection: Connection, table: Table, columns: Sequence[Column[Any]], blocks: Iterable[bytes]) -> None:
    statement = f"copy {_name(connection, table)} ({_names(connection, columns)}) from stdin (encoding 'utf8')"
    with _driver_errors(table), _cursor(connection).copy(statement) as rows:
        for block in blocks:
            rows.write(block)


def _move_sequence(connection: Connection, table: Table) -> None:
    """Numbers go on behind the ones that were put in."""
    column = table.autoincrement_column
    if column is None:
        return
    sequence = connection.execute(select(func.pg_get_serial_sequence(_name(connection, table), column.name))).scalar()
    if sequence is not None:
        highest = select(func.coalesce(func.max(column), 0) + 1).scalar_subquery()
        connection.execute(select(func.setval(sequence, highest, False)))


def _cursor(connection: Connection) -> Any:
    # SQLAlchemy has no COPY; the driver's own cursor works in the same transaction.
    driver: Any = connection.connection.driver_connection
    return driver.cursor()


@contextmanager
def _driver_errors(table: Table) -> Iterator[None]:
    from psycopg import DataError, Error, IntegrityError
    from psycopg.errors import DiskFull

    try:
        yield
    except DiskFull as error:
        raise StoreFull(f"the database has no room left for table {table.name!r}; nothing was written") from error
    except (DataError, IntegrityError) as error:
        raise _misfit(table, error) from error
    except Error as error:
        raise StoreError(f"table {table.name!r} cannot be copied: {_first_line(error)}") from error


def _misfit(table: Table, why: object) -> InvalidInput:
    return InvalidInput(f"table {table.name!r} does not take these rows: {_first_line(why)}")


def _first_line(error: object) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _name(connection: Connection, table: Table) -> str:
    return connection.dialect.identifier_preparer.format_table(table)


def _names(connection: Connection, columns: Iterable[Column[Any]]) -> str:
    return ", ".join(connection.dialect.identifier_preparer.format_column(column) for column in columns)
