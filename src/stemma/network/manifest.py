"""The manifest: a network of agents described in one YAML file, `stemma.yaml`.

::

    network: support-desk
    model: embedded                       # for agents that name none
    inputs: [ticket]                      # untrusted, unless a label says otherwise
    agents:
      triage:
        prompt: prompts:/support/triage@production
        reads: [ticket]
        writes: category
      search:
        prompt: find.prompt.yml           # a file beside the manifest
        reads: [ticket, category]
        knowledge: {folder: help-centre, top: 4, query: [ticket]}
        writes: passage
      check:
        prompt: check.prompt.yml
        reads: [ticket, passage]
        writes: answered
      reply:
        prompt: reply.prompt.yml
        model: openai:gpt-5-mini
        reads: [ticket, passage]
        writes: reply
        when: {answered: yes}
        otherwise: no passage answers the question
        limits: {timeout: 30, attempts: 5, max_input_chars: 20000}
    pipeline: [triage, search, check, reply]

An agent also may have `schema`, the JSON schema of its answer, where its prompt brings none. Inputs and a folder may carry
a label: ``inputs: {ticket: {integrity: untrusted, confidentiality: secret, categories: [pii]}}``.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stemma.core.errors import InvalidInput
from stemma.core.trust import INTERNAL, UNTRUSTED, Confidentiality, Integrity, TrustLabel
from stemma.network.agent import Agent, Condition, Knowledge, Limits
from stemma.network.marked import Marked, near
from stemma.network.message import CALLER, PERSON
from stemma.registry.references import SCHEME, Reference

CONTEXT = "context"
"""The name under which an agent's prompt finds the passages of its knowledge."""

_TOP = 4
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_NETWORK = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_AGENT_KEYS = ("prompt", "model", "reads", "writes", "schema", "knowledge", "when", "otherwise", "limits")


@dataclass(frozen=True)
class Manifest:
    """A network as written. `folder` is where its files lie; `agents` stand in the order of the pipeline."""

    name: str
    path: Path
    inputs: Mapping[str, TrustLabel]
    agents: tuple[Agent, ...]
    lines: Mapping[str, int] = field(default_factory=dict, compare=False)
    """The line of each agent's prompt, for messages about what the registry says of it."""

    @property
    def folder(self) -> Path:
        return self.path.parent


def load_manifest(path: Path | str) -> Manifest:
    """The network that the file describes.

    Raises InvalidData, naming the line and the nearest thing that would be right, for an unknown key, agent or value, a
    value that is read before it is written, a cycle, an agent that the pipeline leaves out or names twice, a prompt file or
    a folder that is not there.
    """
    root = Marked.read(Path(path))
    keys = root.fields(
        "a network",
        ("network", "model", "inputs", "agents", "pipeline"),
        required=("network", "inputs", "agents", "pipeline"),
    )
    name = keys["network"].text("the network's name")
    if not _NETWORK.fullmatch(name):
        raise keys["network"].wrong(f"network name {name!r} is not lower-case letters, digits, '.', '_' and '-'")
    model = keys["model"].text("model") if "model" in keys else "embedded"
    inputs = _inputs(keys["inputs"])
    nodes = keys["agents"].mapping("agents")
    agents = {agent: _agent(agent, node, model=model) for agent, node in nodes.items()}
    order = _pipeline(keys["pipeline"], agents)
    _check_values(nodes, agents, inputs, order)
    lines = {agent: node.mapping("agent")["prompt"].line for agent, node in nodes.items()}
    return Manifest(name, Path(path), inputs, tuple(agents[step] for step in order), lines)


def _inputs(node: Marked) -> dict[str, TrustLabel]:
    if node.is_mapping:
        inputs = {name: _label(label, UNTRUSTED) for name, label in node.mapping("inputs").items()}
    else:
        inputs = dict.fromkeys(node.names("inputs"), UNTRUSTED)
    if not inputs:
        raise node.wrong("inputs names nothing; a network works on at least one input")
    for name in inputs:
        _check_name(node, "input", name)
    return inputs


