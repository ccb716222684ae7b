"""A store goes into one file and comes back the same; a file that does not hold is refused before anything is written."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, func, select, text
from tests.network.desks import networks_on, rule, tickets, write_desk

import stemma
from stemma.core.clock import SystemClock
from stemma.core.digests import canonical_json, digest_bytes
from stemma.core.errors import (
    Conflict,
    InvalidData,
    InvalidInput,
    LedgerTampered,
    NotConfigured,
    NotFound,
    StemmaError,
    StoreFull,
    StoreNewer,
)
from stemma.ledger import Ledger, PublicKey, Signer
from stemma.ledger.scope import Scope
from stemma.network import Run, RunStatus, load_manifest
from stemma.network.system import sqlite_engine, system_file
from stemma.platform import Settings
from stemma.platform.archive import Manifest
from stemma.platform.backup import backup
from stemma.platform.restore import restore
from stemma.store import Store
from stemma.store.schema import contents, metadata, prompt_labels, prompt_versions, runs
from stemma.store.tables import dump
from stemma.testing.scripted import ScriptedModel

TRICKY = "Say: \\N, {{x}},\ta tab, 'quotes',\r\n\u2028 and ünïcode 🙂."
Change = Callable[[dict[str, bytes]], None]


@pytest.fixture
def source(store_url: str, tmp_path: Path) -> Settings:
    """A store with a few prompts on each of the two databases, its log signed."""
    return filled(store_url, tmp_path / "keys")


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """An empty place for a store that has the same key."""
    if request.param == "sqlite":
        yield Settings(store=f"sqlite:///{tmp_path}/restored/stemma.db", keys=tmp_path / "keys")
        return
    server: str = request.getfixturevalue("postgres")
    name = f"restored_{os.getpid()}"
    administer(server, f"create database {name}")
    base, _, options = server.partition("?")
    yield Settings(store=f"{base.rsplit('/', 1)[0]}/{name}?{options}", keys=tmp_path / "keys")
    administer(server, f"drop database {name} with (force)")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A backup of a small SQLite store, whose key is in ``keys``."""
    backup(filled(f"sqlite:///{tmp_path}/stemma.db", tmp_path / "keys"), tmp_path / "backup.zip")
    return tmp_path / "backup.zip"


@pytest.fixture
def empty(tmp_path: Path) -> Settings:
    """An empty place for a SQLite store that has the key of `archive`."""
    return Settings(store=f"sqlite:///{tmp_path}/restored/stemma.db", keys=tmp_path / "keys")


