"""A store in one file: what it holds at one moment, and proof that it is what was there.

The archive is taken beside whoever works on the store, in one transaction that only reads: on SQLite that is a snapshot by
itself, on PostgreSQL a repeatable-read one. It holds no signing key, and nothing of the durable engine. The store is the
record: a run that has no end in it is begun again from it, under the same id, and finds in its journal whatever it had
done. An engine kept beside it could only know less, or, which is worse, more: it would call work ended of which the store
knows no end, and nobody would go on with it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, func, select

from stemma.core.clock import Clock, SystemClock, timestamp
from stemma.core.errors import InvalidInput, LedgerTampered, NotFound
from stemma.core.version import __version__
from stemma.ledger import Signer, verify
from stemma.network.run import RunStatus
from stemma.platform.archive import ArchiveWriter, Manifest, Progress, Tally, exhaust, written
from stemma.platform.archived_log import archived_log
from stemma.platform.settings import Settings
from stemma.store import Store
from stemma.store.schema import REVISION, ledger_checkpoints, ledger_entries, ledger_head, metadata, runs
from stemma.store.tables import count, dump


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was taken; `unfinished` runs had not ended."""

    path: Path
    store: str
    manifest: Manifest
    unfinished: int


def backup(settings: Settings, path: Path, *, progress: Progress | None = None, clock: Clock | None = None) -> Backup:
    """Writes the whole store to `path`, whole or not at all; an existing file is replaced.

    Its audit log is verified on the way, so that a backup that exists can be restored. Raises NotFound when there is
    nothing to back up, LedgerTampered when the log does not verify, NotConfigured when its key is not there, InvalidData or
    StoreFull when the file cannot be written, and store errors.
    """
    file = database_file(settings)
    if file is not None and not file.exists():
        raise NotFound(f"there is no store at {str(file)!r}, so nothing was backed up; set STEMMA_STORE")
    store = Store.open(settings.store)
    try:
        signer = Signer.load(settings.keys_folder)
        taken_at = timestamp((clock or SystemClock()).now())
        with written(path) as archive, _moment(store) as connection:
            size = connection.execute(select(ledger_head.c.size)).scalar()
            if not size:
                raise NotFound(f"store {store.name!r} is empty, so nothing was backed up; set STEMMA_STORE to yours")
            manifest = _write(store, connection, archive, signer, taken_at, progress)
            return Backup(path, store.name, manifest, unfinished_runs(connection))
    finally:
        store.close()


def database_file(settings: Settings) -> Path | None:
    """Where a SQLite store is kept, None for PostgreSQL. Raises InvalidInput for a store in memory."""
    path = settings.store.removeprefix("sqlite:///")
    if settings.store.rstrip("/") == "sqlite:" or path == ":memory:":
        raise InvalidInput(
            "a store in memory ends with its process; set STEMMA_STORE to sqlite:///path or postgresql://…"
        )
    return Path(path) if path != settings.store else None


def unfinished_runs(connection: Connection) -> int:
    """How many runs have not ended."""
    unended = [status.value for status in RunStatus if not status.is_final]
    return connection.execute(select(func.count()).select_from(runs).where(runs.c.status.in_(unended))).scalar_one()


@contextmanager
def _moment(store: Store) -> Iterator[Connection]:
    with store.read() as connection:
        if store.is_sqlite:
            yield connection
        else:
            yield connection.execution_options(isolation_level="REPEATABLE READ")


def _write(
    store: Store,
    connection: Connection,
    archive: ArchiveWriter,
    signer: Signer,
    taken_at: str,
    progress: Progress | None,
) -> Manifest:
    tables = metadata.sorted_tables
    tally = Tally(sum(count(connection, table) for table in tables), progress)
    audit = None
    for table in tables:
        lines = tally.over(archive.through(table.name, table.columns.keys(), dump(connection, table)))
        if table is ledger_entries:
            log = archived_log(dump(connection, ledger_head), dump(connection, ledger_checkpoints), lines)
            audit = verify(log, signer.public_key)
        exhaust(lines)
    assert audit is not None
    if audit.problem is not None:
        raise LedgerTampered(
            f"{audit.problem}; no backup was made: find out with stemma audit verify, and keep the last good one",
            seq=audit.first_bad,
        )
    manifest = Manifest(
        product=__version__,
        schema=REVISION,
        database="sqlite" if store.is_sqlite else "postgresql",
        taken_at=taken_at,
        ledger_size=audit.entries,
        ledger_root=audit.root.hex(),
        public_key=signer.public_key.text,
        members=tuple(archive.members),
    )
    archive.finish(manifest, signer)
    return manifest
