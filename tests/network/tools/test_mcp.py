"""MCP servers as tools: a real one over its streams, and a real one over HTTP."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.network.tools.using import answer, call_in, used

from stemma.core.errors import InvalidInput, NotConfigured
from stemma.core.trust import INTERNAL, UNTRUSTED
from stemma.network.tools.invoking import invoke
from stemma.network.tools.mcp import McpTools
from stemma.network.tools.tool import Effect, Tool, ToolFailed, ToolSpec
from stemma.network.tools.toolbox import Toolbox

SERVER = str(Path(__file__).with_name("mcp_server.py"))

pytest.importorskip("mcp", reason="needs the extra 'mcp'")


def docs(**over: Any) -> ToolSpec:
    options = {"command": [sys.executable, SERVER]} | over.pop("options", {})
    return ToolSpec("docs", "mcp", options, **over)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The URL of a server over HTTP, in a process of its own."""
    with subprocess.Popen([sys.executable, SERVER, "http"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        yield f"http://127.0.0.1:{port}/mcp"
        process.kill()


def asking(folder: Path, tools: Mapping[str, Tool]) -> Callable[..., Awaitable[Any]]:
    async def ask(name: str, **given: Any) -> Any:
        return await invoke(tools[f"docs_{name}"], given, call_in(folder), max_chars=1000)

    return ask


def test_over_streams(tmp_path: Path) -> None:
    """Tools come with their schemas, hints and names, are called, fail in its words, and survive its death."""

    async def work(tools: Mapping[str, Tool]) -> None:
        ask = asking(tmp_path, tools)
        assert set(tools) == {
            f"docs_{name}" for name in ("stock", "note", "fail", "die", "hang", "picture", "who_am_i")
        }
        assert tools["docs_stock"].description == "How much of an article there is."
        assert tools["docs_stock"].parameters["required"] == ["article"]
        assert (tools["docs_stock"].effect, tools["docs_stock"].may_repeat) == (Effect.READ, True)
        assert (tools["docs_note"].effect, tools["docs_note"].may_repeat) == (Effect.WRITE, True)
        assert (tools["docs_fail"].effect, tools["docs_fail"].may_repeat) == (Effect.WRITE, False)
        assert tools["docs_fail"].label == UNTRUSTED

        assert await ask("stock", article="tea") == {"article": "tea", "place": "here", "amount": 3}
        assert await ask("note", text="hello") == "noted"
        assert (tmp_path / "notes.txt").read_text() == "hello"
        with pytest.raises(ToolFailed, match=r"out of tea"):
            await ask("fail", reason="out of tea")
        with pytest.raises(ToolFailed, match=r"argument 'article' of tool 'docs_stock' cannot be used"):
            await ask("stock", article=3)
        with pytest.raises(ToolFailed, match=r"answered with image; only text and JSON are passed on"):
            await ask("picture")

        first = (await ask("who_am_i"))["pid"]
        with pytest.raises(ToolFailed, match=r"MCP server 'docs' broke off: .*; the next call starts it again"):
            await ask("die")
        second = (await ask("who_am_i"))["pid"]
        assert first != second
        assert (await ask("who_am_i"))["pid"] == second

    used(docs(options={"tools": pins(tmp_path)}), tmp_path, work)


def pins(folder: Path) -> Mapping[str, str]:
    """Every tool of the server with its digest, as somebody pins them who has read what they say."""

    async def offered() -> Mapping[str, str]:
        server = McpTools(docs(), folder)
        try:
            return {name: offer.digest for name, offer in (await server.offers()).items()}
        finally:
            await server.close()

    return asyncio.run(offered())


def test_over_http(url: str, tmp_path: Path) -> None:
    """A server that runs already is asked over HTTP; what the manifest says of its tools overrules what it says itself."""
    spec = ToolSpec("docs", "mcp", {"url": url}, effect=Effect.READ, label=INTERNAL, timeout=7)

    async def work(tools: Mapping[str, Tool]) -> None:
        ask = asking(tmp_path, tools)
        assert (tools["docs_fail"].effect, tools["docs_fail"].label, tools["docs_fail"].timeout) == (
            Effect.READ,
            INTERNAL,
            7,
        )
        assert (await ask("stock", article="tea", place="there"))["place"] == "there"
        with pytest.raises(ToolFailed, match=r"out of tea"):
            await ask("fail", reason="out of tea")

    used(spec, tmp_path, work)


def test_tool_that_hangs(tmp_path: Path) -> None:
    """A tool that does not answer is given up in its time, and the toolbox still closes."""

    async def work(tools: Mapping[str, Tool]) -> None:
        with pytest.raises(ToolFailed, match=r"tool 'docs_hang' did not answer within 0.2 seconds"):
            await asking(tmp_path, tools)("hang")

    used(docs(timeout=0.2), tmp_path, work)


def test_environment_and_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server is given the variables that the manifest names and no other of the worker's, and ends with the toolbox."""
    monkeypatch.setenv("DESK_GIVEN", "1")
    monkeypatch.setenv("DESK_KEPT", "secret")

    async def main() -> None:
        async with Toolbox([docs(options={"env": ["DESK_GIVEN"]})], tmp_path) as toolbox:
            seen = await asking(tmp_path, await toolbox.tools(["docs"]))("who_am_i")
        assert (seen["given"], seen["kept"]) == ("1", None)
        with pytest.raises(ProcessLookupError):
            os.kill(seen["pid"], 0)

    asyncio.run(main())


def test_variable_that_is_not_set(tmp_path: Path) -> None:
    """A variable that the manifest names and nobody set is a matter of configuration."""
    with pytest.raises(
        NotConfigured, match=r"tool 'docs' needs the environment variable 'DESK_NOWHERE', which is not set"
    ):
        answer(docs(options={"env": ["DESK_NOWHERE"]}), tmp_path, "docs_stock", article="tea")


@pytest.mark.parametrize("command", [["no-such-command-at-all"], [sys.executable, "-c", "raise SystemExit(1)"]])
def test_server_that_does_not_start(tmp_path: Path, command: list[str]) -> None:
    """A command that is not there, or ends at once, is told with the command."""
    with pytest.raises(ToolFailed, match=rf"MCP server 'docs' did not start: .*; check {command[0]}"):
        answer(ToolSpec("docs", "mcp", {"command": command}), tmp_path, "docs_stock", article="tea")


@pytest.mark.parametrize("options", [{}, {"command": ["x"], "url": "http://127.0.0.1:9"}, {"command": "x"}])
def test_options_that_are_wrong(tmp_path: Path, options: Mapping[str, Any]) -> None:
    """A server without a way to it, or with two, is refused with the tool's name."""
    with pytest.raises(InvalidInput, match=r"tool 'docs': "):
        answer(ToolSpec("docs", "mcp", options), tmp_path, "docs_stock")


def test_without_the_extra(tmp_path: Path) -> None:
    """Where the extra is not installed, one line says how to install it, and only when a server is asked for."""
    script = """
import asyncio, sys
from pathlib import Path
sys.modules["fastmcp"] = None  # as if it were not there
from stemma.network.tools.tool import ToolSpec
from stemma.network.tools.toolbox import Toolbox

async def main():
    async with Toolbox([ToolSpec("docs", "mcp", {"command": ["x"]}), ToolSpec("lab", "code")], Path()) as toolbox:
        await toolbox.tools(["lab"])
        await toolbox.tools(["docs"])

try:
    asyncio.run(main())
except Exception as error:
    print(type(error).__name__, error)
"""
    said = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    told = "NotConfigured tool 'docs' is an MCP server, which needs the extra 'mcp': pip install 'stemma-ai[mcp]'\n"
    assert said.stdout == told
