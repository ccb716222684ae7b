"""The network that runs: a manifest with every prompt and every passage pinned to what it was when the run began."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from stemma.core.digests import digest, thaw
from stemma.core.errors import InvalidData, InvalidInput, NotFound
from stemma.core.marked import near
from stemma.core.trust import TRUSTED, TrustLabel
from stemma.guard.policy import Policy
from stemma.network.agent import Agent
from stemma.network.bounds import Bounds
from stemma.network.flow import Flow
from stemma.network.knowledge import Library
from stemma.network.manifest import CONTEXT, RESERVED, Manifest
from stemma.network.manifest.policies import misnamed_in
from stemma.network.people import Interceptor
from stemma.network.protection import Protects
from stemma.network.tools.tool import ToolSpec
from stemma.network.wire import from_json, to_json
from stemma.registry.formats import read_prompt
from stemma.registry.prompt import Prompt
from stemma.registry.prompts import PromptVersion
from stemma.registry.references import SCHEME

_log = logging.getLogger(__name__)


class PromptSource(Protocol):
    """Where references are looked up: `stemma.registry.Prompts`, or a double."""

    def get(self, name: str) -> PromptVersion: ...


@dataclass(frozen=True, slots=True)
class Spawned:
    """A role that another agent made up for one task: its name, and which of the agent's tools it is left with."""

    name: str
    tools: tuple[str, ...] = ()


@dataclass(frozen=True)
class Role:
    """An agent with the prompt it acts by; none when it only calls a tool.

    `source` says where the prompt came from; `trust` is the label of its author. `spawned` is there while the agent plays a
    role that another made up.
    """

    agent: Agent
    prompt: Prompt | None
    source: str
    trust: TrustLabel
    library: Library | None = None
    spawned: Spawned | None = None

    def may_use(self, tool: str) -> bool:
        """Whether a tool that the agent holds may be called in this role."""
        return self.spawned is None or tool in self.spawned.tools

    @property
    def output_schema(self) -> Mapping[str, Any] | None:
        return self.agent.output_schema or (self.prompt.output_schema if self.prompt else None)

    def to_json(self) -> dict[str, Any]:
        """The role without its passages, which are named by their digest."""
        return {
            "agent": to_json(self.agent),
            "prompt": self.prompt.to_json() if self.prompt else None,
            "source": self.source,
            "trust": self.trust.to_json(),
            "library": self.library.digest if self.library else None,
        }


