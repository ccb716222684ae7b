"""What a manifest says, as a record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stemma.core.trust import TrustLabel
from stemma.network.agent import Agent
from stemma.network.bounds import Bounds
from stemma.network.flow import Flow
from stemma.network.people import Interceptor
from stemma.network.protection import Protects
from stemma.network.tools.tool import ToolSpec
from stemma.registry.prompt import Prompt

INBOX = 1000
"""How many messages may wait for one agent, unless a manifest says otherwise."""


@dataclass(frozen=True)
class Manifest:
    """A network as written: every name in it means something, and every value is there when it is needed.

    `agents` stand in the order in which the flow names them first. `topics` says which agents subscribe to which topic. An
    agent whose prompt was given as it is, in Python, finds it in `prompts` under its name. `policies` is the folder of those
    by which the calls of its agents are decided about, on top of the ones that hold everywhere. A network that is not
    `guarded` shows what an attack does to one; only Python can define it.
    """

    name: str
    path: Path
    inputs: Mapping[str, TrustLabel]
    agents: tuple[Agent, ...]
    flow: Flow
    tools: tuple[ToolSpec, ...] = ()
    interceptors: tuple[Interceptor, ...] = ()
    bounds: Bounds = field(default_factory=Bounds)
    inbox: int = INBOX
    topics: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    prompts: Mapping[str, Prompt] = field(default_factory=dict)
    policies: Path | None = None
    protects: Protects | None = None
    guarded: bool = True
    lines: Mapping[str, int] = field(default_factory=dict, compare=False)
    """The line of each agent's prompt, for messages about what the registry says of it."""

    @property
    def folder(self) -> Path:
        """Where the files lie that the manifest names."""
        return self.path.parent
