"""The audit log as it stands in an archive: lines of its three tables, as what a verification reads."""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Table

from stemma.ledger.snapshot import Batch, Head, Snapshot, StoredNote
from stemma.store.lines import decode
from stemma.store.schema import ledger_checkpoints, ledger_entries, ledger_head
from stemma.store.tables import kinds


def archived_log(head: Iterable[bytes], notes: Iterable[bytes], entries: Iterable[bytes]) -> Snapshot:
    """A snapshot of the log in these lines; `entries` are read when its batches are. Raises InvalidInput for other lines."""
    heads = [Head(*row[1:]) for row in _rows(head, ledger_head)]
    checkpoints = tuple(StoredNote(*row) for row in _rows(notes, ledger_checkpoints))
    return Snapshot(heads[0] if heads else None, checkpoints, _batches(entries))


def _batches(blocks: Iterable[bytes]) -> Iterator[Batch]:
    wanted = kinds(ledger_entries.columns)
    for block in blocks:
        seqs, bodies, leaves = zip(*decode(block, wanted), strict=True)
        yield Batch(seqs, tuple([body.encode() for body in bodies]), leaves)


def _rows(blocks: Iterable[bytes], table: Table) -> Iterator[tuple[Any, ...]]:
    wanted = kinds(table.columns)
    for block in blocks:
        yield from decode(block, wanted)
