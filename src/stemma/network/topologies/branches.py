"""Branches: parts of a task that go on side by side, and come together again."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeAlias, TypeVar

from stemma.network.flow import Flow
from stemma.network.task import Task, together

Result = TypeVar("Result")

Play: TypeAlias = Callable[[Flow, Task], Awaitable[None]]
"""Brings a task through a flow, whatever its kind: how a topology plays the flows that it is made of."""


async def side_by_side(flows: Iterable[Flow], task: Task, play: Play) -> None:
    """Plays every flow on a branch of its own, all at the same time."""
    flows = list(flows)
    task.check_fan_out(len(flows))
    played = [(flow, task.branch()) for flow in flows]
    await gathered(task, [branch for _, branch in played], (play(flow, branch) for flow, branch in played))


async def gathered(task: Task, branches: Sequence[Task], work: Iterable[Awaitable[Result]]) -> list[Result]:
    """What all the work, one piece a branch, came to; the task then knows what each branch learned, in their order.

    A branch that ends early keeps no other from its end: which messages are sent must not hang on which is faster. The first
    end, in the order of the branches, then is the task's.
    """
    try:
        return await together(work)
    finally:
        for branch in branches:
            task.join(branch)
