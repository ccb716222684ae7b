"""Values on their way through a flow: what is known at each point of it, and what is read there though it may not be."""

import re
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from stemma.network.agent import Agent
from stemma.network.flow import (
    Flow,
    Hierarchy,
    Loop,
    OpenTopic,
    Panel,
    Phases,
    Pipeline,
    Route,
    Step,
    agents_of,
    flows_of,
)
from stemma.network.manifest.colleagues import told_values
from stemma.network.manifest.names import ADDED

Key: TypeAlias = Literal["reads", "when", "until", "plans"]

_FILLED = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known at a point of a flow: `surely` on every way there, `perhaps` on some."""

    surely: frozenset[str]
    perhaps: frozenset[str] = frozenset()

    def and_surely(self, *values: str) -> "Known":
        return Known(self.surely | {*values}, self.perhaps)

    def and_perhaps(self, values: Iterable[str]) -> "Known":
        return Known(self.surely, self.perhaps | {*values})

    def __contains__(self, value: str) -> bool:
        return value in self.surely or value in self.perhaps


@dataclass(frozen=True, slots=True)
class Gap:
    """A value that `reader`, an agent or a team, may lack when it is its turn. `key` is where it asks for it."""

    reader: Agent | Flow
    value: str
    key: Key
    perhaps: bool


Walk: TypeAlias = Generator[Gap, None, Known]
"""Yields the gaps on the way through a flow, and returns what is known behind it."""


def walk(flow: Flow, agents: Mapping[str, Agent], known: Known) -> Walk:
    """The way through `flow`, beginning with what is `known`. Pure: what it yields follows from what it is given.

    A pipeline knows more with each step; members of a parallel phase, of a panel and workers side by side do not know of each
    other; behind alternatives only what each of them writes is surely known.
    """
    match flow:
        case Step():
            agent = agents[flow.agent]
            yield from _agent_gaps(agent, known)
            return known.and_surely(agent.writes)
        case Pipeline():
            return (yield from _in_turn(flow.steps, agents, known))
        case Loop():
            before = known.and_perhaps(written(flow, agents))
            after = yield from _in_turn(flow.steps, agents, before)
            yield from _team_gaps(flow, flow.until.expected, "until", after)
            return after
        case Phases():
            return (yield from _phases(flow, agents, known))
        case Hierarchy():
            return (yield from _hierarchy(flow, agents, known))
        case Panel():
            ended = yield from _side_by_side([Step(member) for member in flow.members], agents, known)
            said = ended.surely - known.surely  # a member without a usable answer has said nothing
            return known.and_perhaps(said).and_surely(flow.writes, f"{flow.writes}_votes")
        case Route() | OpenTopic():
            yield from _team_gaps(flow, flow.reads, "reads", known)
            return (yield from _one_of(_alternatives(flow), agents, known))


def _in_turn(steps: Sequence[Flow], agents: Mapping[str, Agent], known: Known) -> Walk:
    for step in steps:
        known = yield from walk(step, agents, known)
    return known


def _side_by_side(flows: Sequence[Flow], agents: Mapping[str, Agent], known: Known) -> Walk:
    after = known
    for flow in flows:
        ended = yield from walk(flow, agents, known)
        after = _both(after, ended)
    return after


def _one_of(flows: Sequence[Flow], agents: Mapping[str, Agent], known: Known) -> Walk:
    ends: list[Known] = []
    for flow in flows:
        ends += [(yield from walk(flow, agents, known))]
    perhaps = frozenset[str]().union(*(end.surely | end.perhaps for end in ends))
    return Known(frozenset.intersection(*(end.surely for end in ends)), perhaps)


def _phases(flow: Phases, agents: Mapping[str, Agent], known: Known) -> Walk:
    ended: dict[str, Known] = {}
    while len(ended) < len(flow.phases):  # checked before: there is no cycle
        for phase in flow.phases:
            if phase.phase in ended or not ended.keys() >= {*phase.depends_on}:
                continue
            begun = known
            for needed in phase.depends_on:
                begun = _both(begun, ended[needed])
            members = _side_by_side if phase.parallel else _in_turn
            ended[phase.phase] = yield from members(phase.agents, agents, begun)
    after = known
    for one in ended.values():
        after = _both(after, one)
    return after


def _hierarchy(flow: Hierarchy, agents: Mapping[str, Agent], known: Known) -> Walk:
    split = yield from walk(Step(flow.orchestrator), agents, known)
    for assignments in flow.plans.values():
        for assignment in assignments:
            yield from _team_gaps(flow, _FILLED.findall(assignment.brief), "plans", split)
    brought = frozenset[str]().union(*(written(worker, agents) for worker in _workers(flow)))
    begun = split if flow.parallel else split.and_perhaps(brought)
    yield from _side_by_side(_workers(flow), agents, begun)
    # Which workers there will be, only the run knows.
    after = split.and_perhaps([*brought, *written_by(flow)])
    return after if flow.merge is None else (yield from walk(Step(flow.merge), agents, after))


def _workers(flow: Hierarchy) -> tuple[Flow, ...]:
    """The workers, and the agent that plays the roles which the orchestrator makes up."""
    return flow.workers if flow.spawn is None else (*flow.workers, Step(flow.spawn))


def _both(one: Known, other: Known) -> Known:
    return Known(one.surely | other.surely, one.perhaps | other.perhaps)


def _agent_gaps(agent: Agent, known: Known) -> Iterator[Gap]:
    for value, key in needs(agent).items():
        enough = value in known if value in agent.optional and key == "reads" else value in known.surely
        if not enough:
            yield Gap(agent, value, key, value in known)


def _team_gaps(flow: Flow, values: Iterable[str], key: Key, known: Known) -> Iterator[Gap]:
    for value in values:
        if value not in known.surely:
            yield Gap(flow, value, key, value in known)


def needs(agent: Agent) -> dict[str, Key]:
    """Each value that an agent waits for, with the key of the manifest that says so; what its team adds is not among them."""
    condition: dict[str, Key] = dict.fromkeys(agent.when.expected if agent.when else (), "when")
    reads: dict[str, Key] = dict.fromkeys((name for name in agent.reads if name not in ADDED), "reads")
    return reads | condition


def written(flow: Flow, agents: Mapping[str, Agent]) -> frozenset[str]:
    """Every value that `flow` may write."""
    own = {value for one in flows_of(flow) for value in written_by(one)}
    return frozenset({agents[agent].writes for agent in agents_of(flow) if agent in agents} | own)


def written_by(flow: Flow) -> tuple[str, ...]:
    """What a team itself writes, beside its agents."""
    if isinstance(flow, Panel):
        return (flow.writes, f"{flow.writes}_votes")
    if not isinstance(flow, Hierarchy):
        return ()
    return (f"{flow.name}_missing", *([f"{flow.name}_roles"] if flow.spawn else []))


def alternatives(flow: Flow) -> Iterator[frozenset[str]]:
    """Pairs of agents of which a task hears one, or hears both as equals: they may write the same value."""
    for one in flows_of(flow):
        sides: Sequence[Flow] = ()
        if isinstance(one, Route | OpenTopic):
            sides = _alternatives(one)
        elif isinstance(one, Panel):
            sides = [Step(member) for member in one.members]
        for number, side in enumerate(sides):
            for other in sides[number + 1 :]:
                yield from (frozenset({a, b}) for a in agents_of(side) for b in agents_of(other))


def _alternatives(flow: Route | OpenTopic) -> list[Flow]:
    flows = [Step(agent) for agent in flow.agents] if isinstance(flow, OpenTopic) else list(flow.agents)
    return [*flows, *([flow.otherwise] if flow.otherwise else [])]


def settled(agents: Mapping[str, Agent], flow: Flow) -> tuple[Agent, ...]:
    """The agents in the order in which `flow` names them first, with what their places in it make optional.

    That is what a team adds for its members, what the workers bring for the agent that merges it, and what colleagues tell.
    """
    brought: dict[str, frozenset[str]] = {}
    told = told_values(agents.values())
    for team in flows_of(flow):
        if isinstance(team, Hierarchy) and team.merge:
            own = frozenset(written_by(team)).union(*(written(worker, agents) for worker in _workers(team)))
            brought[team.merge] = brought.get(team.merge, frozenset()) | own
    order = [name for name in dict.fromkeys([*agents_of(flow), *agents]) if name in agents]
    return tuple(_with_optional(agents[name], brought.get(name, frozenset()) | {*ADDED} | told) for name in order)


def _with_optional(agent: Agent, values: frozenset[str]) -> Agent:
    optional = tuple(name for name in agent.reads if name in agent.optional or name in values)
    return agent if optional == agent.optional else replace(agent, optional=optional)
