"""Flows as a manifest writes them: names of agents and teams, made into the shape of the network."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from stemma.core.marked import Marked, near
from stemma.network.agent import Condition
from stemma.network.flow import (
    Assignment,
    By,
    Flow,
    Hierarchy,
    Loop,
    OpenTopic,
    Panel,
    Phase,
    Phases,
    Pipeline,
    Route,
    Rule,
    Step,
    Tie,
)
from stemma.network.manifest.agents import read_expected
from stemma.network.manifest.names import check_actor
from stemma.network.message import PERSON

FLOWS = ("pipeline", "phases", "flow")
"""The keys that say how a network goes; exactly one of them is there."""


def read_flow(root: Marked, keys: Mapping[str, Marked], agents: Collection[str], *, network: str) -> Flow:
    """The flow of the whole network, with every team that it names in its place.

    Raises InvalidData for a name that is no agent and no team, teams that contain each other in a cycle, and a team that
    nothing uses.
    """
    given = [key for key in FLOWS if key in keys]
    if not given:
        raise root.wrong("a network needs a key 'pipeline', or 'phases', or 'flow' with the name of a team")
    if len(given) > 1:
        raise keys[given[1]].wrong(f"a network goes one way: it has both {given[0]!r} and {given[1]!r}; drop one")
    teams = _Teams(keys["teams"].mapping("teams") if "teams" in keys else {}, agents)
    node = keys[given[0]]
    flow = teams.named(node, "flow") if given[0] == "flow" else teams.described(given[0], network, node, given[0])
    teams.check_used()
    return flow


class _Teams:
    """The teams by name. Each is read when it is first named, so that a team may name those below it in the file."""

    def __init__(self, nodes: Mapping[str, Marked], agents: Collection[str]) -> None:
        self._nodes = nodes
        self._agents = agents
        self._read: dict[str, Flow] = {}
        self._open: list[str] = []
        self._kinds: dict[str, Callable[[str, Marked, str], Flow]] = {
            "pipeline": self._pipeline,
            "phases": self._phases,
            "loop": self._loop,
            "hierarchy": self._hierarchy,
            "panel": self._panel,
            "route": self._route,
            "open_topic": self._open_topic,
        }
        for name, node in nodes.items():
            check_actor(node, "team", name)
            if name in agents:
                raise node.wrong(f"team {name!r} has the name of an agent; choose another name")

    def named(self, node: Marked, what: str) -> Flow:
        """The agent or team whose name stands here."""
        name = node.text(f"a name in {what}")
        if name in self._agents:
            return Step(name)
        if name not in self._nodes:
            known = [*self._agents, *self._nodes]
            raise node.wrong(
                f"{what} names {name!r}, which is not described under 'agents' or 'teams'{near(name, known)}"
            )
        if name in self._open:
            cycle = [*self._open[self._open.index(name) :], name]
            raise node.wrong(f"teams contain each other in a cycle: {' → '.join(cycle)}; break it")
        if name not in self._read:
            self._open.append(name)
            self._read[name] = self._team(name)
            self._open.pop()
        return self._read[name]

    def described(self, kind: str, name: str, node: Marked, what: str) -> Flow:
        """The flow `name` of the given kind that stands here."""
        return self._kinds[kind](name, node, what)

    def check_used(self) -> None:
        for name, node in self._nodes.items():
            if name not in self._read:
                self._team(name)  # what is wrong inside it is the better thing to be told of
                raise node.wrong(f"nothing uses team {name!r}; name it where it is to work, or remove it")

    def _team(self, name: str) -> Flow:
        what, node = f"team {name!r}", self._nodes[name]
        keys = node.fields(what, tuple(self._kinds))
        if len(keys) != 1:
            raise node.wrong(f"{what} is one of {', '.join(self._kinds)}; it has {len(keys)} of them")
        kind, inner = next(iter(keys.items()))
        return self.described(kind, name, inner, what)

    def _pipeline(self, name: str, node: Marked, what: str) -> Pipeline:
        return Pipeline(name, self._flows(node, what))

    def _phases(self, name: str, node: Marked, what: str) -> Phases:
        return Phases(name, tuple(self._phase(one, what) for one in node.items(what)))

    def _phase(self, node: Marked, what: str) -> Phase:
        keys = node.fields(
            f"a phase of {what}", ("phase", "agents", "parallel", "depends_on"), required=("phase", "agents")
        )
        name = keys["phase"].text("the phase's name")
        return Phase(
            name,
            self._flows(keys["agents"], f"phase {name!r}"),
            **_given(
                keys,
                parallel=lambda one: one.flag(f"'parallel' of phase {name!r}"),
                depends_on=lambda one: one.names(f"'depends_on' of phase {name!r}"),
            ),
        )

    def _loop(self, name: str, node: Marked, what: str) -> Loop:
        keys = node.fields(what, ("steps", "until", "at_most", "otherwise"), required=("steps", "until", "at_most"))
        at_most = keys["at_most"].whole(f"'at_most' of {what}")
        otherwise = keys["otherwise"].text(f"'otherwise' of {what}") if "otherwise" in keys else ""
        return Loop(
            name,
            self._flows(keys["steps"], what),
            Condition(
                read_expected(keys["until"], f"'until' of {what}"),
                otherwise or f"{name} did not come to its end in {at_most} rounds",
            ),
            at_most,
        )

    def _hierarchy(self, name: str, node: Marked, what: str) -> Hierarchy:
        known = ("orchestrator", "workers", "merge", "plans", "parallel", "fan_out", "spawn")
        keys = node.fields(what, known, required=("orchestrator",))
        if "workers" not in keys and "spawn" not in keys:
            raise node.wrong(f"{what} needs a key 'workers', or 'spawn' with the agent that plays made-up roles")
        return Hierarchy(
            name,
            self._agent(keys["orchestrator"], what),
            self._flows(keys["workers"], what) if "workers" in keys else (),
            **_given(
                keys,
                spawn=lambda one: self._agent(one, what),
                merge=lambda one: self._agent(one, what),
                plans=lambda one: {
                    plan: _plan(list_, plan) for plan, list_ in one.mapping(f"'plans' of {what}").items()
                },
                parallel=lambda one: one.flag(f"'parallel' of {what}"),
                fan_out=lambda one: one.whole(f"'fan_out' of {what}"),
            ),
        )

    def _panel(self, name: str, node: Marked, what: str) -> Panel:
        known = ("members", "writes", "rounds", "rule", "weights", "quorum", "tie")
        keys = node.fields(what, known, required=("members", "writes"))
        return Panel(
            name,
            self._agents_in(keys["members"], what),
            keys["writes"].text(f"'writes' of {what}"),
            **_given(
                keys,
                rounds=lambda one: one.whole(f"'rounds' of {what}"),
                rule=lambda one: one.choice(f"'rule' of {what}", Rule),
                weights=lambda one: {
                    member: weight.number(f"the weight of {member!r}")
                    for member, weight in one.mapping(f"'weights' of {what}").items()
                },
                quorum=lambda one: one.whole(f"'quorum' of {what}"),
                tie=lambda one: one.choice(f"'tie' of {what}", Tie),
            ),
        )

    def _route(self, name: str, node: Marked, what: str) -> Route:
        keys = node.fields(what, ("agents", "by", "reads", "abstain", "otherwise"), required=("agents",))
        return Route(
            name,
            self._flows(keys["agents"], what),
            **_given(
                keys,
                by=lambda one: one.choice(f"'by' of {what}", By),
                reads=lambda one: one.names(f"'reads' of {what}"),
                abstain=lambda one: one.number(f"'abstain' of {what}", most=1),
                otherwise=lambda one: self._otherwise(one, what),
            ),
        )

    def _open_topic(self, name: str, node: Marked, what: str) -> OpenTopic:
        keys = node.fields(what, ("agents", "reads", "fitness", "otherwise"), required=("agents", "reads"))
        return OpenTopic(
            name,
            self._agents_in(keys["agents"], what),
            keys["reads"].names(f"'reads' of {what}"),
            **_given(
                keys,
                fitness=lambda one: one.number(f"'fitness' of {what}", most=1),
                otherwise=lambda one: self._otherwise(one, what),
            ),
        )

    def _flows(self, node: Marked, what: str) -> tuple[Flow, ...]:
        return tuple(self.named(one, what) for one in node.items(what))

    def _agents_in(self, node: Marked, what: str) -> tuple[str, ...]:
        return tuple(self._agent(one, what) for one in node.items(what))

    def _agent(self, node: Marked, what: str) -> str:
        name = node.text(f"an agent of {what}")
        if name in self._nodes:
            raise node.wrong(f"{what} asks an agent there, and {name!r} is a team")
        if name not in self._agents:
            raise node.wrong(f"{what} names {name!r}, which is not described under 'agents'{near(name, self._agents)}")
        return name

    def _otherwise(self, node: Marked, what: str) -> Flow | None:
        return None if node.text(f"'otherwise' of {what}") == PERSON else self.named(node, what)


def _plan(node: Marked, name: str) -> tuple[Assignment, ...]:
    assignments = []
    for one in node.items(f"plan {name!r}"):
        keys = one.fields(f"an assignment of plan {name!r}", ("agent", "brief"), required=("agent", "brief"))
        assignments.append(Assignment(keys["agent"].text("the agent of a plan"), keys["brief"].text("a brief")))
    return tuple(assignments)


def _given(keys: Mapping[str, Marked], **readers: Callable[[Marked], Any]) -> dict[str, Any]:
    """What each reader makes of its key, for the keys that are there; the rest is left to the record's defaults."""
    return {key: read(keys[key]) for key, read in readers.items() if key in keys}
