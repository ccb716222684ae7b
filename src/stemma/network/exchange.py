"""The exchange of one run: asks, waits and writes down what its flow wants, so that a replay meets the same again."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stemma.core.trust import join_all
from stemma.network.briefs import Briefs
from stemma.network.dispatch import BoundMet, Dispatch
from stemma.network.fitness import Fitness
from stemma.network.inbox import Address, Posted, loads
from stemma.network.journal import Journal, Superseded
from stemma.network.message import Message, MessageStatus, Part, PartKind
from stemma.network.network import Network, Role
from stemma.network.people import Decision, OnTimeout, Question, Verdict
from stemma.network.run import RunStatus
from stemma.network.state.memory import Memories
from stemma.network.task import Brief, Load, TaskEnded
from stemma.network.turn import MEMORY, NOTHING, Unusable, as_said, part_of
from stemma.registry.templates import variables_of


@dataclass
class RunExchange:
    """What `Task` needs, for one run on this process."""

    dispatch: Dispatch
    network: Network
    journal: Journal
    briefs: Briefs
    fits: Fitness
    memories: Memories
    has_effects: Callable[[Network, Role], Awaitable[bool]]
    """Whether the role holds a tool that does more than read."""

    async def ask(self, message: Message, *, instead: Sequence[Message] = ()) -> Part | Unusable:
        """See `Exchange.ask`. A dead letter is an answer that can not be used."""
        first, *others = [await self._remembering(one) for one in (message, *instead)]
        addresses = [self._address(one) for one in (first, *others)]
        try:
            posted = await self.dispatch.ask(
                first,
                addresses[0],
                self.network.digest,
                bounds=self.network.bounds,
                instead=list(zip(others, addresses[1:], strict=True)),
                deadline=self.network.role(message.recipient).agent.limits.deadline,
            )
        except BoundMet as met:
            raise TaskEnded(RunStatus.STOPPED, str(met)) from met
        return self._answer(posted, message)

    def _answer(self, posted: Posted, message: Message) -> Part | Unusable:
        if posted.status is MessageStatus.CANCELLED:
            raise Superseded(posted.reason or f"message {message.id!r} was cancelled")
        if posted.reply is None:
            return Unusable(posted.reason or "there is no answer")
        if posted.reply.stopped:
            raise TaskEnded(RunStatus.STOPPED, posted.reply.problem or "a bound is met")
        return part_of(self.network.role(posted.recipient or message.recipient), posted.reply)

    def _address(self, message: Message) -> Address:
        agent = self.network.role(message.recipient).agent
        return Address(self.network.inbox_of(agent.name), agent.replicas, self.network.inbox)

    async def _remembering(self, message: Message) -> Message:
        """The message with what its recipient remembers, as it is when it is first sent."""
        role = self.network.role(message.recipient)
        recall, prompt = role.agent.memory, role.prompt
        if recall is None or prompt is None:
            return message
        query = "\n".join(as_said(message.data[name]) for name in recall.query if name in message.data)
        found = await self.dispatch.in_thread(self._search, recall.scope, query, recall.top)
        label = join_all([NOTHING, *(memory.label for memory in found)])
        part = Part(PartKind.DATA, MEMORY, [memory.text for memory in found], label)
        return message.with_data(part, filled_in=MEMORY in variables_of(prompt.instructions, prompt.template_format))

    def _search(self, scope: str, query: str, top: int) -> list[Any]:
        return self.memories.search(scope, query, top=top)

    async def prompted(self, role: Role, brief: Brief) -> tuple[Role, Part | None]:
        """See `Exchange.prompted`."""
        has_effects = await self.has_effects(self.network, role)
        prompted: tuple[Role, Part | None] = await self.dispatch.in_thread(self._prompted, role, brief, has_effects)
        return prompted

    def _prompted(self, role: Role, brief: Brief, has_effects: bool) -> tuple[Role, Part | None]:
        return self.briefs.prompted(self.network, role, brief, has_effects=has_effects)

    async def once(self, key: str, work: Callable[[], Awaitable[Any]]) -> Any:
        """See `Exchange.once`."""
        if key not in self.journal.done:
            await self.journal.keep(key, await work())
        return self.journal.done[key]

    async def loads(self, agents: Iterable[str]) -> Mapping[str, Load]:
        """See `Exchange.loads`."""
        names = list(agents)
        inboxes = {self.network.inbox_of(name): name for name in names}
        now = self.dispatch.clock.now()
        found = await self.dispatch.read(lambda connection: loads(connection, list(inboxes), now))
        return {name: Load(*found.get(inbox, (0, 0, 0.0))) for inbox, name in inboxes.items()}

    async def decision(self, question: Question) -> Decision:
        """See `Exchange.decision`."""
        decision = await self.dispatch.decision(question)
        if decision.verdict is Verdict.REJECTED and decision.by == "clock" and question.on_timeout is OnTimeout.FAIL:
            raise TaskEnded(RunStatus.FAILED, f"nobody answered {question.text!r} in time")
        return decision

    async def fitness(self, text: str, agents: Sequence[str]) -> Mapping[str, float]:
        """See `Exchange.fitness`."""
        fitness: Mapping[str, float] = await self.dispatch.in_thread(self.fits.of, text, agents)
        return fitness
