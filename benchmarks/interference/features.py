"""What drawn networks have in them, for a table of how often each was tried."""

from collections.abc import Iterator

from benchmarks.interference.drawn import Drawn
from benchmarks.interference.kit import SLOW

from stemma.core.trust import Confidentiality, Integrity
from stemma.network import By, Hierarchy, Route
from stemma.network.agent import Agent
from stemma.network.flow import flows_of


def features(drawn: Drawn) -> Iterator[str]:
    """The names of what the network has; each may come more than once."""
    manifest = drawn.manifest
    yield "one after another" if drawn.in_turn else "side by side"
    yield from (f"flow: {flow.kind.replace('_', ' ')}" for flow in flows_of(manifest.flow) if flow.kind != "step")
    for flow in flows_of(manifest.flow):
        if isinstance(flow, Hierarchy):
            yield "hierarchy: plans" if flow.plans else "hierarchy: briefs"
            yield from ["hierarchy: made-up roles"] if flow.spawn else []
        if isinstance(flow, Route) and flow.by is not By.CAPABILITY:
            yield "route: by load"
    for agent in manifest.agents:
        yield from _of_agent(agent, drawn)
    yield from ["topics"] if manifest.topics else []
    yield from ["asks in a circle"] if _circles(manifest.agents) else []
    yield from ["input: none from strangers"] if not drawn.strange else []
    yield from (
        "input: secret" for label in manifest.inputs.values() if label.confidentiality is Confidentiality.SECRET
    )
    yield from ["several tasks"] if drawn.tasks > 1 else []
    yield from (f"endorsed: {field}" for field in drawn.leeway.endorsed)
    yield from ["permitted: a tool"] if drawn.leeway.permitted else []


def _of_agent(agent: Agent, drawn: Drawn) -> Iterator[str]:
    if agent.knowledge is not None:
        strange = agent.knowledge.label.integrity is Integrity.UNTRUSTED
        yield "documents: strangers'" if strange else "documents: ours"
    if agent.when is not None:
        strange = any(value in drawn.strange for value in agent.when.expected)
        yield "when: by a stranger's value" if strange else "when"
    has = {
        "calls a tool, no model": agent.calls is not None,
        "memory": agent.memory is not None,
        "history": agent.history > 0,
        "workspace": "workspace" in agent.tools,
        "asks colleagues": bool(agent.asks),
        "output schema": agent.output_schema is not None,
        "deadline": agent.limits.deadline is not None,
        "waits for strangers": SLOW in agent.tools,
    }
    yield from (name for name, held in has.items() if held)


def _circles(agents: tuple[Agent, ...]) -> bool:
    asks = {agent.name: set(agent.asks) for agent in agents}
    reached = {name: set(asked) for name, asked in asks.items()}
    for _ in asks:
        reached = {name: found.union(*(asks.get(one, set()) for one in found)) for name, found in reached.items()}
    return any(name in found for name, found in reached.items())
