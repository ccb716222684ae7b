"""Ending: how a run comes out, and the last message, which tells whoever waits for it."""

from dataclasses import replace

from stemma.core.trust import TRUSTED
from stemma.network.dispatch import BoundMet, Dispatch
from stemma.network.message import CALLER, PERSON, Message, Part, PartKind
from stemma.network.network import Network
from stemma.network.protection import Shield
from stemma.network.run import Outcome, Run, RunStatus
from stemma.network.task import Task, TaskEnded
from stemma.network.topologies import play


async def ending(
    task: Task, network: Network, dispatch: Dispatch, run: Run, shield: Shield
) -> tuple[Outcome, Message | None]:
    """Plays the network's flow to its end: how the run ends, with what is known by then, and the message to the caller, or to
    the person who takes over. Of a value that may not be told it says why, and a run that has one has failed.
    """
    try:
        await dispatch.in_time(play(network.flow, task), run, network.bounds.seconds)
    except TaskEnded as end:
        if end.status is not RunStatus.HANDED_OVER:
            return _outcome(task, shield, end.status, end.reason), None
        note = Part(PartKind.INSTRUCTION, "reason", end.reason, TRUSTED)
        return _outcome(task, shield, end.status, end.reason), _last(task, PERSON, [note, *task.known.values()])
    except BoundMet as met:
        return _outcome(task, shield, RunStatus.STOPPED, str(met)), None
    outcome = _outcome(task, shield, RunStatus.COMPLETED, None)
    if outcome.status is not RunStatus.COMPLETED:
        return outcome, None
    told = [replace(part, value=outcome.values[name]) for name, part in task.learned.items()]
    return outcome, _last(task, CALLER, told)


def _last(task: Task, recipient: str, parts: list[Part]) -> Message:
    return Message.compose(
        task.next_id(), task.run, sender=task.sender, recipient=recipient, parts=parts, decided_by=task.decisive
    )


def _outcome(task: Task, shield: Shield, status: RunStatus, reason: str | None) -> Outcome:
    labels = {name: part.label for name, part in task.learned.items()}
    output = shield.output({name: part.value for name, part in task.learned.items()}, labels)
    withheld = [f"value {name!r} is withheld: {why}" for name, why in output.withheld.items()]
    return Outcome(
        RunStatus.FAILED if withheld and status is RunStatus.COMPLETED else status,
        output.values,
        {name: label for name, label in labels.items() if name in output.values},
        "; ".join([*([shield.reason(reason)] if reason is not None else []), *withheld]) or None,
    )
