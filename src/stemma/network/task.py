"""The task: what a flow works on. It knows values, asks agents for more, and numbers every message it sends.

Flows are replayed after a crash, so what they decide must follow from what they are given here: answers, which are
kept, and whatever `Task.once` has written down.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, NoReturn, Protocol, TypeVar

from stemma.core.errors import StemmaError
from stemma.core.trust import TrustLabel, join_all
from stemma.network.message import CALLER, NOTHING, Message, Part
from stemma.network.network import Network, Role, Spawned
from stemma.network.people import Decision, Question
from stemma.network.run import RunStatus
from stemma.network.turn import Unusable, parts_for

Result = TypeVar("Result")


class TaskEnded(StemmaError):
    """A flow can not, or need not, go on. What the task knows by then is kept."""

    def __init__(self, status: RunStatus, reason: str, label: TrustLabel | None = None) -> None:
        self.status, self.reason, self.label = status, reason, label
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Brief:
    """What one agent writes for another to act by: its words, and the message whose answer they stand in.

    `label` is the join of everything that the author had read. `role` is there when the author made up the role that the
    agent is to play, too.
    """

    text: str
    author: str
    message: str
    label: TrustLabel
    role: Spawned | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """How busy an agent is: messages that wait in its inbox and that are worked on, and seconds that the oldest has waited."""

    waiting: int
    running: int
    oldest: float


class Exchange(Protocol):
    """What carries out what a task wants; durable. Asked for the same again, each method answers the same."""

    async def ask(self, message: Message, *, instead: Sequence[Message] = ()) -> Part | Unusable:
        """The recipient's answer. `instead` are the same message for others: whoever has a free hand first is the recipient."""

    async def prompted(self, role: Role, brief: Brief) -> tuple[Role, Part | None]:
        """The role with the brief in its prompt, stored with its lineage; or as it was, with the brief as data to read."""

    async def tools(self, role: Role) -> Sequence[str]:
        """The names of the tools that the role may call. Raises ToolFailed where that can not be found out."""

    async def once(self, key: str, work: Callable[[], Awaitable[Any]]) -> Any:
        """What `work` returned, JSON, the first time it was called under `key`."""

    async def loads(self, agents: Iterable[str]) -> Mapping[str, Load]: ...

    async def decision(self, question: Question) -> Decision:
        """Waits, as long as it takes."""

    async def chosen(self, key: str, agent: str, field: str, bound: int, label: TrustLabel) -> TrustLabel:
        """The label of a choice among `bound` that was made by values with `label`: a better one where policies endorse it.

        `key` names the choice in the run; `agent` and `field` are what policies know it by.
        """

    async def fitness(self, text: str, agents: Sequence[str]) -> Mapping[str, float]:
        """How near in meaning each agent's capabilities are to `text`, -1 to 1."""