@dataclass(frozen=True)
class Network:
    """Two networks with one digest do the same with the same input. `folder` is where tools and files lie; it may differ.

    `policies` are the texts by which its calls are decided about, by file name. A network that is not `guarded` shows every
    agent everything and lets every call through; no manifest can say so.
    """

    name: str
    inputs: Mapping[str, TrustLabel]
    roles: tuple[Role, ...]
    flow: Flow
    tools: tuple[ToolSpec, ...] = ()
    interceptors: tuple[Interceptor, ...] = ()
    bounds: Bounds = field(default_factory=Bounds)
    inbox: int = 1000
    topics: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    policies: Mapping[str, str] = field(default_factory=dict)
    protects: Protects | None = None
    guarded: bool = True
    folder: Path = Path()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content; passages count through their own digest."""
        return digest(self._content())

    @cached_property
    def _by_name(self) -> Mapping[str, Role]:
        return {role.agent.name: role for role in self.roles}

    def role(self, agent: str) -> Role:
        """The role that `agent` plays. Raises NotFound."""
        try:
            return self._by_name[agent]
        except KeyError:
            raise NotFound(f"network {self.name!r} has no agent {agent!r}; it has {', '.join(self._by_name)}") from None

    def inbox_of(self, agent: str) -> str:
        """The name of an agent's inbox. Networks of one name share it, so that a changed manifest changes no order."""
        return f"{self.name}/{agent}"

    def to_json(self) -> dict[str, Any]:
        libraries = {role.library.digest: role.library.to_json() for role in self.roles if role.library}
        return self._content() | {"libraries": libraries}

    @classmethod
    def from_json(cls, content: Any, *, folder: Path) -> "Network":
        """The network that `to_json` wrote. Raises InvalidInput."""
        try:
            libraries = {name: Library.from_json(passages) for name, passages in content["libraries"].items()}
            return cls(
                content["name"],
                {name: TrustLabel.from_json(label) for name, label in content["inputs"].items()},
                tuple(
                    Role(
                        from_json(Agent, role["agent"]),
                        Prompt.from_json(role["prompt"]) if role["prompt"] else None,
                        role["source"],
                        TrustLabel.from_json(role["trust"]),
                        libraries[role["library"]] if role["library"] else None,
                    )
                    for role in content["roles"]
                ),
                folder=folder,
                **{name: from_json(kind, content[name]) for name, kind in _PLAIN.items()},
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise InvalidInput("a pinned network cannot be read from the store") from error

    def _content(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "inputs": {name: label.to_json() for name, label in self.inputs.items()},
            "roles": [role.to_json() for role in self.roles],
        } | {name: to_json(getattr(self, name), kind) for name, kind in _PLAIN.items()}


_PLAIN: Mapping[str, Any] = {
    "flow": Flow,
    "tools": tuple[ToolSpec, ...],
    "interceptors": tuple[Interceptor, ...],
    "bounds": Bounds,
    "inbox": int,
    "topics": Mapping[str, tuple[str, ...]],
    "policies": Mapping[str, str],
    "protects": Protects | None,
    "guarded": bool,
}


def pin(manifest: Manifest, prompts: PromptSource) -> Network:
    """The manifest with its references resolved, its prompt files read and its folders cut into passages.

    Raises InvalidData, with the manifest's line, when the registry lacks a prompt or a prompt needs a value that its agent
    does not read. A policy about an agent or a tool that is not there is logged as a warning: networks elsewhere may share it.
    """
    for wrong in misnamed_in(manifest):
        _log.warning("%s", wrong)
    return Network(
        manifest.name,
        manifest.inputs,
        tuple(_role(agent, manifest, prompts) for agent in manifest.agents),
        manifest.flow,
        manifest.tools,
        manifest.interceptors,
        manifest.bounds,
        manifest.inbox,
        manifest.topics,
        Policy.load(manifest.policies).texts,
        manifest.protects,
        manifest.guarded,
        manifest.folder.resolve(),
    )


def _role(agent: Agent, manifest: Manifest, prompts: PromptSource) -> Role:
    library = Library.read(manifest.folder / agent.knowledge.folder) if agent.knowledge else None
    if agent.prompt is None:
        return Role(agent, None, f"tool {agent.calls}", TRUSTED, library)
    line = manifest.lines.get(agent.name)
    prompt, source, trust = _prompt(agent.name, agent.prompt, manifest, prompts, line)
    given = [*agent.reads, *RESERVED]
    for name in prompt.variables:
        if name not in given:
            raise InvalidData(
                manifest.path,
                f"the prompt {source!r} of agent {agent.name!r} needs {name!r}, which the agent does not read"
                f"{near(name, given)}; it has {', '.join([*agent.reads, *([CONTEXT] if agent.knowledge else [])])}",
                line=line,
            )
    schema = agent.output_schema or prompt.output_schema
    if schema is not None:
        _check_schema(schema, agent, manifest)
    return Role(agent, prompt, source, trust, library)


def _prompt(
    agent: str, named: str, manifest: Manifest, prompts: PromptSource, line: int | None
) -> tuple[Prompt, str, TrustLabel]:
    """The prompt, where it came from, and the label of its author."""
    if agent in manifest.prompts:
        return manifest.prompts[agent], named, TRUSTED
    if not named.startswith(SCHEME):
        # The file lies beside the manifest, whose author is trusted to choose it.
        return read_prompt(manifest.folder / named).prompt, named, TRUSTED
    try:
        found = prompts.get(named)
    except NotFound as error:
        raise InvalidData(manifest.path, f"'prompt' of agent {agent!r}: {error}", line=line) from error
    return found.prompt, found.reference, found.trust


def _check_schema(schema: Mapping[str, Any], agent: Agent, manifest: Manifest) -> None:
    from jsonschema import SchemaError  # 50 ms to import, and few agents have a schema
    from jsonschema.validators import validator_for

    try:
        validator_for(thaw(schema)).check_schema(thaw(schema))
    except SchemaError as error:
        raise InvalidData(
            manifest.path, f"the output schema of agent {agent.name!r} is not a JSON schema: {error.message}"
        ) from error
