"""Sources: who writes which value, and what to say of one that is read too early, or that nobody writes."""

from collections.abc import Iterator, Mapping

from stemma.core.marked import near
from stemma.network.agent import Agent
from stemma.network.flow import Flow, Hierarchy, Panel, Phases, agents_of, flows_of
from stemma.network.manifest.colleagues import told_values
from stemma.network.manifest.manifest import Manifest
from stemma.network.manifest.names import ADDED, BRIEF, CHOICES, MISSING, STATEMENTS, WORKERS, Place, check_value
from stemma.network.manifest.teams import team_place
from stemma.network.manifest.values import Gap, Known, alternatives, needs, walk, written_by


def check_values(manifest: Manifest, place: Place) -> None:
    """Raises InvalidData for a value with two sources, or none, and for one that an agent may lack when it needs it."""
    agents = {agent.name: agent for agent in manifest.agents}
    sources, told = _sources(manifest, place), told_values(manifest.agents)
    for gap in walk(manifest.flow, agents, Known(frozenset(manifest.inputs), told)):
        raise _place(gap, manifest, place).wrong(_problem(gap, manifest, sources))
    for agent in manifest.agents:
        _check_added(agent, manifest.flow, place.at("agents", agent.name, "reads"))
        for value, key in needs(agent).items():  # those that only a topic or a colleague asks have no place in the flow
            if value not in manifest.inputs and value not in sources and value not in told:
                raise place.at("agents", agent.name, key).wrong(
                    _unknown(f"agent {agent.name!r}", value, manifest, sources)
                )
    for number, interceptor in enumerate(manifest.interceptors):
        for value in interceptor.when if interceptor.before == "phase" else ():
            if value not in manifest.inputs and value not in sources:
                what = f"the question before phase {interceptor.name!r}"
                raise place.at("people", number, "when").wrong(_unknown(what, value, manifest, sources))


def _sources(manifest: Manifest, place: Place) -> dict[str, list[str]]:
    """Each value with the names of the agents, or of the team, that write it. One that is not alone in it is an alternative."""
    sources: dict[str, list[str]] = {}
    allowed = set(alternatives(manifest.flow))
    for agent in manifest.agents:
        here = place.at("agents", agent.name, "writes")
        others = sources.setdefault(agent.writes, [])
        taken = [f"what agent {one!r} writes" for one in others if frozenset({one, agent.name}) not in allowed]
        if agent.writes in manifest.inputs or taken:
            is_taken = "an input" if agent.writes in manifest.inputs else taken[0]
            raise here.wrong(f"agent {agent.name!r} writes {agent.writes!r}, which is {is_taken}; choose another name")
        others.append(agent.name)
    for team in {flow.name: flow for flow in flows_of(manifest.flow)}.values():
        for value in written_by(team):
            here = team_place(team, manifest, place)
            check_value(here, "value", value)
            members = team.members if isinstance(team, Panel) else ()
            others = [one for one in sources.get(value, ()) if one not in members]
            if value in manifest.inputs or others:
                is_taken = "an input" if value in manifest.inputs else f"what {others[0]!r} writes"
                raise here.at("writes").wrong(
                    f"{team.kind} {team.name!r} writes {value!r}, which is {is_taken}; choose another name"
                )
            sources[value] = [team.name]
    return sources


def _place(gap: Gap, manifest: Manifest, place: Place) -> Place:
    if isinstance(gap.reader, Agent):
        return place.at("agents", gap.reader.name, gap.key)
    return team_place(gap.reader, manifest, place).at(gap.key)


