"""People in the loop: what a person is asked, and what the person decided.

A question waits in the store, for days and across deploys; the task that asked goes on when it is answered, or when its
time is up. An interceptor asks before a tool is called, an agent's answer is passed on, or a phase begins.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, TypeAlias

from stemma.network.wire import Label

Target: TypeAlias = Literal["tool", "message", "phase"]


class Verdict(StrEnum):
    """What a person, or the clock in a person's place, said."""

    APPROVED = "approved"
    EDITED = "edited"  # go on, with the value that the person wrote
    REJECTED = "rejected"
    ANSWERED = "answered"  # the question was open: the value is the answer


class OnTimeout(StrEnum):
    """What holds when nobody answers in time."""

    REJECT = "reject"
    APPROVE = "approve"
    FAIL = "fail"  # the task ends as failed, its partial results kept


@dataclass(frozen=True, slots=True)
class Interceptor:
    """Asks a person before `name` (a tool, an agent whose answer is about to be passed on, a phase) goes ahead.

    `when` limits it to calls whose arguments, or answers whose fields, have these values. `timeout` is in seconds; None
    waits for ever.
    """

    before: Target
    name: str
    prompt: str = ""
    when: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None
    on_timeout: OnTimeout = OnTimeout.REJECT


@dataclass(frozen=True, slots=True)
class Question:
    """Put before a person.

    `subject` is the message, or the run, that waits; `facts` are what the runtime knows, never a model's words about
    itself; `choices` are what may be answered where that is closed. `binding` is the digest of the call that an approval
    is for, and `expires` the time until which it holds. Of its kind a run asks `most` questions; those after them are rejected.
    `takes` is the JSON schema of what a person may write in the place of what is asked about; None where that is nothing.
    """

    id: str
    run: str
    subject: str
    kind: Literal["tool", "approval", "message", "phase", "tie", "route", "uncertain"]
    text: str
    facts: Mapping[str, Any]
    label: Label
    choices: tuple[str, ...] = ()
    timeout: float | None = None
    on_timeout: OnTimeout = OnTimeout.REJECT
    binding: str = ""
    expires: str = ""
    most: int | None = None
    takes: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The end of a question. `by` is the person, or ``clock``, or ``bound``; `value` is there when edited or answered.

    `binding` and `expires` are those of the question that was before whoever decided.
    """

    verdict: Verdict
    by: str
    value: Any = None
    reason: str = ""
    binding: str = ""
    expires: str = ""

    @property
    def goes_on(self) -> bool:
        return self.verdict is not Verdict.REJECTED
