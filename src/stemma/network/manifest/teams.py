"""What has to be true of a flow and of each team in it, before anything is said about values."""

from collections.abc import Mapping, Sequence

from stemma.core.marked import near
from stemma.network.agent import Agent
from stemma.network.flow import (
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
    agents_of,
    flows_of,
)
from stemma.network.manifest.manifest import Manifest
from stemma.network.manifest.names import Place, check_actor, check_title


def check_teams(manifest: Manifest, place: Place) -> None:
    """Raises InvalidData for a team that could never do its work, with the names."""
    agents = {agent.name: agent for agent in manifest.agents}
    named: dict[str, Flow] = {}
    for flow in flows_of(manifest.flow):
        here = team_place(flow, manifest, place)
        if isinstance(flow, Step):
            if flow.agent not in agents:
                raise here.wrong(
                    f"the flow names agent {flow.agent!r}, which is not described{near(flow.agent, agents)}"
                )
            continue
        if flow.name in agents or named.setdefault(flow.name, flow) != flow:
            raise here.wrong(f"two things are called {flow.name!r}; choose another name for the team")
        if flow is not manifest.flow:
            check_actor(here, "team", flow.name)
        _check_team(flow, agents, here, _what(flow, manifest))


def team_place(flow: Flow, manifest: Manifest, place: Place) -> Place:
    """Where a flow is described: the whole network's at the top, others under their names."""
    whole = flow is manifest.flow and flow.name == manifest.name
    return place.at(flow.kind) if whole else place.at("teams", flow.name, flow.kind)


def _what(flow: Flow, manifest: Manifest) -> str:
    whole = flow is manifest.flow and flow.name == manifest.name
    return flow.kind if whole else f"{flow.kind.replace('_', ' ')} {flow.name!r}"


def _check_team(flow: Flow, agents: Mapping[str, Agent], place: Place, what: str) -> None:
    match flow:
        case Pipeline():
            _check_members([step.name for step in flow.steps], place, what, "asks each agent once")
        case Loop():
            _check_members([step.name for step in flow.steps], place.at("steps"), what, "asks each agent once a round")
            if not flow.until.expected or flow.at_most < 1:
                raise place.wrong(f"{what} needs a condition in 'until' and at least one round in 'at_most'")
        case Phases():
            _check_phases(flow.phases, place, what)
        case Hierarchy():
            _check_hierarchy(flow, place, what)
            if flow.spawn is not None and flow.spawn in agents:
                _check_spawn(flow, agents[flow.spawn], place, what)
        case Panel():
            _check_panel(flow, place, what)
        case Route():
            _check_members([one.name for one in flow.agents], place.at("agents"), what, "has each alternative once")
            _check_share(flow.abstain, place.at("abstain"), f"'abstain' of {what}")
            if flow.by is not By.LOAD:
                _check_able(flow.agents, agents, place, what)
        case OpenTopic():
            _check_members(flow.agents, place.at("agents"), what, "has each agent once")
            _check_share(flow.fitness, place.at("fitness"), f"'fitness' of {what}")
            if not flow.reads:
                raise place.at("reads").wrong(f"{what} reads nothing that agents could be fit for; name values")
            _check_able([Step(agent) for agent in flow.agents], agents, place, what)


def _check_members(names: Sequence[str], place: Place, what: str, once: str) -> None:
    if not names:
        raise place.wrong(f"{what} names nobody; name at least one agent")
    seen: set[str] = set()
    for number, name in enumerate(names):
        if name in seen:
            raise place.at(number).wrong(f"{what} names agent {name!r} twice; it {once}")
        seen.add(name)


def _check_share(value: float, place: Place, what: str) -> None:
    if not 0 <= value <= 1:
        raise place.wrong(f"{what} is a share from 0 to 1, not {value:g}")


def _check_able(flows: Sequence[Flow], agents: Mapping[str, Agent], place: Place, what: str) -> None:
    for flow in flows:
        if not any(agents[name].capabilities for name in agents_of(flow) if name in agents):
            raise place.wrong(
                f"{what} goes by what agents can do, and {flow.name!r} does not say it; give it 'capabilities'"
            )


def _check_phases(phases: Sequence[Phase], place: Place, what: str) -> None:
    names = [phase.phase for phase in phases]
    if not names:
        raise place.wrong(f"{what} has no phase")
    for number, phase in enumerate(phases):
        here = place.at(number)
        check_title(here.at("phase"), "phase", phase.phase)
        if phase.phase in names[:number]:
            raise here.wrong(f"{what} has the phase {phase.phase!r} twice")
        _check_members(
            [member.name for member in phase.agents],
            here.at("agents"),
            f"phase {phase.phase!r}",
            "asks each agent once",
        )
        for needed in phase.depends_on:
            if needed not in names:
                stuck = _behind(phase.phase, phases)
                raise here.at("depends_on").wrong(
                    f"phase {phase.phase!r} depends on phase {needed!r}, which there is not{near(needed, names)}; "
                    f"{', '.join(stuck)} would never begin"
                )
    cycle = _cycle(phases)
    if cycle:
        here = place.at(names.index(cycle[0]), "depends_on")
        stuck = [name for name in _behind(cycle[0], phases) if name not in cycle]
        behind = f", and {', '.join(stuck)} would never begin" if stuck else ""
        raise here.wrong(f"phases depend on each other in a cycle: {' → '.join(cycle)}{behind}; break it")