def _problem(gap: Gap, manifest: Manifest, sources: Mapping[str, list[str]]) -> str:
    reader, value = gap.reader, gap.value
    who = f"agent {reader.name!r}" if isinstance(reader, Agent) else f"{reader.kind.replace('_', ' ')} {reader.name!r}"
    writers = sources.get(value)
    if writers is None:
        return _unknown(who, value, manifest, sources)
    by = " or ".join(repr(writer) for writer in writers)
    if gap.perhaps:
        optional = isinstance(reader, Agent) and gap.key == "reads"
        empty = f"read it as '{value}?' (empty while it is not known), or " if optional else ""
        return (
            f"{who} needs {value!r}, which {by} may not have written by then; {empty}have it written on every way there"
        )
    if isinstance(reader, Hierarchy) and {*writers} & {one for worker in reader.workers for one in agents_of(worker)}:
        return f"{who} fills {value!r} into a brief, before {by} has begun; let the worker read it where workers work in turn"
    cycle = _path(writers[0], reader.name, manifest, sources)
    if cycle:
        return f"agents need each other in a cycle: {' → '.join([*cycle, cycle[0]])}; break it"
    apart = next(_apart(reader.name, writers[0], manifest.flow), None)
    if apart is not None:
        return f"{who} needs {value!r}, which {by} writes {apart}"
    return f"{who} needs {value!r}, which {by} writes only later; move {by} before it"


def _unknown(who: str, value: str, manifest: Manifest, sources: Mapping[str, list[str]]) -> str:
    known = [*manifest.inputs, *sources]
    return f"{who} needs {value!r}, which is no input and no agent writes{near(value, known)}; there are {', '.join(known)}"


def _path(start: str, goal: str, manifest: Manifest, sources: Mapping[str, list[str]]) -> tuple[str, ...]:
    """The agents from `goal` back to `start` along what each needs, when `start` itself hangs on `goal`."""
    agents = {agent.name: agent for agent in manifest.agents}
    trails: list[tuple[str, ...]] = [(start,)]
    seen = {start}
    while trails:
        trail = trails.pop()
        if trail[-1] == goal:
            return trail[::-1]
        for value in needs(agents[trail[-1]]) if trail[-1] in agents else ():
            for writer in sources.get(value, ()):
                if writer not in seen or writer == goal:
                    seen.add(writer)
                    trails.append((*trail, writer))
    return ()


def _apart(reader: str, writer: str, flow: Flow) -> Iterator[str]:
    """What keeps the reader from knowing what the writer writes, where that is not their order, and the way out."""
    for team in flows_of(flow):
        if isinstance(team, Phases):
            phases = {
                name: phase
                for phase in team.phases
                for member in phase.agents
                for name in (*agents_of(member), *(one.name for one in flows_of(member)))
            }
            mine, other = phases.get(reader), phases.get(writer)
            if mine is None or other is None:
                continue
            if mine is not other:
                yield (
                    f"in phase {other.phase!r}, which phase {mine.phase!r} does not wait for; "
                    f"add it to the phase's 'depends_on'"
                )
            elif mine.parallel:
                yield f"at the same time, in the parallel phase {mine.phase!r}; put {writer!r} into a phase before it"
        elif isinstance(team, Hierarchy) and team.parallel:
            sides = [{one.name for one in flows_of(worker)} for worker in team.workers]
            if any(reader in side and writer not in side for side in sides) and any(writer in side for side in sides):
                yield f"at the same time, in hierarchy {team.name!r}; let its workers work in turn: parallel: false"
        elif isinstance(team, Panel) and {reader, writer} <= {*team.members}:
            yield f"at the same time, in panel {team.name!r}; members hear each other as {STATEMENTS!r}"


def _check_added(agent: Agent, flow: Flow, place: Place) -> None:
    """A name that a team gives its members is read by nobody else."""
    for name in agent.reads:
        if name in ADDED and agent.name not in _hearers(name, flow):
            raise place.wrong(
                f"agent {agent.name!r} reads {name!r}, which only {_HEARERS[name]} is given; drop it, or choose another value"
            )


_HEARERS = {
    STATEMENTS: "a member of a panel",
    CHOICES: "a member of a panel",
    BRIEF: "a worker of a hierarchy",
    WORKERS: "the orchestrator of a hierarchy",
    MISSING: "the merging agent of a hierarchy",
}


def _hearers(name: str, flow: Flow) -> set[str]:
    found: set[str] = set()
    for team in flows_of(flow):
        if isinstance(team, Panel) and name in (STATEMENTS, CHOICES):
            found |= {*team.members}
        elif isinstance(team, Hierarchy):
            match name:
                case "brief":
                    found |= {agent for worker in team.workers for agent in agents_of(worker)}
                    found |= {team.spawn} if team.spawn else set()
                case "workers":
                    found.add(team.orchestrator)
                case "missing":
                    found |= {team.merge} if team.merge else set()
    return found
