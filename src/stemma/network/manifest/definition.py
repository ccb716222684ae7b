"""A network defined in Python, held to everything that a manifest is held to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

from stemma.core.trust import UNTRUSTED, TrustLabel
from stemma.network.agent import Agent, Condition, Knowledge, Limits, Recall
from stemma.network.bounds import Bounds
from stemma.network.flow import Flow, Pipeline, Step
from stemma.network.manifest.agents import as_read
from stemma.network.manifest.checks import check
from stemma.network.manifest.manifest import Manifest
from stemma.network.manifest.names import Unplaced
from stemma.network.manifest.values import settled
from stemma.network.people import Interceptor
from stemma.network.protection import Protects
from stemma.network.tools.tool import ToolSpec
from stemma.registry.prompt import Prompt


@dataclass(frozen=True, slots=True)
class DefinedAgent:
    """An agent, with its prompt where that was given as it is."""

    agent: Agent
    prompt: Prompt | None = None


class AgentOptions(TypedDict, total=False):
    """What else an agent may have; see `Agent`."""

    calls: str
    output_schema: Mapping[str, Any]
    knowledge: Knowledge
    when: Condition
    limits: Limits
    tools: tuple[str, ...]
    capabilities: tuple[str, ...]
    replicas: int
    memory: Recall
    history: int
    settings: Mapping[str, Mapping[str, Any]]
    asks: tuple[str, ...]
    publishes: tuple[str, ...]


class NetworkOptions(TypedDict, total=False):
    """What else a network may have; see `Manifest`."""

    tools: tuple[ToolSpec, ...]
    interceptors: tuple[Interceptor, ...]
    bounds: Bounds
    inbox: int
    topics: Mapping[str, tuple[str, ...]]
    policies: Path
    protects: Protects
    guarded: bool


def define_network(
    name: str,
    *,
    inputs: Sequence[str] | Mapping[str, TrustLabel],
    agents: Sequence[DefinedAgent],
    flow: Flow | Sequence[Flow | str],
    model: str = "embedded",
    folder: Path | str = ".",
    **options: Unpack[NetworkOptions],
) -> Manifest:
    """The network of these agents; a sequence as its `flow` is a pipeline, in which a text names an agent.

    `model` is for agents that name none; `folder` is where files lie that agents and tools name. Raises InvalidData, with the
    names, for everything that `load_manifest` refuses.

    >>> sort = define_agent("sort", Prompt("Which topic?\\n\\n- card\\n- loan"), reads=["ticket"], writes="topic")
    >>> answer = define_agent("answer", Prompt("Answer about {{topic}}."), reads=["ticket", "topic"], writes="reply")
    >>> desk = define_network("desk", inputs=["ticket"], agents=[sort, answer], flow=["sort", "answer"])
    >>> [agent.name for agent in desk.agents]
    ['sort', 'answer']
    """
    place = Unplaced(Path(folder, f"<{name}>"))
    described = {one.agent.name: one.agent for one in agents}
    if len(described) < len(agents):
        raise place.wrong(f"two agents have one name; there are {', '.join(one.agent.name for one in agents)}")
    described = {
        one: agent if agent.model or agent.calls else replace(agent, model=model) for one, agent in described.items()
    }
    whole = (
        Pipeline(name, tuple(Step(step) if isinstance(step, str) else step for step in flow))
        if isinstance(flow, Sequence)
        else flow
    )
    manifest = Manifest(
        name,
        place.path,
        dict(inputs) if isinstance(inputs, Mapping) else dict.fromkeys(inputs, UNTRUSTED),
        settled(described, whole),
        whole,
        prompts={one.agent.name: one.prompt for one in agents if one.prompt is not None},
        **options,
    )
    check(manifest, place)
    return manifest


def define_agent(
    name: str,
    prompt: Prompt | str | None = None,
    *,
    reads: Sequence[str],
    writes: str,
    model: str = "",
    **options: Unpack[AgentOptions],
) -> DefinedAgent:
    """An agent for `define_network`, which checks it.

    `prompt` is a prompt, a reference into the registry or the path of a file in the network's folder; an agent that `calls` a
    tool has none. A value in `reads` that ends in ``?`` is an empty text while it is not known.
    """
    names, optional = as_read(reads)
    if not isinstance(prompt, Prompt):
        return DefinedAgent(Agent(name, prompt, model, names, writes, optional=optional, **options))
    agent = Agent(name, f"sha256:{prompt.digest}", model, names, writes, optional=optional, **options)
    return DefinedAgent(agent, prompt)
