"""`stemma init`, `doctor`, `models` and `demo`."""

import json
import subprocess
import sys

import pytest
from tests.cli.terminal import Terminal

DEMO = ("demo", "--max-calls", "1600", "--folder")


def test_started_project_works_and_is_never_written_over(terminal: Terminal) -> None:
    """`init` leaves files, a labelled prompt and a way on; a second one in the same place changes nothing."""
    ran = terminal("init", "my-desk")
    assert ran.code == 0
    assert "  cd my-desk\n" in ran.out
    written = {path: path.read_bytes() for path in (terminal.folder / "my-desk").rglob("*.y*ml")}
    assert {path.name for path in written} >= {"stemma.yaml", "triage.prompt.yml"}
    assert (
        terminal("init", "my-desk").told(2).endswith("is there already, and nothing was written; choose another folder")
    )
    assert {path: path.read_bytes() for path in written} == written
    assert terminal("init", "other", "--json").json["prompts"] == ["prompts:/support/triage/1"]


def test_project_is_not_begun_inside_a_file(terminal: Terminal) -> None:
    """A folder that cannot be made is named."""
    terminal.write("file", "x")
    assert terminal("init", "file/desk").told(2) == (
        "file/desk cannot be written: Not a directory; choose another folder"
    )
    assert terminal("demo", "--folder", "file/desk").code == 2


def test_doctor_says_what_is_missing_and_how_to_get_it(terminal: Terminal) -> None:
    """What is needed must be there; what only some need is shown with its command."""
    terminal("init", ".")
    ran = terminal("doctor")
    assert ran.code == 0
    assert "✓ model       embedded (STEMMA_MODEL)\n" in ran.out
    told = terminal("doctor", "--json").json
    assert told["ok"] is True
    names = {"python", "store", "audit log", "keys", "actor", "token", "model", "writer", "minilm", "parquet"}
    assert {check["name"] for check in told["checks"]} >= names


def test_doctor_makes_nothing(terminal: Terminal) -> None:
    """Where nobody has begun, it says that there is no store yet, and that is no fault."""
    ran = terminal("doctor")
    assert (ran.code, "– store       there is no store at" in ran.out) == (0, True)
    assert list(terminal.folder.iterdir()) == []


def test_doctor_shows_every_setting_and_no_secret(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose token it is, not what it is; a token that is missing in a governed store is a fault."""
    token = terminal("access", "enable").out.strip()
    assert terminal("doctor").code == 1
    monkeypatch.setenv("STEMMA_TOKEN", token)
    monkeypatch.setenv("STEMMA_WRITER", "embedded")
    ran = terminal("doctor")
    assert ran.code == 0, ran
    for named in ("STEMMA_STORE", "STEMMA_KEYS", "STEMMA_MODEL", "STEMMA_WRITER", "STEMMA_TOKEN"):
        assert named in ran.out
    assert "✓ token       user:ada's, live, until" in ran.out
    assert token.rpartition("_")[2] not in ran.out


def test_doctor_misses_the_key_that_signed_the_log(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it everything works and nothing new is signed; with another one the log would not verify."""
    terminal("init", ".")
    assert "this key signed the newest checkpoint" in " ".join(terminal("doctor").out.split())
    terminal("init", "other")
    for folder, told in (
        ("none", "no key, but the log was signed"),
        ("other/.stemma/keys", "another key than the log's"),
    ):
        monkeypatch.setenv("STEMMA_KEYS", str(terminal.folder / folder))
        ran = terminal("doctor")
        assert (ran.code, told in " ".join(ran.out.split())) == (1, True), ran
    monkeypatch.delenv("STEMMA_KEYS")
    assert terminal("audit", "verify").code == 0


def test_models_are_listed_with_what_they_lack(terminal: Terminal) -> None:
    """The embedded model is ready on every machine; each provider says what it needs."""
    told = {one["name"]: one for one in terminal("models", "ls", "--json").json}
    assert told["embedded"]["available"] is True
    assert terminal("models", "ls").out.splitlines()[0] == "model            kind      ready  note"
    assert terminal("models", "install", "bert").told(1).startswith("'bert' is nothing that can be installed")


def test_demo_shows_every_step_and_its_numbers(terminal: Terminal) -> None:
    """With a small budget, the whole road runs: its text reads well and its JSON holds what the text says."""
    command = [sys.executable, "-m", "stemma", *DEMO, "told", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as beside:
        ran = terminal(*DEMO, "shown")
        said, _ = beside.communicate()
    assert (ran.code, beside.returncode) == (0, 0), ran.err
    told = json.loads(said)
    assert [line[0] for line in ran.out.splitlines() if line.rstrip("─").rstrip()[:3] in STEPS] == list("12345")
    assert ran.out.count("╭─ ticket ") == 2
    assert {"baseline", "improved", "ci95", "n", "network", "audit", "seconds"} <= told.keys()
    assert told["improved"] > told["baseline"]
    assert told["network"]["runs"] == told["network"]["completed"] + told["network"]["handed_over"]
    assert told["audit"]["verified"] is True
    assert f"{told['best_digest'][:12]}  " in ran.out, "one seed, one result"


def test_demo_leaves_other_folders_alone(terminal: Terminal) -> None:
    """Only a folder that an earlier demo made is made anew."""
    terminal.write("mine.txt", "x")
    assert terminal("demo", "--folder", ".").told(2) == (
        ". is there already and is not a demo's; choose another place with --folder"
    )


STEPS = tuple(f"{number}  " for number in range(1, 6))
