"""Databases and folders that cannot be used as they are, met through the command."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.cli.terminal import Terminal, process, surroundings

import stemma
from stemma.cli.app import COMMANDS

# Loads what the command needs while it still may read everything, then goes on as somebody without rights.
UNPRIVILEGED = """
import os, sys, tempfile
from stemma.cli.app import COMMANDS, run
for entry in COMMANDS:
    entry.load()
run(["init", tempfile.mkdtemp() + "/warm"])
os.environ["STEMMA_STORE"] = sys.argv[1]
os.setgid(65534), os.setuid(65534)
sys.exit(run(sys.argv[2:]))
"""
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root may go on as somebody else, or mount a file system")


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    place = tmp_path / "tiny"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def test_damaged_file_is_named(desk: Terminal) -> None:
    """A file that is no database, and one with broken pages, say where they are and what helps."""
    store = desk.folder / ".stemma" / "stemma.db"
    pages = bytearray(store.read_bytes())
    for leftover in (desk.folder / ".stemma").glob("stemma.db-*"):
        leftover.unlink()
    store.write_bytes(b"not a database at all" * 100)
    assert desk("prompts", "ls").told(1) == (
        f"store '{store}' is not a Stemma database, or is damaged; restore it from a backup"
    )
    pages[4096:] = b"\xff" * (len(pages) - 4096)
    store.write_bytes(pages)
    assert f"store '{store}' is damaged; restore it from a backup, or save what is left" in desk("prompts", "ls").told(
        1
    )


def test_newer_database_asks_for_an_upgrade_and_is_left_alone(desk: Terminal) -> None:
    """A database that a newer version wrote is not touched."""
    store = desk.folder / ".stemma" / "stemma.db"
    with sqlite3.connect(store) as database:
        database.execute("update alembic_version set version_num = '9999'")
    database.close()
    before = store.read_bytes()
    told = desk("prompts", "save", "desk/triage", "triage.txt").told(1)
    assert "was written by a newer Stemma (schema 9999" in told
    assert "upgrade with: pip install --upgrade stemma-ai" in told
    assert store.read_bytes() == before


@pytest.mark.parametrize(
    ("url", "code", "message"),
    [
        ("mysql://root@localhost/x", 2, "store 'mysql://root@localhost/x' is not a database URL; use sqlite:///"),
        ("sqlite:///data.csv/stemma.db", 1, "cannot create the folder 'data.csv' for the store"),
        ("sqlite:///data.csv", 1, "store 'data.csv' is not a Stemma database"),
        ("postgresql://nobody@127.0.0.1:1/none", 1, "cannot be used: connection failed"),
    ],
)
def test_store_that_cannot_be_opened_is_named(
    desk: Terminal, monkeypatch: pytest.MonkeyPatch, url: str, code: int, message: str
) -> None:
    """Every wrong STEMMA_STORE is one line."""
    monkeypatch.setenv("STEMMA_STORE", url)
    assert message in desk("prompts", "save", "desk/triage", "triage.txt").told(code)


def test_keys_that_cannot_be_written_are_named(desk: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a place for the signing key nothing begins, and the place is told."""
    monkeypatch.setenv("STEMMA_STORE", f"sqlite:///{desk.folder}/new/stemma.db")
    monkeypatch.setenv("STEMMA_KEYS", str(desk.folder / "data.csv"))
    told = desk("prompts", "save", "desk/triage", "triage.txt").told(1)
    assert f"the signing key cannot be written to '{desk.folder}/data.csv/" in told


