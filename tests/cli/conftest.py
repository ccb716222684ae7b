"""A folder with a store, a prompt and data, and a terminal in it."""

from pathlib import Path

import pytest
from tests.cli.terminal import PROMPT, Terminal, rows
from tests.cli.till import write_till


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """A terminal of 80 columns in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("STEMMA_KEYS", "STEMMA_MODEL", "STEMMA_WRITER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STEMMA_STORE", f"sqlite:///{tmp_path}/.stemma/stemma.db")
    monkeypatch.setenv("STEMMA_ACTOR", "user:ada")
    monkeypatch.setenv("COLUMNS", "80")
    return Terminal(tmp_path, capsys)


@pytest.fixture
def desk(terminal: Terminal) -> Terminal:
    """A terminal where `desk/triage` is saved and labelled, beside `data.csv` with columns `text` and `label`."""
    terminal.write("triage.txt", PROMPT)
    terminal.write("data.csv", rows())
    assert terminal("prompts", "save", "desk/triage", "triage.txt", "-m", "by hand").code == 0
    assert terminal("prompts", "label", "desk/triage", "1", "production").code == 0
    return terminal


@pytest.fixture
def till(terminal: Terminal) -> Terminal:
    """A terminal in the folder of a network without a model that asks a person before it pays; see `tests.cli.till`."""
    write_till(terminal.folder)
    return terminal
