"""The network that runs: a manifest with every prompt and every passage pinned to what it was when the run began."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from stemma.core.digests import digest, thaw
from stemma.core.errors import InvalidData, InvalidInput, NotFound
from stemma.core.trust import TRUSTED, TrustLabel
from stemma.network.agent import Agent
from stemma.network.knowledge import Library
from stemma.network.manifest import CONTEXT, Manifest
from stemma.network.marked import near
from stemma.registry.formats import read_prompt
from stemma.registry.prompt import Prompt
from stemma.registry.prompts import PromptVersion
from stemma.registry.references import SCHEME


class PromptSource(Protocol):
    """Where references are looked up: `stemma.registry.Prompts`, or a double."""

    def get(self, name: str) -> PromptVersion: ...


@dataclass(frozen=True)
class Role:
    """An agent with the prompt it acts by. `source` says where that came from; `trust` is the label of its author."""

    agent: Agent
    prompt: Prompt
    source: str
    trust: TrustLabel
    library: Library | None

    @property
    def output_schema(self) -> Mapping[str, Any] | None:
        return self.agent.output_schema or self.prompt.output_schema


@dataclass(frozen=True)
class Network:
    """The roles stand in the order of the pipeline. Two networks with one digest do the same with the same input."""

    name: str
    inputs: Mapping[str, TrustLabel]
    roles: tuple[Role, ...]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content; passages count through their own digest."""
        roles = [
            role | {"library": pinned.library.digest if pinned.library else None}
            for role, pinned in zip(self._roles_json(), self.roles, strict=True)
        ]
        return digest({"name": self.name, "inputs": self._inputs_json(), "roles": roles})

    def role(self, agent: str) -> Role:
        """The role that `agent` plays. Raises NotFound."""
        for role in self.roles:
            if role.agent.name == agent:
                return role
        raise NotFound(f"network {self.name!r} has no agent {agent!r}")

    def to_json(self) -> dict[str, Any]:
        libraries = {role.library.digest: role.library.to_json() for role in self.roles if role.library}
        return {
            "name": self.name,
            "inputs": self._inputs_json(),
            "roles": self._roles_json(),
            "libraries": libraries,
        }

    @classmethod
    def from_json(cls, content: Any) -> "Network":
        """The network that `to_json` wrote. Raises InvalidInput."""
        try:
            libraries = {name: Library.from_json(passages) for name, passages in content["libraries"].items()}
            return cls(
                content["name"],
                {name: TrustLabel.from_json(label) for name, label in content["inputs"].items()},
                tuple(
                    Role(
                        Agent.from_json(role["agent"]),
                        Prompt.from_json(role["prompt"]),
                        role["source"],
                        TrustLabel.from_json(role["trust"]),
                        libraries[role["library"]] if role["library"] else None,
                    )
                    for role in content["roles"]
                ),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise InvalidInput("a pinned network cannot be read from the store") from error

    def _inputs_json(self) -> dict[str, Any]:
        return {name: label.to_json() for name, label in self.inputs.items()}

    def _roles_json(self) -> list[dict[str, Any]]:
        return [
            {
                "agent": role.agent.to_json(),
                "prompt": role.prompt.to_json(),
                "source": role.source,
                "trust": role.trust.to_json(),
                "library": role.library.digest if role.library else None,
            }
            for role in self.roles
        ]


def pin(manifest: Manifest, prompts: PromptSource) -> Network:
    """The manifest with its references resolved, its prompt files read and its folders cut into passages.

    Raises InvalidData, with the manifest's line, when the registry lacks a prompt or a prompt needs a value that its agent
    does not read.
    """
    return Network(manifest.name, manifest.inputs, tuple(_role(agent, manifest, prompts) for agent in manifest.agents))


def _role(agent: Agent, manifest: Manifest, prompts: PromptSource) -> Role:
    line = manifest.lines.get(agent.name)
    try:
        if agent.prompt.startswith(SCHEME):
            found = prompts.get(agent.prompt)
            prompt, source, trust = found.prompt, found.reference, found.trust
        else:
            # The file lies beside the manifest, whose author is trusted to choose it.
            prompt, source, trust = read_prompt(manifest.folder / agent.prompt).prompt, agent.prompt, TRUSTED
    except NotFound as error:
        raise InvalidData(manifest.path, f"'prompt' of agent {agent.name!r}: {error}", line=line) from error
    given = [*agent.reads, *([CONTEXT] if agent.knowledge else [])]
    for name in prompt.variables:
        if name not in given:
            raise InvalidData(
                manifest.path,
                f"the prompt {source!r} of agent {agent.name!r} needs {name!r}, which the agent does not read"
                f"{near(name, given)}; it has {', '.join(given)}",
                line=line,
            )
    schema = agent.output_schema or prompt.output_schema
    if schema is not None:
        _check_schema(schema, agent, manifest)
    library = Library.read(manifest.folder / agent.knowledge.folder) if agent.knowledge else None
    return Role(agent, prompt, source, trust, library)


def _check_schema(schema: Mapping[str, Any], agent: Agent, manifest: Manifest) -> None:
    from jsonschema import SchemaError  # 50 ms to import, and few agents have a schema
    from jsonschema.validators import validator_for

    try:
        validator_for(thaw(schema)).check_schema(thaw(schema))
    except SchemaError as error:
        raise InvalidData(
            manifest.path, f"the output schema of agent {agent.name!r} is not a JSON schema: {error.message}"
        ) from error
