"""Ending: how a run comes out, and the last message, which tells whoever waits for it."""

from stemma.core.trust import TRUSTED
from stemma.network.dispatch import BoundMet, Dispatch
from stemma.network.message import CALLER, PERSON, Message, Part, PartKind
from stemma.network.network import Network
from stemma.network.run import Outcome, Run, RunStatus
from stemma.network.task import Task, TaskEnded
from stemma.network.topologies import play


async def ending(task: Task, network: Network, dispatch: Dispatch, run: Run) -> tuple[Outcome, Message | None]:
    """Plays the network's flow to its end: how the run ends, with what is known by then, and the message to the caller, or to
    the person who takes over.
    """
    try:
        await dispatch.in_time(play(network.flow, task), run, network.bounds.seconds)
    except TaskEnded as end:
        if end.status is not RunStatus.HANDED_OVER:
            return _outcome(task, end.status, end.reason), None
        note = Part(PartKind.INSTRUCTION, "reason", end.reason, TRUSTED)
        return _outcome(task, end.status, end.reason), _last(task, PERSON, [note, *task.known.values()])
    except BoundMet as met:
        return _outcome(task, RunStatus.STOPPED, str(met)), None
    return _outcome(task, RunStatus.COMPLETED, None), _last(task, CALLER, list(task.learned.values()))


def _last(task: Task, recipient: str, parts: list[Part]) -> Message:
    return Message.compose(
        task.next_id(), task.run, sender=task.sender, recipient=recipient, parts=parts, decided_by=task.decisive
    )


def _outcome(task: Task, status: RunStatus, reason: str | None) -> Outcome:
    return Outcome(
        status,
        {name: part.value for name, part in task.learned.items()},
        {name: part.label for name, part in task.learned.items()},
        reason,
    )
