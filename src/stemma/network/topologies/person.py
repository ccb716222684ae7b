"""A person's choice, where a flow cannot choose by itself."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from stemma.core.trust import TrustLabel
from stemma.network.people import Question
from stemma.network.task import Task
from stemma.network.turn import as_said


async def choice(
    task: Task,
    kind: Literal["tie", "route"],
    *,
    text: str,
    choices: Sequence[str],
    facts: Mapping[str, Any],
    label: TrustLabel,
) -> str:
    """The one of `choices` that a person takes, `label` being that of what they and the facts come from.

    A person who rejects the question, or answers with none of them, has taken the task over.
    """
    decision = await task.decision(
        Question(task.next_id(), task.run, task.run, kind, text, facts, label, tuple(choices))
    )
    if not decision.goes_on:
        task.hand_over(f"{decision.by} chose none of {', '.join(choices)}: {decision.reason or text}")
    answer = as_said(decision.value).strip().casefold()
    chosen = next((one for one in choices if one.casefold() == answer), None)
    if chosen is None:
        task.hand_over(f"{decision.by} answered {decision.value!r}, which is none of {', '.join(choices)}")
    return chosen
