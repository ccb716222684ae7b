"""A backup put back into an empty store, once everything in it has been found to hold."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from stemma.core.clock import SystemClock
from stemma.core.errors import Conflict, InvalidData, InvalidInput, LedgerTampered
from stemma.ledger import Ledger, PublicKey, Signer, Verification, verify
from stemma.ledger.signing import KEY_FILE
from stemma.network.system import SCHEMA, sqlite_engine, system_file
from stemma.platform.archive import Archive, Manifest, Progress, Tally, exhaust, opened
from stemma.platform.archived_log import archived_log
from stemma.platform.backup import database_file, unfinished_runs
from stemma.platform.settings import Settings
from stemma.store import Store
from stemma.store.schema import REVISION, ledger_checkpoints, ledger_entries, ledger_head, metadata
from stemma.store.tables import count, load, reflected

_WORKFLOWS = "workflow_status"  # the engine's table with a row for each workflow


@dataclass(frozen=True, slots=True)
class Restored:
    """A backup that was put back; `unfinished` runs will be gone on with.

    `audit` is what reading the restored log gave, and its root is the archive's. `missing_key` is where the signing key has
    to be put back, until which nothing new is signed; None when it is there.
    """

    path: Path
    store: str
    manifest: Manifest
    unfinished: int
    audit: Verification
    missing_key: Path | None


def restore(
    settings: Settings, path: Path, *, public_key: PublicKey | None = None, progress: Progress | None = None
) -> Restored:
    """Puts the archive at `path` into the settings' store, which must be empty, and verifies the audit log there.

    Before the first row is written the archive is read to its end: its signature, each table's SHA-256 and the log must
    hold. `public_key` says whose signature to believe; unless given it is that of the key kept for this store or, where
    there is none, the one that the archive names, which proves only that the file is not damaged. An archive from SQLite
    can be restored into PostgreSQL, and the reverse.

    Raises InvalidData for a file that is no whole archive or not the one that was signed, LedgerTampered, StoreNewer, and
    Conflict when the store is not empty or has another key; then nothing was written.
    """
    database_file(settings)
    with opened(path) as archive:
        manifest = archive.manifest
        if manifest.schema != REVISION:
            raise InvalidData(
                path,
                f"it holds schema {manifest.schema}, this Stemma has {REVISION}; restore it with "
                f"stemma-ai=={manifest.product}, whose store a newer one brings up to date",
            )
        key_file = settings.keys_folder / KEY_FILE
        own = Signer.load(settings.keys_folder).public_key if key_file.exists() else None
        tally = Tally(manifest.rows * 2, progress)
        believed = _believed(archive, public_key, own)
        archive.check_signature(believed)
        _check(archive, believed, tally)
        store = Store.open(settings.store)
        try:
            _load(store, archive, tally)
            audit = Ledger(store, SystemClock()).verify(believed)
            audit.require()
            _agree(manifest, audit)
            with store.read() as connection:
                unfinished = unfinished_runs(connection)
        finally:
            store.close()
    return Restored(path, store.name, manifest, unfinished, audit, None if own is not None else key_file)


def _believed(archive: Archive, given: PublicKey | None, own: PublicKey | None) -> PublicKey:
    try:
        named = PublicKey.parse(archive.manifest.public_key)
    except InvalidInput as error:
        raise InvalidData(archive.path, f"the manifest is damaged: {error}") from error
    if own is not None and own != named:
        raise Conflict(
            f"{archive.path} was signed by {named.text}, and the key kept for this store is {own.text}: it could not go on "
            "with that log, so nothing was restored; set STEMMA_KEYS to the folder with the log's own key, or to an empty one"
        )
    return given or own or named


def _check(archive: Archive, believed: PublicKey, tally: Tally) -> None:
    manifest = archive.manifest
    members = {member.table: member for member in manifest.members}
    ours = {table.name: tuple(table.columns.keys()) for table in metadata.sorted_tables}
    if {name: member.columns for name, member in members.items()} != ours:
        raise InvalidData(archive.path, f"its tables are not those of schema {REVISION}; nothing was restored")
    for member in manifest.members:
        lines, audit = tally.over(archive.lines(member)), None
        if member.table == ledger_entries.name:
            head, notes = (archive.lines(members[table.name]) for table in (ledger_head, ledger_checkpoints))
            try:
                audit = verify(archived_log(head, notes, lines), believed)
            except InvalidData:
                raise
            except InvalidInput as error:  # before their end, at which the SHA-256 would have shown it
                raise InvalidData(archive.path, f"{member.file} is damaged ({error}); nothing was restored") from error
        exhaust(lines)  # a finding ends the reading of entries; damage further on explains it better
        if audit is not None:
            if audit.problem is not None:
                raise LedgerTampered(f"{archive.path}: {audit.problem}; nothing was restored", seq=audit.first_bad)
            _agree(manifest, audit)


def _agree(manifest: Manifest, audit: Verification) -> None:
    if (audit.entries, audit.root.hex()) != (manifest.ledger_size, manifest.ledger_root):
        raise LedgerTampered(
            f"the log has {audit.entries} entries and root {audit.root.hex()}, the backup's manifest says "
            f"{manifest.ledger_size} and {manifest.ledger_root}"
        )


def _load(store: Store, archive: Archive, tally: Tally) -> None:
    _check_engine_empty(store)
    members = {member.table: member for member in archive.manifest.members}
    with store.write() as connection:
        for table in metadata.sorted_tables:
            if count(connection, table):
                raise Conflict(
                    f"store {store.name!r} is not empty (there are rows in {table.name!r}), and nothing was restored; set "
                    "STEMMA_STORE to a new file or database, and put that in the place of the old one"
                )
        for table in metadata.sorted_tables:
            member = members[table.name]
            try:
                load(connection, table, member.columns, tally.over(archive.lines(member)))
            except InvalidData:
                raise
            except InvalidInput as error:
                raise InvalidData(archive.path, f"{error}; nothing was restored") from error


def _check_engine_empty(store: Store) -> None:
    """An engine that remembers another store's work would take the restored store's for done."""
    if store.is_sqlite:
        file = system_file(store)
        if not file.exists():
            return
        engine = sqlite_engine(file)
        try:
            with engine.connect() as connection:
                remembers, way_out = _remembers(connection, None), f"remove {str(file)!r} and what begins with its name"
        finally:
            engine.dispose()
    else:
        with store.read() as connection:
            remembers, way_out = _remembers(connection, SCHEMA), f"drop schema {SCHEMA!r} in it"
    if remembers:
        raise Conflict(
            f"the durable engine beside store {store.name!r} remembers other work, and nothing was restored; {way_out}, "
            "or set STEMMA_STORE to a new file or database"
        )


def _remembers(connection: Connection, schema: str | None) -> bool:
    return any(table.name == _WORKFLOWS and count(connection, table) for table in reflected(connection, schema))
