"""The phase workflow: phases that begin as soon as those that they depend on have ended."""

import asyncio

from stemma.core.trust import join_all
from stemma.network.agent import Condition
from stemma.network.flow import Phase, Phases
from stemma.network.people import Interceptor, Question
from stemma.network.task import Task
from stemma.network.topologies.branches import Play, gathered, side_by_side
from stemma.network.topologies.step import holds


async def phases(flow: Phases, task: Task, play: Play) -> None:
    """Plays every phase, each knowing what the task knew before and what the phases that it hangs on learned.

    When a phase ends the task, those that depend on it never begin; the others still run to their end.
    """
    # Before anything runs, so that ids do not hang on which phase is faster.
    branches = {phase.phase: task.branch() for phase in flow.phases}
    running: dict[str, asyncio.Task[None]] = {}

    async def run(phase: Phase) -> None:
        branch = branches[phase.phase]
        for earlier in flow.phases:
            if earlier.phase in phase.depends_on:
                await running[earlier.phase]
                branch.join(branches[earlier.phase])
        await _allowed(phase, branch)
        if phase.parallel:
            await side_by_side(phase.agents, branch, play)
        else:
            for member in phase.agents:
                await play(member, branch)

    running |= {phase.phase: asyncio.create_task(run(phase)) for phase in flow.phases}
    await gathered(task, list(branches.values()), running.values())


async def _allowed(phase: Phase, task: Task) -> None:
    """Asks people before a phase that the network's interceptors name; rejected, the task is theirs."""
    for interceptor in task.network.interceptors:
        if interceptor.before == "phase" and interceptor.name == phase.phase and await _concerns(interceptor, task):
            decision = await task.decision(_question(phase, interceptor, task))
            if not decision.goes_on:
                reason = f": {decision.reason}" if decision.reason else ""
                task.hand_over(f"{decision.by} rejected phase {phase.phase!r}{reason}")


async def _concerns(interceptor: Interceptor, task: Task) -> bool:
    """Whether a person is to be asked; also when that hangs on a value that nobody wrote."""
    unknown = [name for name in interceptor.when if name not in task.known]
    return bool(unknown) or await holds(Condition(interceptor.when), task, interceptor.name, "when")


def _question(phase: Phase, interceptor: Interceptor, task: Task) -> Question:
    return Question(
        task.next_id(),
        task.run,
        task.run,
        "phase",
        interceptor.prompt or f"Begin phase {phase.phase!r}?",
        {
            "phase": phase.phase,
            "agents": [member.name for member in phase.agents],
            "after": list(phase.depends_on),
            "values": {name: part.value for name, part in task.known.items()},
        },
        join_all([*(part.label for part in task.known.values()), *task.decisive]),
        timeout=interceptor.timeout,
        on_timeout=interceptor.on_timeout,
    )
