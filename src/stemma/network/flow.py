"""Flows: who is asked, in which order, with whose answers. The shape of a network as data; `topologies` plays it.

A flow is an agent, or a team: a named shape over other flows, which can stand wherever an agent can.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Literal, TypeAlias

from pydantic import Discriminator

from stemma.network.agent import Condition


@dataclass(frozen=True, slots=True)
class Step:
    """One agent, asked once."""

    agent: str
    kind: Literal["step"] = "step"

    @property
    def name(self) -> str:
        return self.agent


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One after another, each reading what came before it."""

    name: str
    steps: tuple["Flow", ...]
    kind: Literal["pipeline"] = "pipeline"


@dataclass(frozen=True, slots=True)
class Loop:
    """The steps in turn, again and again until the condition holds; `at_most` rounds, after which the task goes to a person."""

    name: str
    steps: tuple["Flow", ...]
    until: Condition
    at_most: int
    kind: Literal["loop"] = "loop"


@dataclass(frozen=True, slots=True)
class Phase:
    """Flows that belong together, at the same time when `parallel`; begun when every phase in `depends_on` has ended."""

    phase: str
    agents: tuple["Flow", ...]
    parallel: bool = False
    depends_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Phases:
    """A phase workflow: phases that do not depend on each other run at the same time."""

    name: str
    phases: tuple[Phase, ...]
    kind: Literal["phases"] = "phases"


@dataclass(frozen=True, slots=True)
class Assignment:
    """Work for one worker. `brief` is what the orchestrator tells it; in a plan, ``{{name}}`` stands for a known value.

    With a `role`, which is no worker's name, the agent plays it for this once, with no more than these `tools` of its own.
    """

    agent: str
    brief: str
    role: str | None = None
    tools: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """An orchestrator splits the work and briefs each worker; `merge`, an agent, makes one answer of theirs.

    The orchestrator answers with a list of assignments, ``[{"agent": …, "brief": …}]``. Where its model can only
    choose, `plans` names what it may choose from: its answer is then the name of a plan. `fan_out` is the most
    assignments of one split. With `spawn`, an agent, an assignment may name a role of its own in place of a worker,
    ``{"role": …, "brief": …, "tools": […]}``: that agent then plays it.
    """

    name: str
    orchestrator: str
    workers: tuple["Flow", ...]
    merge: str | None = None
    plans: Mapping[str, tuple[Assignment, ...]] = field(default_factory=dict)
    parallel: bool = True
    fan_out: int = 8
    spawn: str | None = None
    kind: Literal["hierarchy"] = "hierarchy"


class Rule(StrEnum):
    """How a panel's votes become one decision."""

    MAJORITY = "majority"  # the most votes; a tie goes to the tie rule
    WEIGHTED = "weighted"  # each vote counts as much as its member's weight
    RANKED = "ranked"  # members answer with a ranking, best first; instant-runoff


class Tie(StrEnum):
    """What becomes of a tie."""

    FIRST = "first"  # the tied choice that the earliest member in the panel's order voted for
    REVOTE = "revote"  # another round among the tied, then to a person
    PERSON = "person"  # a person decides
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Panel:
    """Members debate in rounds, then vote. In each round after the first a member reads what the others said in the last.

    `quorum` members must have cast a valid vote, else the task goes to a person. The decision is known as `writes`.
    """

    name: str
    members: tuple[str, ...]
    writes: str
    rounds: int = 1
    rule: Rule = Rule.MAJORITY
    weights: Mapping[str, float] = field(default_factory=dict)
    quorum: int = 1
    tie: Tie = Tie.PERSON
    kind: Literal["panel"] = "panel"


class By(StrEnum):
    """What an assignment goes by."""

    CAPABILITY = "capability"  # nearness in meaning of the task and the agents' capabilities
    LOAD = "load"  # waiting and running work, then the age of the oldest waiting message
    BOTH = "both"  # the least loaded of those that are able


@dataclass(frozen=True, slots=True)
class Route:
    """One of several flows does the task.

    Nearness below `abstain` goes to `otherwise`: a flow, or a person when there is none.
    """

    name: str
    agents: tuple["Flow", ...]
    by: By = By.CAPABILITY
    reads: tuple[str, ...] = ()
    abstain: float = 0.0
    otherwise: "Flow | None" = None
    kind: Literal["route"] = "route"


@dataclass(frozen=True, slots=True)
class OpenTopic:
    """The task is put up; of the agents that are fit for it, the first with a free hand claims it.

    An agent is fit when its capabilities are at least `fitness` near the values of `reads`. Nobody fit: to `otherwise`,
    or a person.
    """

    name: str
    agents: tuple[str, ...]
    reads: tuple[str, ...]
    fitness: float = 0.0
    otherwise: "Flow | None" = None
    kind: Literal["open_topic"] = "open_topic"


Flow: TypeAlias = Annotated[
    Step | Pipeline | Loop | Phases | Hierarchy | Panel | Route | OpenTopic, Discriminator("kind")
]


def parts_of(flow: Flow) -> tuple[Flow, ...]:
    """The flows that `flow` is made of, in the order written; none for a step."""
    match flow:
        case Step():
            return ()
        case Pipeline() | Loop():
            return flow.steps
        case Phases():
            return tuple(member for phase in flow.phases for member in phase.agents)
        case Hierarchy():
            ends = tuple(Step(name) for name in (flow.spawn, flow.merge) if name)
            return (Step(flow.orchestrator), *flow.workers, *ends)
        case Panel():
            return tuple(Step(member) for member in flow.members)
        case Route():
            return (*flow.agents, *((flow.otherwise,) if flow.otherwise else ()))
        case OpenTopic():
            return (*(Step(agent) for agent in flow.agents), *((flow.otherwise,) if flow.otherwise else ()))


def agents_of(flow: Flow) -> Iterator[str]:
    """Every agent in `flow`, in the order written; one that stands in two places comes twice."""
    if isinstance(flow, Step):
        yield flow.agent
    for part in parts_of(flow):
        yield from agents_of(part)


def flows_of(flow: Flow) -> Iterator[Flow]:
    """`flow` and every flow within it, outermost first, in the order written."""
    yield flow
    for part in parts_of(flow):
        yield from flows_of(part)
