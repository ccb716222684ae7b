"""Hinges: answers that a flow hangs on. The worst model says what makes the flow go on, so that the attack gets further."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stemma.core.errors import InvalidInput
from stemma.network import Hierarchy, Loop, Manifest, Panel
from stemma.network.flow import Flow, agents_of, flows_of
from stemma.platform.attack.own.equipment import Equipped
from stemma.platform.attack.own.forging import fits, forged


@dataclass(frozen=True, slots=True)
class Hinge:
    """What an agent has to answer: `says`, a plan by the tools that can be reached through it, or work for everybody."""

    says: str | None = None
    plans: Mapping[str, frozenset[str]] = field(default_factory=dict)
    workers: tuple[str, ...] = ()
    role_tools: tuple[str, ...] | None = None
    """The tools for a role that it makes up; None where it cannot."""


def hinges(manifest: Manifest, equipped: Equipped) -> dict[str, Hinge]:
    """What the flow of a network hangs on, by agent."""
    expected = _expected(manifest)
    found = {
        agent.name: Hinge(says)
        for agent in manifest.agents
        if (says := expected.get(agent.writes, _one_of(shape_asked(manifest, equipped, agent.writes)))) is not None
    }
    for flow in flows_of(manifest.flow):
        match flow:
            case Hierarchy():
                found[flow.orchestrator] = _orchestrator(flow, manifest, equipped)
            case Panel() if flow.writes in expected:
                found |= dict.fromkeys(flow.members, Hinge(expected[flow.writes]))
    return found


def shape_asked(manifest: Manifest, equipped: Equipped, value: str) -> Mapping[str, Any] | None:
    """The JSON schema in which the first tool that is handed a value by the flow wants it; None where any text will do."""
    for agent in manifest.agents:
        if agent.calls and value in agent.reads and agent.calls in equipped.doubles:
            wanted = equipped.doubles[agent.calls].parameters
            schema = wanted.get("properties", {}).get(value)
            if schema is not None and not fits({**schema, "$defs": wanted.get("$defs", {})}, "text"):
                return {**schema, "$defs": wanted.get("$defs", {})}
    return None


def as_schema_has_it(text: str, schema: Mapping[str, Any] | None) -> str:
    """The words in which an agent of that schema says `text`: as they are, or as JSON."""
    if schema is None:
        return text
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    return json.dumps(value if fits(schema, value) else text)


def _one_of(shape: Mapping[str, Any] | None) -> str | None:
    """A text that a tool takes where it does not take any text."""
    try:
        value = None if shape is None else forged(shape, "")
    except InvalidInput:
        return None
    return value if isinstance(value, str) else None


def _expected(manifest: Manifest) -> dict[str, str]:
    conditions = [agent.when for agent in manifest.agents if agent.when]
    conditions += [flow.until for flow in flows_of(manifest.flow) if isinstance(flow, Loop)]
    return {name: text for condition in conditions for name, text in condition.expected.items()}


def _orchestrator(flow: Hierarchy, manifest: Manifest, equipped: Equipped) -> Hinge:
    by_name = {worker.name: worker for worker in flow.workers}
    plans = {
        name: frozenset(tool for one in assignments for tool in _tools(by_name.get(one.agent), equipped))
        for name, assignments in flow.plans.items()
    }
    player = next((agent for agent in manifest.agents if agent.name == flow.spawn), None)
    tools = None if player is None else equipped.held[player.name]
    return Hinge(None, plans, tuple(by_name), tools)


def _tools(worker: Flow | None, equipped: Equipped) -> set[str]:
    return {tool for agent in agents_of(worker) for tool in equipped.held[agent]} if worker else set()
