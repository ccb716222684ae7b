"""The toolbox: what names give, what clashes, and that everything ends with it."""

import asyncio
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from stemma.core.errors import InvalidInput, NotFound
from stemma.network.tools.tool import ToolSpec
from stemma.network.tools.toolbox import Toolbox

SPECS = (
    ToolSpec("out", "files", {"folder": "reports"}),
    ToolSpec("web", "http", {"allow": ["https://example.com/"]}),
    ToolSpec("lab", "code"),
    ToolSpec("quote", "python", {"function": "shlex:quote"}),
)


def named(names: Sequence[str], folder: Path, specs: Sequence[ToolSpec] = SPECS) -> list[str]:
    async def main() -> list[str]:
        async with Toolbox(specs, folder) as toolbox:
            return list(await toolbox.tools(names))

    return asyncio.run(main())


def test_entries_give_their_tools(tmp_path: Path) -> None:
    """An entry's name gives all of its tools, a tool's own name gives that one, in the order asked for."""
    assert named(["quote", "out"], tmp_path) == ["quote", "out_read", "out_write", "out_list"]
    assert named(["lab_run", "out_list", "web"], tmp_path) == ["lab_run", "out_list", "web_get"]
    assert named(["out_read", "out"], tmp_path) == ["out_read", "out_write", "out_list"]
    assert named([], tmp_path) == []


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("quot", r"there is no tool 'quot' \(did you mean 'quote'\?\); there are out, web, lab, quote$"),
        ("out_reed", r"there is no tool 'out_reed' \(did you mean 'out_read'\?\)"),
    ],
)
def test_unknown_name(tmp_path: Path, name: str, told: str) -> None:
    """A name that gives nothing is refused with the nearest that would."""
    with pytest.raises(NotFound, match=told):
        named([name], tmp_path)


def test_clashing_names(tmp_path: Path) -> None:
    """Two entries of one name, and two tools that come out with one, are refused."""
    with pytest.raises(InvalidInput, match=r"two tools are called 'lab'"):
        Toolbox([ToolSpec("lab", "code"), ToolSpec("lab", "code")], tmp_path)
    both = [ToolSpec("lab", "code"), ToolSpec("lab_run", "python", {"function": "shlex:quote"})]
    with pytest.raises(InvalidInput, match=r"two tools are called 'lab_run'"):
        named(["lab", "lab_run"], tmp_path, both)


def test_nothing_stays(tmp_path: Path) -> None:
    """A closed toolbox leaves no module and no thread behind."""
    (tmp_path / "tools.py").write_text("def f() -> int:\n    return 1\n")
    modules, threads = set(sys.modules), threading.active_count()

    async def main() -> None:
        async with Toolbox([ToolSpec("f", "python", {"function": "tools.py:f"})], tmp_path) as toolbox:
            await toolbox.tools(["f"])
            assert any(name.startswith("stemma_tools_") for name in sys.modules)

    asyncio.run(main())
    assert not any(name.startswith("stemma_tools_") for name in set(sys.modules) - modules)
    assert threading.active_count() == threads
