"""Tables go out of either database as the same lines, and into either."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    insert,
    select,
)

from stemma.core.errors import InvalidInput, StoreDamaged
from stemma.store import Store
from stemma.store.lines import decode, encode
from stemma.store.schema import prompts
from stemma.store.tables import BLOCK, dump, kinds, load

_Key = BigInteger().with_variant(Integer, "sqlite")
SHELF = Table(
    "shelf",
    MetaData(),
    Column("id", _Key, primary_key=True),
    Column("above", _Key, ForeignKey("shelf.id")),
    Column("text", Text, nullable=False, unique=True),
    Column("weight", Float),
    Column("free", Boolean),
    Column("load", LargeBinary),
)
NAMES, KINDS = SHELF.columns.keys(), kinds(SHELF.columns)
TRICKY = 'back\\slash \\N \\\\x00 "quoted" tab\t line\n return\r bell\b \v\f ünïcode 🙂 \u2028 .'
ROWS: list[tuple[Any, ...]] = [
    (1, None, TRICKY, 0.1 + 0.2, True, bytes(range(256))),
    (2, 3, "", None, False, b""),  # refers to a row behind it
    (3, 1, "\\N", -1e300, None, None),
    *((number, 1, f"{number}", 1.0, True, b"\\x") for number in range(4, BLOCK + 3)),
    (2**40, None, "far", 5e-324, None, b"\n\t"),
]


@pytest.fixture
def shelf(store: Store) -> Store:
    """A store with one more table, which has a column of each kind."""
    with store.write() as connection:
        SHELF.create(connection)
    return store


def test_rows_go_in_and_out_as_lines(shelf: Store) -> None:
    """What a database writes by itself, or is written for it, reads the same, in blocks of whole lines by their key."""
    with shelf.write() as connection:
        load(connection, SHELF, NAMES, [encode(ROWS, KINDS)])
    with shelf.read() as connection:
        blocks = list(dump(connection, SHELF))
        assert decode(b"".join(blocks), KINDS) == ROWS
        assert [block.count(b"\n") for block in blocks] == [BLOCK, len(ROWS) - BLOCK]
        assert [tuple(row) for row in connection.execute(select(SHELF).order_by(SHELF.c.id))] == ROWS


def test_numbering_goes_on_behind_loaded_rows(shelf: Store) -> None:
    """A row that is added after a load gets a number of its own."""
    with shelf.write() as connection:
        load(connection, SHELF, NAMES, [encode(ROWS, KINDS)])
        assert connection.execute(insert(SHELF).values(text="new")).inserted_primary_key == (2**40 + 1,)


@pytest.mark.parametrize(
    "line",
    [
        b"one\t\\N\ta\t\\N\t\\N\t\\N\n",
        b"5\t\\N\ta\n",
        b"5\t\\N\t\\N\t\\N\t\\N\t\\N\n",
        b"5\t7\ta\t\\N\t\\N\t\\N\n",
        b"1\t\\N\ta\t\\N\t\\N\t\\N\n",
        b"5\t\\N\t\xff\t\\N\t\\N\t\\N\n",
    ],
    ids=["wrong kind", "too short", "nothing where something must be", "refers to nobody", "there twice", "no UTF-8"],
)
def test_lines_that_do_not_fit_are_refused_whole(shelf: Store, line: bytes) -> None:
    """Whatever is wrong with a line is InvalidInput, and no row of the transaction stays."""
    with pytest.raises(InvalidInput), shelf.write() as connection:
        load(connection, SHELF, NAMES, [encode(ROWS[:1], KINDS), line])
    with shelf.read() as connection:
        assert connection.execute(select(SHELF)).all() == []


def test_value_that_does_not_belong_is_damage(tmp_path: Path) -> None:
    """A column of a SQLite file into which something else was written is named."""
    file = tmp_path / "stemma.db"
    store = Store.open(f"sqlite:///{file}")
    with sqlite3.connect(file) as database:
        database.execute("insert into prompts values (x'ff', 1, '')")
    database.close()
    with pytest.raises(StoreDamaged, match="table 'prompts' is damaged"), store.read() as connection:
        list(dump(connection, prompts))
    store.close()
