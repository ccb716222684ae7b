"""The route: one of several flows does the task, by what it is about, by who has least to do, or by both."""

from collections.abc import Mapping, Sequence

from stemma.core.trust import join_all
from stemma.network.flow import By, Flow, Route, agents_of
from stemma.network.message import Part
from stemma.network.task import Task
from stemma.network.topologies.branches import Play
from stemma.network.topologies.person import choice
from stemma.network.turn import as_said

_NEAR = 0.9  # the share of the best fitness with which another is as able; a share suits encoders of any scale


async def route(flow: Route, task: Task, play: Play) -> None:
    """Plays the flow that the task is for.

    By capability it is the fittest; by load the one with the fewest messages waiting and worked on, then the youngest ones
    waiting; by both the least loaded of those that are nearly as fit as the fittest. Among equals it is the first. When the
    fittest is below `abstain`, or shares no meaning at all with the task, `otherwise` does it, or the one that a person names.
    """
    able: Sequence[Flow] = flow.agents
    if flow.by is not By.LOAD:
        fitness = await nearness(flow.name, [part.name for part in flow.agents], flow.reads, task)
        best = max(fitness.values())
        if best <= 0 or best < flow.abstain:
            await abstained(flow.name, flow.agents, flow.otherwise, fitness, task, play, reads=flow.reads)
            return
        least = best if flow.by is By.CAPABILITY else max(flow.abstain, _NEAR * best)
        able = [part for part in flow.agents if fitness[part.name] >= least]
    if flow.by is not By.CAPABILITY:
        able = [await _least_loaded(able, task)]
    await play(able[0], task)


async def nearness(name: str, names: Sequence[str], reads: Sequence[str], task: Task) -> Mapping[str, float]:
    """How fit each of the named flows is for the task, going by the values of `reads`; by the network's inputs without any.

    These values then decide which of them does it: a choice that policies know by `name` and ``route``.
    """
    read = _read(reads, task)
    await task.chose(name, "route", len(names) + 1, *(part.label for part in read))
    text = "\n".join(as_said(part.value) for part in read)

    async def measured() -> dict[str, float]:
        return dict(await task.exchange.fitness(text, names))

    fitness: dict[str, float] = await task.once(measured)
    return fitness


async def abstained(
    name: str,
    flows: Sequence[Flow],
    otherwise: Flow | None,
    fitness: Mapping[str, float],
    task: Task,
    play: Play,
    *,
    reads: Sequence[str],
) -> None:
    """Plays `otherwise`, or the one of the flows that a person names."""
    if otherwise is not None:
        await play(otherwise, task)
        return
    named = await choice(
        task,
        "route",
        text=f"{name!r} found nobody fit for this task. Who does it?",
        choices=[part.name for part in flows],
        facts={
            "route": name,
            "fitness": dict(fitness),
            "values": {part.name: part.value for part in _read(reads, task)},
        },
        label=join_all(part.label for part in task.known.values()),
    )
    await play(next(part for part in flows if part.name == named), task)


def _read(reads: Sequence[str], task: Task) -> list[Part]:
    return [task.known[name] for name in reads or task.network.inputs if name in task.known]


async def _least_loaded(flows: Sequence[Flow], task: Task) -> Flow:
    """A team's load is that of all its agents: their messages together, and the oldest that waits for any."""
    agents = {part.name: list(dict.fromkeys(agents_of(part))) for part in flows}

    async def measured() -> dict[str, list[float]]:
        loads = await task.exchange.loads(list(dict.fromkeys(agent for team in agents.values() for agent in team)))
        return {
            name: [
                sum(loads[agent].waiting + loads[agent].running for agent in team),
                max(loads[agent].oldest for agent in team),
            ]
            for name, team in agents.items()
        }

    load: dict[str, list[float]] = await task.once(measured)
    return min(flows, key=lambda part: load[part.name])
