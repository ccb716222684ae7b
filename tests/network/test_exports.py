"""What `stemma.network` offers, and that a name costs nothing before it is used."""

import subprocess
import sys

import pytest

import stemma.network


def loaded(statement: str) -> list[str]:
    """Which of the large libraries a fresh interpreter has after a statement."""
    heavy = ("dbos", "numpy", "pydantic_ai", "sqlalchemy", "yaml")
    script = f"import sys\n{statement}\nprint(*(name for name in {heavy!r} if name in sys.modules))"
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()


def test_every_name_is_there_and_nothing_else() -> None:
    """Each exported name is found where the room says it is; a misspelt one is an AttributeError as anywhere."""
    for name in stemma.network.__all__:
        assert getattr(stemma.network, name).__name__ == name
    assert sorted(stemma.network._HOMES) == stemma.network.__all__
    with pytest.raises(AttributeError, match="has no attribute 'Netwrok'"):
        stemma.network.__getattr__("Netwrok")


def test_a_file_of_tools_waits_for_no_library() -> None:
    """What a tool's author imports brings neither the database nor the models nor the engine."""
    assert loaded("import stemma.network") == []
    assert loaded("from stemma.network import Call, Effect, Labelled, ToolFailed, tool") == []
    assert "dbos" not in loaded("from stemma.network import Networks, WorkerSettings")
