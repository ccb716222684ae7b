"""A whole log at one moment, to be verified or exported: its head, its checkpoints, and its entries as a stream."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection

from stemma.ledger.merkle import EMPTY_ROOT, Frontier
from stemma.store import Store

BATCH = 512
"""Entries read at a time. More would be slower: the garbage collector starts to walk the rows."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive entries as columns: sequence numbers, bodies as stored, stored leaf hashes."""

    seqs: tuple[int, ...]
    bodies: tuple[bytes, ...]
    leaves: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Head:
    """The row that appends build on: how many entries there are, the tree's frontier, the last entry's leaf hash."""

    size: int = 0
    frontier: bytes = b""
    tip: bytes = EMPTY_ROOT

    def tree(self) -> Frontier:
        """The tree so far. Raises InvalidInput when the row's parts do not belong together."""
        return Frontier.from_bytes(self.size, self.frontier)


@dataclass(frozen=True, slots=True)
class StoredNote:
    """A checkpoint's text and the size under which it is filed; not yet believed."""

    size: int
    note: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the log consists of. `batches` can be read once; `head` is None when its row is not there."""

    head: Head | None
    checkpoints: tuple[StoredNote, ...]
    batches: Iterator[Batch]


@contextmanager
def snapshot(store: Store) -> Iterator[Snapshot]:
    """The log in `store`, as of now: entries appended while it is read do not show."""
    with store.read() as connection:
        if not store.is_sqlite:  # SQLite's readers see one state anyway; PostgreSQL's see one a statement unless told
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        row = connection.exec_driver_sql(head_query(store)).one_or_none()
        note = _as_bytes(store, "note")
        notes = connection.exec_driver_sql(f"select size, {note} from ledger_checkpoints order by size")
        yield Snapshot(
            head=None if row is None else Head(*row),
            checkpoints=tuple(StoredNote(size, _text(note)) for size, note in notes),
            batches=_sqlite_batches(connection) if store.is_sqlite else _postgresql_batches(connection),
        )


def head_query(store: Store) -> str:
    """The statement that reads the parts of a `Head`."""
    columns = f"cast(size as bigint), {_as_bytes(store, 'frontier')}, {_as_bytes(store, 'tip')}"
    return f"select {columns} from ledger_head where id = 1"


def _as_bytes(store: Store, column: str) -> str:
    """`column` as the bytes that are stored: into a SQLite file one can put any type, and text that is no UTF-8."""
    return f"cast({column} as blob)" if store.is_sqlite else column


def _sqlite_batches(connection: Connection) -> Iterator[Batch]:
    sql = (
        "select seq, cast(body as blob), cast(leaf as blob) from ledger_entries "
        f"where seq > ? order by seq limit {BATCH}"
    )
    last = -(2**63)
    while rows := connection.exec_driver_sql(sql, (last,)).fetchall():
        seqs, bodies, leaves = zip(*rows, strict=True)
        yield Batch(seqs, bodies, leaves)
        last = seqs[-1]


def _postgresql_batches(connection: Connection) -> Iterator[Batch]:
    sql = f"select seq, body, leaf from ledger_entries where seq > %s order by seq limit {BATCH}"
    last = -(2**63)
    while rows := connection.exec_driver_sql(sql, (last,)).fetchall():
        seqs, bodies, leaves = zip(*rows, strict=True)
        yield Batch(seqs, tuple(body.encode() for body in bodies), leaves)
        last = seqs[-1]


def _text(stored: bytes | str) -> str:
    return stored.decode("utf-8", "replace") if isinstance(stored, bytes) else stored
