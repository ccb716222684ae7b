"""The step: one agent, asked once, if its condition holds."""

from collections.abc import Sequence

from stemma.network.agent import Condition
from stemma.network.flow import Step
from stemma.network.message import Part
from stemma.network.task import Brief, Task


async def step(
    flow: Step, task: Task, *, id: str | None = None, brief: Brief | None = None, add: Sequence[Part] = ()
) -> Part:
    """What the agent answers, learned. With its condition unmet the task goes to a person, without a usable answer it fails."""
    await admit(flow.agent, task)
    return await task.need(flow.agent, id=id, brief=brief, add=add)


async def admit(agent: str, task: Task) -> None:
    """Hands the task over where the condition of `agent` does not hold."""
    condition = task.network.role(agent).agent.when
    if condition is not None and not await holds(condition, task, agent, "when"):
        task.hand_over(condition.otherwise)


async def holds(condition: Condition, task: Task, agent: str, field: str) -> bool:
    """Whether the condition holds over what is known, which then decides what happens next: policies know it by these names.

    It does not hold over a value that nobody wrote.
    """
    named = [task.known[name] for name in condition.expected if name in task.known]
    if named:
        await task.chose(agent, field, 2, *(part.label for part in named))
    return len(named) == len(condition.expected) and condition.holds({part.name: part.value for part in named})