def _behind(phase: str, phases: Sequence[Phase]) -> list[str]:
    """`phase` and every one that waits for it, in the order written."""
    stuck = {phase}
    for _ in phases:
        stuck |= {one.phase for one in phases if stuck & {*one.depends_on}}
    return [one.phase for one in phases if one.phase in stuck]


def _cycle(phases: Sequence[Phase]) -> list[str]:
    """The first cycle of dependencies, its first phase again at the end; empty without one."""
    after = {phase.phase: phase.depends_on for phase in phases}
    sound: set[str] = set()
    for start in after:
        trail, ahead = [start], [iter(after[start])]
        while trail:
            needed = next(ahead[-1], None)
            if needed is None:
                sound.add(trail.pop())
                ahead.pop()
            elif needed in trail:
                return [*trail[trail.index(needed) :], needed]
            elif needed not in sound:
                trail.append(needed)
                ahead.append(iter(after[needed]))
    return []


def _check_hierarchy(flow: Hierarchy, place: Place, what: str) -> None:
    workers = [worker.name for worker in flow.workers]
    if workers or flow.spawn is None:
        _check_members(workers, place.at("workers"), what, "has each worker once")
    for key, name in (("orchestrator", flow.orchestrator), ("merge", flow.merge)):
        if name in {agent for worker in flow.workers for agent in agents_of(worker)}:
            raise place.at(key).wrong(f"{what} has {name!r} as a worker and as its {key!r}; it can be one of them")
    if flow.merge == flow.orchestrator:
        raise place.at("merge").wrong(
            f"{what} has {flow.merge!r} split and merge; its prompt can do one; use two agents"
        )
    if flow.fan_out < 1:
        raise place.at("fan_out").wrong(f"'fan_out' of {what} is at least 1, not {flow.fan_out}")
    for plan, assignments in flow.plans.items():
        here = place.at("plans", plan)
        if not 1 <= len(assignments) <= flow.fan_out:
            raise here.wrong(
                f"plan {plan!r} of {what} has {len(assignments)} assignments; it takes 1 to {flow.fan_out} ('fan_out')"
            )
        for number, assignment in enumerate(assignments):
            if assignment.agent not in workers:
                raise here.at(number, "agent").wrong(
                    f"plan {plan!r} of {what} names {assignment.agent!r}, which is none of its workers"
                    f"{near(assignment.agent, workers)}; they are {', '.join(workers)}"
                )
    planned = {assignment.agent for assignments in flow.plans.values() for assignment in assignments}
    for name in workers if flow.plans else ():
        if name not in planned:
            raise place.at("workers").wrong(
                f"no plan of {what} gives worker {name!r} anything to do; add one, or drop it"
            )


def _check_spawn(flow: Hierarchy, agent: Agent, place: Place, what: str) -> None:
    here, workers = place.at("spawn"), {name for worker in flow.workers for name in agents_of(worker)}
    if agent.name in (flow.orchestrator, flow.merge) or agent.name in workers:
        raise here.wrong(
            f"{what} has {agent.name!r} for made-up roles and in a part of its own; describe another agent"
        )
    if flow.plans:
        raise here.wrong(f"{what} splits by plan, and a plan makes up no role; drop 'plans' or 'spawn'")
    if agent.calls is not None:
        raise here.wrong(f"{what} makes up roles for {agent.name!r}, which calls a tool and has no prompt to hold them")
    if agent.history:
        raise here.wrong(
            f"{what} makes up roles for {agent.name!r}, whose 'history' would show one role what another said; drop it"
        )


def _check_panel(flow: Panel, place: Place, what: str) -> None:
    members = flow.members
    _check_members(members, place.at("members"), what, "hears each member once")
    if len(members) < 2:
        raise place.at("members").wrong(f"{what} has one member; a panel has at least two")
    if flow.rounds < 1:
        raise place.at("rounds").wrong(f"'rounds' of {what} is at least 1, not {flow.rounds}")
    if not 1 <= flow.quorum <= len(members):
        raise place.at("quorum").wrong(
            f"{what} can never meet its quorum of {flow.quorum}; it has {len(members)} members, so 1 to {len(members)}"
            if flow.quorum > len(members)
            else f"'quorum' of {what} is at least 1, not {flow.quorum}"
        )
    if flow.weights and flow.rule is not Rule.WEIGHTED:
        raise place.at("weights").wrong(
            f"{what} has weights, which only the rule 'weighted' counts; it has {flow.rule.value!r}"
        )
    for name, weight in flow.weights.items():
        if name not in members:
            raise place.at("weights", name).wrong(
                f"{what} gives a weight to {name!r}, which is no member{near(name, members)}"
            )
        if not 0 < weight < float("inf"):
            raise place.at("weights", name).wrong(f"the weight of {name!r} in {what} is above 0, not {weight:g}")
