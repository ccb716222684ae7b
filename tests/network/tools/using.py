"""Calling tools in tests as the control loop does."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from stemma.network.tools.invoking import invoke
from stemma.network.tools.tool import Call, Tool, ToolSpec
from stemma.network.tools.toolbox import Toolbox

Result = TypeVar("Result")


def call_in(folder: Path, *, run: str = "run_1", key: str = "run_1.1/0") -> Call:
    """A call as an agent of the network in `folder` makes it."""
    return Call(key=key, run=run, agent="clerk", folder=folder)


def used(spec: ToolSpec, folder: Path, work: Callable[[Mapping[str, Tool]], Awaitable[Result]]) -> Result:
    """What `work` returns, given the tools of `spec`, in a toolbox that is open as long as it works."""

    async def main() -> Result:
        async with Toolbox([spec], folder) as toolbox:
            return await work(await toolbox.tools([spec.name]))

    return asyncio.run(main())


def answer(
    spec: ToolSpec, folder: Path, name: str, *, run: str = "run_1", max_chars: int = 20_000, **given: Any
) -> Any:
    """What the tool `name` of `spec` answers to one call."""

    async def one(tools: Mapping[str, Tool]) -> Any:
        return await invoke(tools[name], given, call_in(folder, run=run), max_chars=max_chars)

    return used(spec, folder, one)