def _agent(name: str, node: Marked, *, model: str) -> Agent:
    what = f"agent {name!r}"
    _check_name(node, "agent", name)
    if name in (CALLER, PERSON):
        raise node.wrong(f"no agent can be called {name!r}: the network calls others so; choose another name")
    keys = node.fields(what, _AGENT_KEYS, required=("prompt", "reads", "writes"))
    reads = keys["reads"].names(f"'reads' of {what}")
    if not reads:
        raise keys["reads"].wrong(f"{what} reads nothing; name at least one input or another agent's 'writes'")
    schema = keys["schema"].plain() if "schema" in keys else None
    if schema is not None and not isinstance(schema, dict):
        raise keys["schema"].wrong(f"'schema' of {what} must be a JSON schema (a mapping)")
    return Agent(
        name,
        _prompt(keys["prompt"], what),
        keys["model"].text(f"'model' of {what}") if "model" in keys else model,
        reads,
        keys["writes"].text(f"'writes' of {what}"),
        schema,
        _knowledge(keys["knowledge"], what, reads) if "knowledge" in keys else None,
        _condition(node, keys, what),
        _limits(keys["limits"], what) if "limits" in keys else Limits(),
    )


def _prompt(node: Marked, what: str) -> str:
    prompt = node.text(f"'prompt' of {what}")
    if prompt.startswith(SCHEME):
        try:
            return str(Reference.parse(prompt))
        except InvalidInput as error:
            raise node.wrong(f"'prompt' of {what}: {error}") from error
    if not (node.path.parent / prompt).is_file():
        raise node.wrong(
            f"'prompt' of {what}: there is no file {prompt!r} beside the manifest; "
            f"a prompt of the registry is written {SCHEME}NAME@LABEL"
        )
    return prompt


def _knowledge(node: Marked, what: str, reads: tuple[str, ...]) -> Knowledge:
    what = f"'knowledge' of {what}"
    keys = node.fields(what, ("folder", "top", "query", "label"), required=("folder",))
    folder = keys["folder"].text(f"'folder' in {what}")
    if not (node.path.parent / folder).is_dir():
        raise keys["folder"].wrong(f"{what}: there is no folder {folder!r} beside the manifest")
    query = keys["query"].names(f"'query' in {what}") if "query" in keys else reads
    for name in query:
        if name not in reads:
            raise keys["query"].wrong(f"{what} searches for {name!r}, which the agent does not read{near(name, reads)}")
    return Knowledge(
        folder,
        int(keys["top"].number(f"'top' in {what}", whole=True)) if "top" in keys else _TOP,
        query,
        _label(keys["label"], INTERNAL) if "label" in keys else INTERNAL,
    )


def _condition(node: Marked, keys: Mapping[str, Marked], what: str) -> Condition | None:
    if ("when" in keys) != ("otherwise" in keys):
        raise node.wrong(
            f"{what} needs both 'when' and 'otherwise' or neither: 'otherwise' says why a person takes over"
        )
    if "when" not in keys:
        return None
    expected = {
        key: value.text(f"'when' of {what}") for key, value in keys["when"].mapping(f"'when' of {what}").items()
    }
    return Condition(expected, keys["otherwise"].text(f"'otherwise' of {what}"))


def _limits(node: Marked, what: str) -> Limits:
    keys = node.fields(f"'limits' of {what}", ("timeout", "attempts", "max_input_chars"))
    given = Limits()
    return Limits(
        keys["timeout"].number("timeout") if "timeout" in keys else given.timeout,
        int(keys["attempts"].number("attempts", whole=True)) if "attempts" in keys else given.attempts,
        int(keys["max_input_chars"].number("max_input_chars", whole=True))
        if "max_input_chars" in keys
        else given.max_input_chars,
    )


def _label(node: Marked, default: TrustLabel) -> TrustLabel:
    keys = node.fields("a label", ("integrity", "confidentiality", "categories"))
    return TrustLabel(
        Integrity[_level(keys["integrity"], Integrity.__members__)] if "integrity" in keys else default.integrity,
        Confidentiality[_level(keys["confidentiality"], Confidentiality.__members__)]
        if "confidentiality" in keys
        else default.confidentiality,
        frozenset(keys["categories"].names("categories")) if "categories" in keys else default.categories,
    )


