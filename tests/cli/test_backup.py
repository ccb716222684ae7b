"""`stemma backup` and `stemma restore`, as they are typed."""

import zipfile
from pathlib import Path

import pytest
from tests.cli.terminal import Terminal


def test_backup_and_restore_tell_what_they_did(desk: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """In text and in JSON: how much, when, and that the log verifies to the same root."""
    told = desk("backup", "backup.zip").out
    assert "verified: 2 entries of the audit log, root " in told
    made = desk("backup", "backup.zip", "--json").json
    assert made["rows"] > 2
    assert made["bytes"] == (desk.folder / "backup.zip").stat().st_size
    for name, arguments in (("a", []), ("b", ["--json"])):
        monkeypatch.setenv("STEMMA_STORE", f"sqlite:///{desk.folder}/{name}/stemma.db")
        ran = desk("restore", "backup.zip", *arguments)
        assert ran.code == 0
    assert ran.json["audit"]["verified"]
    assert ran.json["audit"]["root"] == made["ledger"]["root"]
    assert ran.json["missing_key"] == str(desk.folder / "b" / "keys" / "ledger.key")
    assert desk("audit", "verify", "--json").json["entries"] == 2
    assert desk("prompts", "show", "desk/triage@production", "--json").json["version"] == 1


def test_restore_says_what_is_missing(desk: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the signing key the restored store is there, and a warning says where the key belongs."""
    desk("backup", "backup.zip")
    monkeypatch.setenv("STEMMA_STORE", f"sqlite:///{desk.folder}/new/stemma.db")
    ran = desk("restore", "backup.zip")
    assert "verified: 2 entries; 2 of them are signed for, by " in ran.out
    assert "warning: put the signing key back at" in ran.err


def test_refusals_are_one_line(desk: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that is not empty, a damaged file and a wrong place are told with the way out."""
    desk("backup", "backup.zip")
    assert "is not empty (there are rows in " in desk("restore", "backup.zip").told(1)
    content = (desk.folder / "backup.zip").read_bytes()
    desk.write("cut.zip", content[:-100])
    monkeypatch.setenv("STEMMA_STORE", f"sqlite:///{desk.folder}/new/stemma.db")
    assert "not a whole backup" in desk("restore", "cut.zip").told(2)
    assert "there is no store at" in desk("backup", "again.zip").told(1)
    assert "cannot be read" in desk("restore", Path("backup.zip"), "--public-key", "gone.txt").told(2)
    assert not (desk.folder / "new").exists()


def test_checkpoint_of_a_backup_can_be_kept(desk: Terminal) -> None:
    """The note in a backup is one that `stemma audit verify --kept` takes."""
    assert desk("backup", "backup.zip").err == ""
    with zipfile.ZipFile(desk.folder / "backup.zip") as file:
        desk.write("kept.txt", file.read("checkpoint.txt"))
    desk("prompts", "label", "desk/triage", "1", "staging")
    assert desk("audit", "verify", "--kept", "kept.txt").code == 0