class Task:
    """One task on its way through a flow."""

    def __init__(
        self,
        id: str,
        run: str,
        network: Network,
        known: Mapping[str, Part],
        exchange: Exchange,
        *,
        decisive: Iterable[TrustLabel] = (),
    ) -> None:
        self.id = id
        self.run = run
        self.network = network
        self.exchange = exchange
        self.sender = CALLER
        self._known = dict(known)
        self._decisive = list(decisive)
        self._numbers = count(1)
        self._choices = 0
        self._learned: dict[str, Part] = {}

    @property
    def known(self) -> Mapping[str, Part]:
        """The inputs, and every value learned since, by name."""
        return self._known

    @property
    def learned(self) -> Mapping[str, Part]:
        """The values learned since the task, or this branch of it, began."""
        return self._learned

    @property
    def decisive(self) -> Sequence[TrustLabel]:
        """The labels of everything that decided what the task does next."""
        return self._decisive

    def learn(self, part: Part, *, sender: str | None = None) -> None:
        """Adds a value, for every agent that reads its name; the newest stands."""
        self._known[part.name] = self._learned[part.name] = part
        if sender is not None:
            self.sender = sender

    def heed(self, *labels: TrustLabel) -> None:
        """Says that values with these labels decided what happens next: branching on a text lets it through."""
        self._decisive += labels

    async def chose(self, agent: str, field: str, bound: int, *labels: TrustLabel) -> TrustLabel:
        """Says that values with these labels chose one of `bound` ways to go on, which policies know by `agent` and `field`.

        Returns what the choice is worth: heeded is that, and not the values.
        """
        self._choices += 1
        label = await self.exchange.chosen(
            f"{self.id}!{self._choices}", agent, field, bound, join_all([NOTHING, *labels])
        )
        self.heed(label)
        return label

    async def ask(
        self,
        agent: str,
        *,
        id: str | None = None,
        brief: Brief | None = None,
        add: Sequence[Part] = (),
        anyone_of: Sequence[str] = (),
    ) -> Part | Unusable:
        """What `agent` answers, given what it reads of what is known, and the parts in `add`. Nothing is learned by itself.

        Two calls get their messages in the order in which they were made, however long they take; `id`, from `next_id`,
        names the message beforehand.
        """
        id, sender = id or self.next_id(), self.sender
        messages = []
        for name in anyone_of or (agent,):
            role = self.network.role(name)
            told: Part | None = None
            if brief is not None:
                role, told = await self.exchange.prompted(replace(role, spawned=brief.role), brief)
            parts = parts_for(role, self._known, [*([told] if told else []), *add])
            messages.append(
                Message.compose(id, self.run, sender=sender, recipient=name, parts=parts, decided_by=self._decisive)
            )
        return await self.exchange.ask(messages[0], instead=messages[1:])

    async def need(self, agent: str, **options: Any) -> Part:
        """What `agent` answers, learned. Ends the task as failed when it has no usable answer."""
        answer = await self.ask(agent, **options)
        if isinstance(answer, Unusable):
            self.fail(f"agent {agent!r}: {answer.reason}", label=answer.label)
        self.learn(answer, sender=agent)
        return answer

    async def decision(self, question: Question) -> Decision:
        """What a person decides; `next_id` gives a question its id."""
        return await self.exchange.decision(question)

    async def once(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """What `work` returned the first time that the task came here, as JSON."""
        return await self.exchange.once(self.next_id(), work)

    def branch(self, *more: Part) -> "Task":
        """A part of the task that goes on beside others: it knows what is known now and `more`, and numbers its own messages.

        Bring back what it learned with `join`.
        """
        known = self._known | {part.name: part for part in more}
        branch = Task(self.next_id(), self.run, self.network, known, self.exchange, decisive=self._decisive)
        branch.sender = self.sender
        return branch

    def join(self, branch: "Task") -> None:
        """Learns what `branch` learned, and heeds what it heeded; its last agent is the sender of what comes next."""
        for part in branch.learned.values():
            self.learn(part, sender=branch.sender)
        self._decisive += [label for label in branch.decisive if label not in self._decisive]

    def check_fan_out(self, number: int) -> None:
        """Ends the task as stopped when `number` agents or branches at the same time are over its bound."""
        most = self.network.bounds.fan_out
        if number > most:
            raise TaskEnded(
                RunStatus.STOPPED,
                f"the task's bound of {most:,} agents at the same time is met: {number:,} were to be asked",
            )

    def fail(self, reason: str, *, label: TrustLabel | None = None) -> NoReturn:
        """Ends the task as failed; `label` is that of what it failed by."""
        raise TaskEnded(RunStatus.FAILED, reason, label)

    def hand_over(self, reason: str) -> NoReturn:
        """Ends the task with a person taking it over."""
        raise TaskEnded(RunStatus.HANDED_OVER, reason)

    def next_id(self) -> str:
        """A name for the next message, question or branch, the same in every replay."""
        return f"{self.id}.{next(self._numbers)}"


async def together(work: Iterable[Awaitable[Result]]) -> list[Result]:
    """The results of all, in their order. Waits for every one; raises the error of the first, in their order, that has one.

    An error that is not the end of a task goes before: what the others came to is then not the end of it either.
    """
    results = await asyncio.gather(*work, return_exceptions=True)
    errors = [result for result in results if isinstance(result, BaseException)]
    if errors:
        raise min(errors, key=lambda error: isinstance(error, TaskEnded))
    return [result for result in results if not isinstance(result, BaseException)]