def _level(node: Marked, members: Collection[str]) -> str:
    level = node.text("a label").upper()
    if level not in members:
        known = [member.lower() for member in members]
        raise node.wrong(
            f"{level.lower()!r} is no level of a label{near(level.lower(), known)}; use {', '.join(known)}"
        )
    return level


def _pipeline(node: Marked, agents: Mapping[str, Agent]) -> tuple[str, ...]:
    order: list[str] = []
    for step in node.items("pipeline"):
        name = step.text("a step of the pipeline")
        if name not in agents:
            raise step.wrong(
                f"pipeline names agent {name!r}, which is not described under 'agents'{near(name, agents)}"
            )
        if name in order:
            raise step.wrong(f"pipeline names agent {name!r} twice; a pipeline asks each agent once")
        order.append(name)
    left_out = [name for name in agents if name not in order]
    if left_out:
        raise node.wrong(f"pipeline never reaches agent {left_out[0]!r}; add it as a step, or remove the agent")
    return tuple(order)


def _check_values(
    nodes: Mapping[str, Marked],
    agents: Mapping[str, Agent],
    inputs: Mapping[str, TrustLabel],
    order: tuple[str, ...],
) -> None:
    """Every value has one source, and is there when it is needed."""
    source: dict[str, str] = {}
    for name, agent in agents.items():
        writes = nodes[name].mapping("agent")["writes"]
        _check_name(writes, "value", agent.writes)
        taken = "an input" if agent.writes in inputs else f"what agent {source.get(agent.writes)!r} writes"
        if agent.writes in inputs or agent.writes in source:
            raise writes.wrong(f"agent {name!r} writes {agent.writes!r}, which is {taken}; choose another name")
        source[agent.writes] = name
    for name in order:
        needed = _needs(agents[name])
        for value, key in needed.items():
            node = nodes[name].mapping("agent")[key]
            if value not in inputs and value not in source:
                known = [*inputs, *source]
                raise node.wrong(
                    f"agent {name!r} needs {value!r}, which is no input and no agent writes{near(value, known)}; "
                    f"there are {', '.join(known)}"
                )
            if value in source and order.index(source[value]) >= order.index(name):
                raise node.wrong(_too_early(name, value, agents, source))


def _too_early(name: str, value: str, agents: Mapping[str, Agent], source: Mapping[str, str]) -> str:
    cycle = _path(source[value], name, agents, source)
    if cycle:
        return f"agents need each other in a cycle: {' → '.join([*cycle, cycle[0]])}; break it"
    return (
        f"agent {name!r} needs {value!r}, which {source[value]!r} writes only later; move {source[value]!r} before it"
    )


def _path(start: str, goal: str, agents: Mapping[str, Agent], source: Mapping[str, str]) -> tuple[str, ...]:
    """The agents from `goal` back to `start` along what each needs, when `start` itself hangs on `goal`."""
    trails: list[tuple[str, ...]] = [(start,)]
    seen = {start}
    while trails:
        trail = trails.pop()
        if trail[-1] == goal:
            return trail[::-1]
        for value in _needs(agents[trail[-1]]):
            writer = source.get(value)
            if writer is not None and (writer not in seen or writer == goal):
                seen.add(writer)
                trails.append((*trail, writer))
    return ()


def _needs(agent: Agent) -> dict[str, str]:
    """Each value that the agent waits for, with the key of the manifest that says so."""
    condition = dict.fromkeys(agent.when.expected, "when") if agent.when else {}
    return condition | dict.fromkeys(agent.reads, "reads")


def _check_name(node: Marked, kind: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise node.wrong(f"{kind} name {name!r} is not lower-case letters, digits and '_', beginning with a letter")
    if name == CONTEXT and kind != "agent":
        raise node.wrong(f"{kind} name {name!r} is taken: it is where a prompt finds the passages of 'knowledge'")
