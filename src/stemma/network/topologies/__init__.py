"""Topologies: flows at work. Each is a small function over a task, in a file of its own; `play` finds the one for a flow."""

from stemma.network.flow import Flow, Hierarchy, Loop, OpenTopic, Panel, Phases, Pipeline, Route, Step
from stemma.network.task import Task
from stemma.network.topologies.hierarchy import hierarchy
from stemma.network.topologies.loop import loop
from stemma.network.topologies.open_topic import open_topic
from stemma.network.topologies.panel import panel
from stemma.network.topologies.phases import phases
from stemma.network.topologies.pipeline import pipeline
from stemma.network.topologies.route import route
from stemma.network.topologies.step import step

__all__ = ["play"]


async def play(flow: Flow, task: Task) -> None:
    """Brings `task` through `flow`; what its agents answer is learned.

    Played again, it sends the same messages under the same ids, as long as the exchange answers the same. Raises TaskEnded
    where the flow can not, or need not, go on; the task then knows everything that was learned until then.
    """
    match flow:
        case Step():
            await step(flow, task)
        case Pipeline():
            await pipeline(flow, task, play)
        case Loop():
            await loop(flow, task, play)
        case Phases():
            await phases(flow, task, play)
        case Hierarchy():
            await hierarchy(flow, task, play)
        case Panel():
            await panel(flow, task)
        case Route():
            await route(flow, task, play)
        case OpenTopic():
            await open_topic(flow, task, play)
