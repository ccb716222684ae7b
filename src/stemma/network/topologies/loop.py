"""The loop: the same steps again and again, until a condition holds."""

from stemma.network.flow import Loop
from stemma.network.task import Task
from stemma.network.topologies.branches import Play
from stemma.network.topologies.step import holds


async def loop(flow: Loop, task: Task, play: Play) -> None:
    """Rounds of the steps; an answer takes the place of the one from the round before. After `at_most`, to a person."""
    for _ in range(flow.at_most):
        for part in flow.steps:
            await play(part, task)
        if await holds(flow.until, task, flow.name, "until"):
            return
    task.hand_over(flow.until.otherwise)
