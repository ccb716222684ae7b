"""`stemma init`, `doctor`, `models` and `demo`."""

import json
import subprocess
import sys

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
    ran = terminal("doctor")
    assert ran.code == 0
    assert "✓ model       embedded\n" in ran.out
    told = terminal("doctor", "--json").json
    assert told["ok"] is True
    assert {check["name"] for check in told["checks"]} >= {"python", "store", "audit log", "model", "minilm", "parquet"}


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