def test_restored_store_is_the_one_that_was_backed_up(source: Settings, target: Settings, tmp_path: Path) -> None:
    """From either database into either: every row of every table, a log that verifies to the root, and work goes on."""
    told: list[tuple[int, int]] = []
    made = backup(source, tmp_path / "backup.zip", progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (made.manifest.rows, made.manifest.rows)
    found = restore(target, tmp_path / "backup.zip", progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (2 * made.manifest.rows, 2 * made.manifest.rows)
    assert (found.audit.verified, found.audit.entries, found.audit.signed_size) == (True, 6, 6)
    assert found.audit.root.hex() == made.manifest.ledger_root
    assert (found.manifest, found.unfinished, found.missing_key) == (made.manifest, 0, None)
    assert rows(target) == rows(source)
    with stemma.open(store=target.store, keys=target.keys) as here:
        assert here.prompts.get("tricky").prompt.instructions == TRICKY
        assert here.prompts.save("tricky", stemma.Prompt("Another.")).version == 3
        assert here.ledger.verify().verified


def test_backup_beside_a_writer_is_of_one_moment(source: Settings, target: Settings, tmp_path: Path) -> None:
    """While another process goes on writing, a backup is a state that the store had, and its log verifies."""
    writer = [sys.executable, "-W", "error", "-m", "tests.platform.writing", source.store, str(source.keys)]
    with subprocess.Popen(
        writer, cwd=Path(__file__).parents[2], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        begun = len(list(islice(process.stdout, 5)))
        made = backup(source, tmp_path / "backup.zip")
        list(islice(process.stdout, 5))
        process.communicate()
    assert process.returncode == 0
    found = restore(target, tmp_path / "backup.zip")
    assert found.audit.verified
    assert found.audit.entries == made.manifest.ledger_size >= 6 + 2 * begun
    store = Store.open(target.store)
    with store.read() as connection:
        versions = connection.execute(select(prompt_versions.c.version).where(prompt_versions.c.name == "busy")).all()
        label = connection.execute(
            select(prompt_labels.c.generation).where(prompt_labels.c.name == "busy")
        ).scalar_one()
    store.close()
    # Six entries before; then each version and each move is one, and the version comes first.
    assert len(versions) + label == found.audit.entries - 6
    assert len(versions) - label in (0, 1)


def test_unfinished_runs_go_on_after_a_restore(store_url: str, target: Settings, tmp_path: Path) -> None:
    """Runs that a killed process left are ended from the restored records, to the outcomes of undisturbed ones."""
    write_desk(tmp_path / "desk")
    manifest = load_manifest(tmp_path / "desk" / "stemma.yaml")
    networks_on(scope_on(store := Store.open(store_url)), ScriptedModel(rule))
    command = [sys.executable, "-W", "error", "-m", "tests.network.interrupted", store_url, str(tmp_path / "desk")]
    with subprocess.Popen(
        [*command, "4", "2", "6"], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        list(islice(process.stdout, 13))  # six answered, and one more asked that never will be
        process.kill()
    store.close()
    keys = tmp_path / "keys"
    Signer.load_or_create(keys)
    made = backup(Settings(store=store_url, keys=keys), tmp_path / "backup.zip")
    found = restore(target, tmp_path / "backup.zip")
    assert found.unfinished == made.unfinished > 0
    restored = scope_on(Store.open(target.store))
    networks = networks_on(restored, ScriptedModel(rule))
    with restored.read() as connection:
        recorded = connection.execute(select(func.sum(runs.c.calls))).scalar_one()
    ended = networks.run(manifest, tickets(4))
    assert ended.resumed > 0
    assert ended.calls == 4 * 4 - recorded < 4 * 4, "a call whose answer was in the backup was made again"
    undisturbed = networks.run(manifest, tickets(4), new=True)
    assert [end(run) for run in ended.runs] == [end(run) for run in undisturbed.runs]
    assert ended.count(RunStatus.COMPLETED) == 4
    assert restored.ledger.verify().verified
    restored.store.close()


def test_signing_key_stays_where_it_is(archive: Path, empty: Settings, tmp_path: Path) -> None:
    """No private key is in the file; a restore without one says where it has to be put, and makes none."""
    secret = (tmp_path / "keys" / "ledger.key").read_bytes().strip().rpartition(b"+")[2]
    assert not any(secret in content for content in members(archive).values())
    without = Settings(store=empty.store, keys=tmp_path / "nowhere")
    found = restore(without, archive)
    assert found.audit.signed_size == 6
    assert found.missing_key == tmp_path / "nowhere" / "ledger.key"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_backup_writes_nothing(source: Settings, tmp_path: Path) -> None:
    """It can be taken from a standby, where nothing can be written."""
    mark = "&" if "?" in source.store else "?"
    standby = f"{source.store}{mark}options=-c%20default_transaction_read_only%3Don"
    assert backup(Settings(store=standby, keys=source.keys), tmp_path / "backup.zip").manifest.ledger_size == 6


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_changed_byte_is_refused_or_changes_nothing(archive: Path, tmp_path: Path, data: st.DataObject) -> None:
    """Whichever byte is changed, the file is refused and nothing is written; or the byte meant nothing."""
    content = bytearray(archive.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    check_refused_or_same(bytes(content), archive, tmp_path)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_cut_off_file_is_refused(archive: Path, tmp_path: Path, data: st.DataObject) -> None:
    """However much of its end is missing."""
    content = archive.read_bytes()
    assert check_refused_or_same(content[: data.draw(st.integers(0, len(content) - 1))], archive, tmp_path)


def test_rewritten_file_is_refused(archive: Path, empty: Settings, tmp_path: Path) -> None:
    """A row that is changed together with its SHA-256 does not fit the signature, nor does a stranger's signature."""
    stranger = Signer.load_or_create(tmp_path / "strangers")
    own = Signer.load(tmp_path / "keys").public_key

    def put_in_a_label(content: dict[str, bytes]) -> None:
        change_table(content, "prompt_labels", lambda lines: lines.replace(b"production", b"staging"))

    def signed_by_the_stranger(content: dict[str, bytes]) -> None:
        put_in_a_label(content)
        manifest = json.loads(content["manifest.json"]) | {"public_key": stranger.public_key.text}
        sign(content, manifest, stranger)

    without_key = Settings(store=empty.store, keys=tmp_path / "nowhere")
    for change, place, key, error in (
        (put_in_a_label, without_key, None, "it was changed after it was signed"),
        (signed_by_the_stranger, empty, None, "was signed by stemma+"),
        (signed_by_the_stranger, without_key, own, "its signature cannot be believed"),
        (signed_by_the_stranger, without_key, None, "the checkpoint at 6 cannot be believed"),
    ):
        with pytest.raises(StemmaError, match=error):
            restore(place, rewritten(archive, change), public_key=key)
        assert not (tmp_path / "restored").exists()


def test_rewritten_log_is_refused_though_its_signature_holds(archive: Path, empty: Settings, tmp_path: Path) -> None:
    """Who has the key, but changes an entry, is found out by the checkpoint that was signed before."""

    def rewrite_an_entry(content: dict[str, bytes]) -> None:
        change_table(content, "ledger_entries", lambda lines: lines.replace(b"prompt.saved", b"prompt.found", 1))
        sign(content, json.loads(content["manifest.json"]), Signer.load(tmp_path / "keys"))

    with pytest.raises(LedgerTampered, match="nothing was restored"):
        restore(empty, rewritten(archive, rewrite_an_entry))
    assert not (tmp_path / "restored").exists()


def test_archive_of_another_version_says_what_to_do(archive: Path, empty: Settings) -> None:
    """A newer format asks for an upgrade, another schema for the release that wrote it, another file for a backup."""
    for name, value, kind, error in (
        ("version", 2, StoreNewer, "upgrade with: pip install"),
        ("schema", "0000", InvalidData, r"restore it with stemma-ai==\d"),
        ("format", "zip", InvalidData, "not a backup"),
    ):

        def change(content: dict[str, bytes], name: str = name, value: object = value) -> None:
            content["manifest.json"] = canonical_json(json.loads(content["manifest.json"]) | {name: value})

        with pytest.raises(kind, match=error):
            restore(empty, rewritten(archive, change))
    no_zip = archive.with_name("notes.txt")
    no_zip.write_text("not a ZIP file")
    later = archive.with_name("later.zip")
    entry = archive.read_bytes()
    at = entry.index(b"PK\x01\x02") + 6  # of the directory's first entry: the version of ZIP that it takes to read it
    later.write_bytes(entry[:at] + b"\x68" + entry[at + 1 :])
    for path, error in (
        (no_zip, "not a whole backup"),
        (later, "not a whole backup: zip file version 10.4"),
        (archive.with_name("gone.zip"), "No such file"),
    ):
        with pytest.raises(InvalidData, match=error):
            restore(empty, path)


def test_only_an_empty_store_takes_a_backup(source: Settings, tmp_path: Path) -> None:
    """A store with anything in it is left as it is."""
    backup(source, tmp_path / "backup.zip")
    before = rows(source)
    with pytest.raises(Conflict, match=r"is not empty .* nothing was restored; set STEMMA_STORE"):
        restore(source, tmp_path / "backup.zip")
    assert rows(source) == before


def test_engine_that_remembers_other_work_is_refused(archive: Path, empty: Settings, tmp_path: Path) -> None:
    """Beside an engine's database that was left behind, work of the restored store would count as done."""
    store = Store.open(empty.store)
    engine = sqlite_engine(system_file(store))
    with engine.begin() as connection:
        connection.exec_driver_sql("create table workflow_status (workflow_uuid text primary key)")
        connection.exec_driver_sql("insert into workflow_status values ('b_1.1')")
    engine.dispose()
    store.close()
    with pytest.raises(Conflict, match=r"remembers other work, and nothing was restored; remove '.*stemma.dbos.db'"):
        restore(empty, archive)
    for left in (tmp_path / "restored").glob("stemma.dbos.db*"):
        left.unlink()
    assert restore(empty, archive).audit.verified


def test_nothing_to_back_up_is_told(tmp_path: Path) -> None:
    """A store that is not there, is empty, is in memory or has lost its key gives no file."""
    keys = tmp_path / "keys"
    Signer.load_or_create(keys)
    Store.open(f"sqlite:///{tmp_path}/empty.db").close()
    filled(f"sqlite:///{tmp_path}/keyless.db", tmp_path / "lost")
    for url, folder, kind, error in (
        (f"sqlite:///{tmp_path}/gone.db", keys, NotFound, "there is no store at"),
        (f"sqlite:///{tmp_path}/empty.db", keys, NotFound, "is empty, so nothing was backed up"),
        ("sqlite://", keys, InvalidInput, "a store in memory ends with its process"),
        (f"sqlite:///{tmp_path}/keyless.db", tmp_path / "nowhere", NotConfigured, "put the key back"),
    ):
        with pytest.raises(kind, match=error):
            backup(Settings(store=url, keys=folder), tmp_path / "backup.zip")
    assert not (tmp_path / "gone.db").exists()
    assert not list(tmp_path.glob("*backup.zip*"))


def test_tampered_log_gives_no_backup_and_leaves_the_last_one(source: Settings, tmp_path: Path) -> None:
    """Whoever needs a backup has the last one that holds."""
    backup(source, tmp_path / "backup.zip")
    last = (tmp_path / "backup.zip").read_bytes()
    store = Store.open(source.store)
    with store.write() as connection:
        connection.exec_driver_sql("update ledger_entries set body = replace(body, 'saved', 'moved') where seq = 2")
    store.close()
    with pytest.raises(LedgerTampered, match=r"entry 2 was changed: .* no backup was made"):
        backup(source, tmp_path / "backup.zip")
    assert [path.name for path in tmp_path.glob("*backup.zip*")] == ["backup.zip"]
    assert (tmp_path / "backup.zip").read_bytes() == last


def test_file_that_cannot_be_written_is_told(source: Settings, tmp_path: Path) -> None:
    """A folder that is not there, and a disk that is full, leave nothing behind."""
    with pytest.raises(InvalidData, match="cannot be written: No such file or directory; no backup was made"):
        backup(source, tmp_path / "nowhere" / "backup.zip")
    tiny = tmp_path / "tiny"
    tiny.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", tiny], capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        with pytest.raises(StoreFull, match="no room left on its disk; no backup was made"):
            backup(source, tiny / "backup.zip")
        assert list(tiny.iterdir()) == []
    finally:
        subprocess.run(["umount", tiny], check=True)


# --- stores -----------------------------------------------------------------------------------------------------------


def filled(url: str, keys: Path) -> Settings:
    """Settings of a store at `url` that has six entries in its signed log."""
    with stemma.open(store=url, keys=keys, actor="user:ada") as here:
        for words in ("Say hello in {{language}}.", TRICKY):
            here.prompts.save("tricky", stemma.Prompt(words), metadata={"by": "hand"})
        here.prompts.save("folder/other", stemma.Prompt("Other.", user="{{x}}"))
        for name, version in (("tricky", 1), ("tricky", 2), ("folder/other", 1)):
            here.prompts.label(name, version, "production")
    return Settings(store=url, keys=keys)


def scope_on(store: Store) -> Scope:
    clock = SystemClock()
    return Scope(store, Ledger(store, clock), clock, "user:ada")


def rows(place: Settings) -> dict[str, bytes]:
    """Every table as lines."""
    store = Store.open(place.store)
    with store.read() as connection:
        found = {table.name: b"".join(dump(connection, table)) for table in metadata.sorted_tables}
    store.close()
    assert found[contents.name]
    return found


def end(run: Run) -> tuple[object, ...]:
    return run.item, run.status, run.request, run.outcome


def administer(url: str, statement: str) -> None:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


# --- archives ---------------------------------------------------------------------------------------------------------


def check_refused_or_same(content: bytes, archive: Path, folder: Path) -> bool:
    """Whether an archive of that content is refused, and then without a trace."""
    file, place = folder / "changed.zip", folder / "changed"
    file.write_bytes(content)
    shutil.rmtree(place, ignore_errors=True)
    changed = Settings(store=f"sqlite:///{place}/stemma.db", keys=folder / "keys")
    try:
        found = restore(changed, file)
    except StemmaError:
        assert not place.exists()
        return True
    assert found.manifest == manifest_of(archive)
    assert rows(changed) == rows(Settings(store=f"sqlite:///{folder}/stemma.db"))
    return False


def members(archive: Path) -> dict[str, bytes]:
    """What is in it by name, tables not compressed."""
    with zipfile.ZipFile(archive) as file:
        found = {name: file.read(name) for name in file.namelist()}
    plain = zstandard.ZstdDecompressor().decompressobj
    return {name: plain().decompress(one) if name.endswith(".zst") else one for name, one in found.items()}


def manifest_of(archive: Path) -> Manifest:
    return Manifest.from_json(archive, json.loads(members(archive)["manifest.json"]))


def rewritten(archive: Path, change: Change) -> Path:
    """Another archive, of which something was changed."""
    content = members(archive)
    change(content)
    path = archive.with_name("rewritten.zip")
    with zipfile.ZipFile(path, "w") as file:
        for name, one in content.items():
            file.writestr(name, zstandard.compress(one) if name.endswith(".zst") else one)
    return path


def change_table(content: dict[str, bytes], table: str, change: Callable[[bytes], bytes]) -> None:
    """Changes a table's lines, and their SHA-256 in the manifest."""
    name = f"tables/{table}.tsv.zst"
    before = content[name]
    content[name] = change(before)
    assert content[name] != before
    manifest = content["manifest.json"].replace(digest_bytes(before).encode(), digest_bytes(content[name]).encode())
    content["manifest.json"] = manifest


def sign(content: dict[str, bytes], manifest: dict[str, object], signer: Signer) -> None:
    """Signs the archive anew, as who has a key could."""
    content["manifest.json"] = canonical_json(manifest)
    name, size, root, *_ = content["checkpoint.txt"].decode().split("\n")
    binding = f"stemma-backup sha256 {digest_bytes(content['manifest.json'])}"
    content["checkpoint.txt"] = signer.sign(f"{name}\n{size}\n{root}\n{binding}\n").encode()
    assert PublicKey.parse(signer.public_key.text) == signer.public_key
