"""The open topic: a task is put up, and whoever of the fit agents has a free hand first claims it."""

from stemma.network.flow import OpenTopic, Step
from stemma.network.task import Task
from stemma.network.topologies.branches import Play
from stemma.network.topologies.route import abstained, nearness
from stemma.network.topologies.step import holds
from stemma.network.turn import Unusable


async def open_topic(flow: OpenTopic, task: Task, play: Play) -> None:
    """Learns what the agent that claimed the task answers, under the name that it writes.

    Fit are the agents at least `fitness` near to the task, sharing some meaning with it, whose condition holds; asked in the
    order of their fitness. Nobody fit: `otherwise` does it, or the one that a person names.
    """
    fitness = await nearness(flow.name, flow.agents, flow.reads, task)
    fit = [agent for agent in flow.agents if fitness[agent] > 0 and fitness[agent] >= flow.fitness]
    fit = [agent for agent in fit if await _may(agent, task)]
    if not fit:
        agents = [Step(agent) for agent in flow.agents]
        await abstained(flow.name, agents, flow.otherwise, fitness, task, play, reads=flow.reads)
        return
    fit.sort(key=lambda agent: -fitness[agent])
    answer = await task.ask(fit[0], anyone_of=fit)
    if isinstance(answer, Unusable):
        task.fail(f"open topic {flow.name!r}, claimed by one of {', '.join(fit)}: {answer.reason}")
    claimed_by = next(agent for agent in fit if task.network.role(agent).agent.writes == answer.name)
    task.learn(answer, sender=claimed_by)


async def _may(agent: str, task: Task) -> bool:
    condition = task.network.role(agent).agent.when
    return condition is None or await holds(condition, task, agent, "when")