def test_another_key_never_signs_the_log(desk: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where STEMMA_KEYS is of another project: what is done is recorded and the way out told, and the log stays good."""
    assert desk("init", "other").code == 0
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("STEMMA_KEYS", str(desk.folder / "other" / ".stemma" / "keys"))
        told = desk("prompts", "label", "desk/triage", "1", "staging").told(1)
        assert "nothing was signed" in told
        assert "put the log's own ledger.key into the folder of STEMMA_KEYS" in told
    assert desk("audit", "verify").out.startswith("verified: 3 entries; 2 of them are signed for")
    assert desk("audit", "checkpoint").code == 0
    assert "3 of them are signed for" in desk("audit", "verify").out


@as_root
def test_read_only_folder_is_named(desk: Terminal) -> None:
    """Where this user may not write, each command says so in one line, and nothing is left there."""
    desk.folder.chmod(0o755)
    commands = [["prompts", "save", "desk/triage", "triage.txt"]]
    if _is_open_to_all(Path(stemma.__file__)):  # else this user cannot even read the example that these two copy
        commands += [["demo"], ["init", "new"]]
    for command in commands:
        places = (f"sqlite:///{desk.folder}/closed/stemma.db", f"sqlite:///{desk.folder}/.stemma/stemma.db")
        for place in places:
            ran = subprocess.run(
                [sys.executable, "-c", UNPRIVILEGED, place, *command], capture_output=True, text=True, timeout=60
            )
            error = ran.stderr.splitlines()[-1]
            assert ran.returncode in (1, 2), ran.stderr
            assert error.startswith("error: ")
            assert "ermission denied" in error or "read-only" in error or "cannot be opened" in error
            assert "Traceback" not in ran.stderr
    assert not (desk.folder / "closed").exists()
    assert not (desk.folder / "new").exists()
    assert not (desk.folder / "stemma-demo").exists()


@as_root
def test_full_disk_undoes_the_step_and_keeps_the_rest(desk: Terminal, tiny_disk: Path) -> None:
    """When the disk is full the command says so; what was there before is whole, and with room again work goes on."""
    store = f"sqlite:///{tiny_disk}/stemma.db"
    assert process("prompts", "save", "desk/triage", "triage.txt", STEMMA_STORE=store).returncode == 0
    desk.write("long.txt", "".join(f"{n * n * n:x} " for n in range(60_000)))
    filler = tiny_disk / "filler"
    with filler.open("wb", buffering=0) as file:
        free = os.statvfs(tiny_disk)
        file.write(b"x" * max(0, (free.f_bavail - 30) * free.f_frsize))
    ran = process("prompts", "save", "desk/triage", "long.txt", STEMMA_STORE=store)
    assert ran.returncode == 1
    assert ran.stderr.count("\n") == 1
    assert "has no room left on its disk" in ran.stderr
    filler.unlink()
    told = process("prompts", "log", "desk/triage", "--json", STEMMA_STORE=store).stdout
    assert told.count('"version": ') == 1
    assert process("audit", "verify", STEMMA_STORE=store).returncode == 0
    assert process("prompts", "save", "desk/triage", "long.txt", STEMMA_STORE=store).returncode == 0


def test_two_processes_that_move_one_label_do_not_both_win(desk: Terminal) -> None:
    """Of processes that expect a label where it was, exactly one moves it and every other is told."""
    desk.write("other.txt", "Another {{text}}")
    assert desk("prompts", "save", "desk/triage", "other.txt").code == 0

    def move(_: int) -> subprocess.CompletedProcess[str]:
        return process("prompts", "label", "desk/triage", "2", "production", "--expect", "1")

    with ThreadPoolExecutor(4) as pool:
        ran = list(pool.map(move, range(4)))
    losers = [one for one in ran if one.returncode]
    assert len(losers) == 3
    for one in losers:
        assert one.returncode == 1
        assert one.stderr.startswith("error: label 'production' of 'desk/triage' ")
        assert one.stderr.count("\n") == 1
    assert desk("prompts", "show", "desk/triage@production", "--json").json["version"] == 2
    moves = desk("audit", "tail", "--kind", "label.moved", "--json").json
    assert len(moves) == 2


def test_commands_do_not_write_outside_their_store(desk: Terminal, tmp_path: Path) -> None:
    """Reading the registry leaves no file behind in the folder where it is called."""
    empty = tmp_path / "elsewhere"
    empty.mkdir()
    ran = subprocess.run(
        [sys.executable, "-m", "stemma", "prompts", "ls"], cwd=empty, env=surroundings(), capture_output=True, text=True
    )
    assert "desk/triage" in ran.stdout
    assert list(empty.iterdir()) == []


ID = "b_01.1.1"
READING = (
    *(
        "prompts ls",
        "prompts show a",
        "prompts log a",
        "prompts diff a/1 a/2",
        "prompts label a 1 b",
        "prompts lineage a",
    ),
    *(
        "prompts export a/1 a.json",
        "sessions ls",
        f"runs ls|runs resume {ID}|runs show {ID}|runs cancel {ID}|runs workspace {ID}",
    ),
    *(
        "people ls",
        "people show q",
        "people approve q",
        "people reject q",
        "people answer q x",
        "people edit q --value {}",
    ),
    *("messages ls", "messages show m", "messages replay m", "messages inboxes", "memory ls", "memory search a b"),
    *("memory forget 1", "guard reveal text.txt", "guard erase acme --yes", "policy explain 1", "policy dry-run ."),
    *("access recover", "access disable", "access whoami", "access ls", "access revoke user:a admin", "access roles"),
    *(
        "access protect",
        "tokens ls",
        "tokens revoke t",
        "alarms ls",
        "alarms show 1",
        "alarms scan",
        "network check net.yaml",
    ),
    *(
        "audit verify",
        "audit verify --effects",
        "audit tail",
        "audit checkpoint",
        "audit key",
        "audit export log.jsonl",
    ),
    *("audit attest 1", "audit attest --verify text.txt", "audit witness request ask.txt", "backup all.stemma"),
    *("audit witness add text.txt --witness w1.pub", "gate 1 --data data.csv --input text --expected label"),
)
MAKES_A_STORE = {
    *(
        "demo",
        "init",
        "prompts save",
        "prompts import",
        "eval",
        "portability",
        "optimize",
        "run",
        "worker",
        "up",
        "restore",
    ),
    *("access enable", "access add", "access grant", "tokens issue", "guard scan"),
}
NEEDS_NO_STORE = {
    *(
        "doctor",
        "network show",
        "network tools",
        "models ls",
        "models install",
        "policy show",
        "policy check",
        "policy test",
    ),
    *("attack", "audit witness init", "audit witness sign"),
}


@pytest.mark.parametrize("words", [one for line in READING for one in line.split("|")])
def test_reading_makes_no_store(terminal: Terminal, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    """Where there is none, whoever only reads or signs is told so, and nothing is made: neither files nor folders."""
    terminal.write("text.txt", "x")
    terminal.write("data.csv", "text,label\na,b\n")
    terminal.write(
        "net.yaml",
        "network: n\ninputs: [t]\nagents: {a: {prompt: prompts:/a@production, reads: [t], writes: o}}\npipeline: [a]\n",
    )
    before = sorted(terminal.folder.rglob("*"))
    for place in (terminal.folder / ".stemma", terminal.folder / "no" / "where"):
        monkeypatch.setenv("STEMMA_STORE", f"sqlite:///{place}/stemma.db")
        told = terminal(*words.split()).told(1)
        assert told.startswith(f"there is no store at '{place}/stemma.db'"), told
        assert "set STEMMA_STORE" in told
    assert sorted(terminal.folder.rglob("*")) == before


def test_each_command_is_known_to_make_a_store_or_not() -> None:
    """A new command is added to one of the lists above."""
    reading = {words for line in READING for words in line.split("|")}
    named = [*MAKES_A_STORE, *NEEDS_NO_STORE, *reading]
    commands = [" ".join(path) for entry in COMMANDS for path in _paths(entry.load(), entry.name)]
    unnamed = [one for one in commands if not any(f"{words} ".startswith(f"{one} ") for words in named)]
    assert unnamed == []


def test_an_empty_file_is_no_store(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not made one by looking at it."""
    empty = terminal.write("empty.db", b"")
    monkeypatch.setenv("STEMMA_STORE", f"sqlite:///{empty}")
    assert f"there is no store at '{empty}'" in terminal("audit", "verify").told(1)
    assert empty.read_bytes() == b""
    assert list(terminal.folder.iterdir()) == [empty]


def _paths(command: Any, *path: str) -> Iterator[tuple[str, ...]]:
    inside = getattr(command, "commands", {})
    for name in inside:
        yield from _paths(inside[name], *path, name)
    if not inside:
        yield path


def _is_open_to_all(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o005 == 0o005 for folder in path.resolve().parents)
