"""The pipeline: one after another, each reading what came before it."""

from stemma.network.flow import Pipeline
from stemma.network.task import Task
from stemma.network.topologies.branches import Play


async def pipeline(flow: Pipeline, task: Task, play: Play) -> None:
    """Every step in its turn."""
    for part in flow.steps:
        await play(part, task)
