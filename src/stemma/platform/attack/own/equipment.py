"""Equipment: the tools that a network's agents hold, as its manifest and they themselves describe them. None is called."""

import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from stemma.core.trust import UNTRUSTED
from stemma.network import Effect, Manifest, Tool, ToolSpec
from stemma.network.agent import Agent
from stemma.network.equipment import WORKSPACE
from stemma.network.tools.toolbox import Toolbox
from stemma.platform.attack.own.doubles import Double

_SERVER = "mcp"


@dataclass(frozen=True, slots=True)
class Equipped:
    """The doubles of a network's tools by name, which of them each agent holds, and what is to be said of them."""

    doubles: Mapping[str, Double]
    held: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()

    def holders(self, tool: str) -> tuple[str, ...]:
        """The agents that may call a tool."""
        return tuple(agent for agent, tools in self.held.items() if tool in tools)


def equipped(manifest: Manifest) -> Equipped:
    """The tools of a network. Python files that hold some are loaded, for their signatures; servers are not started.

    Raises InvalidData and NotConfigured for tools that the network could not use either.
    """
    servers = [spec for spec in manifest.tools if spec.kind == _SERVER]
    names = {agent.name: _named(agent) for agent in manifest.agents}
    with _unwritten():
        found = asyncio.run(_described(manifest, servers, names))
    notes = [
        f"MCP server {spec.name!r} was not started: its tools are made up from the names that agents list"
        for spec in servers
    ]
    for spec in servers:
        found |= _made_up(spec, manifest)
    held = {agent: tuple(tool for name in listed for tool in found[name]) for agent, listed in names.items()}
    doubles = {one.name: Double.of(one) for tools in found.values() for one in tools.values()}
    return Equipped(doubles, held, tuple(notes))


def _named(agent: Agent) -> list[str]:
    names = [*agent.tools, *([agent.calls] if agent.calls else [])]
    return [name for name in names if name != WORKSPACE]


async def _described(
    manifest: Manifest, servers: Sequence[ToolSpec], names: Mapping[str, Sequence[str]]
) -> dict[str, Mapping[str, Tool]]:
    """What each name that agents list gives, but for servers."""
    specs = [spec for spec in manifest.tools if spec not in servers]
    wanted = {name for listed in names.values() for name in listed}
    async with Toolbox(specs, manifest.folder.resolve()) as box:
        return {
            name: await box.tools([name]) for name in sorted(wanted) if not any(_gives(one, name) for one in servers)
        }


def _gives(spec: ToolSpec, name: str) -> bool:
    return name == spec.name or name.startswith(f"{spec.name}_")


def _made_up(spec: ToolSpec, manifest: Manifest) -> dict[str, Mapping[str, Tool]]:
    """The tools of a server by the names that agents list: they may do anything, with what their callers read."""
    read: dict[str, set[str]] = {}
    for agent in manifest.agents:
        for name in _named(agent):
            if _gives(spec, name):
                read.setdefault(name, set()).update(agent.reads if agent.calls else ("input",))
    return {name: {name: _any_tool(spec, name, sorted(arguments))} for name, arguments in read.items()}


def _any_tool(spec: ToolSpec, name: str, arguments: Sequence[str]) -> Tool:
    async def invoke(*_: object) -> str:
        raise NotImplementedError(f"{name} is only described, never called")

    parameters = {"type": "object", "properties": {one: {} for one in arguments}}
    return spec.over(Tool(name, f"A tool of {spec.name}", parameters, invoke, Effect.WRITE, UNTRUSTED))


@contextmanager
def _unwritten() -> Iterator[None]:
    """Nothing is to be written beside the user's files, compiled modules included."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before
