"""The tools of a network, open for as long as a worker lives."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from stemma.core.errors import InvalidInput, NotFound
from stemma.core.marked import near
from stemma.network.tools.modules import Modules
from stemma.network.tools.tool import Tool, ToolSpec


class Tools(Protocol):
    """What one entry of the manifest gives."""

    async def tools(self) -> Mapping[str, Tool]:
        """By name; every name is the entry's, or begins with it and ``_``."""

    async def close(self) -> None: ...


class Toolbox:
    """Every entry under `tools` of a manifest whose files lie in `folder`.

    Everything that needs no other process is checked when it is made: it raises InvalidInput, InvalidData or
    NotConfigured for an entry that can never work. Servers and sandboxes start when they are first used, and end with
    the block. One event loop uses it.
    """

    def __init__(self, specs: Sequence[ToolSpec], folder: Path) -> None:
        self._modules = Modules()
        self._entries: dict[str, Tools] = {}
        for spec in specs:
            if spec.name in self._entries:
                raise InvalidInput(f"two tools are called {spec.name!r}; rename one")
            self._entries[spec.name] = self._made(spec, folder)
        self._life = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._life.callback(self._modules.close)
        for entry in self._entries.values():
            self._life.push_async_callback(entry.close)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._life.aclose()

    async def tools(self, names: Sequence[str]) -> Mapping[str, Tool]:
        """The tools that `names` give: those of an entry, or a single one of a set by its own name.

        Raises NotFound for a name that gives none; ToolFailed or NotConfigured for a server that does not start.
        """
        found: dict[str, Tool] = {}
        for name in names:
            for tool in (await self._named(name)).values():
                if found.setdefault(tool.name, tool) is not tool:
                    raise InvalidInput(f"two tools are called {tool.name!r}; rename the entry of one")
        return found

    async def _named(self, name: str) -> Mapping[str, Tool]:
        if name in self._entries:
            return await self._entries[name].tools()
        known = list(self._entries)
        # The longest entry first, as the manifest reads it: no server's tool takes the place of another entry's.
        for entry in sorted(self._entries, key=len, reverse=True):
            if name.startswith(f"{entry}_"):
                tools = await self._entries[entry].tools()
                if name in tools:
                    return {name: tools[name]}
                known += tools
        listed = ", ".join(known) or "none"
        raise NotFound(f"there is no tool {name!r}{near(name, known)}; there are {listed}")

    def _made(self, spec: ToolSpec, folder: Path) -> Tools:
        # Each imported when a network has such a tool: what they call through takes a tenth of a second.
        match spec.kind:
            case "python":
                from stemma.network.tools.function import FunctionTools

                return FunctionTools(spec, folder, self._modules)
            case "files":
                from stemma.network.tools.files import FileTools

                return FileTools(spec, folder)
            case "http":
                from stemma.network.tools.http import HttpTools

                return HttpTools(spec, folder)
            case "mcp":
                from stemma.network.tools.mcp import McpTools

                return McpTools(spec, folder)
            case "code":
                from stemma.network.tools.code import CodeTools

                return CodeTools(spec, folder)
