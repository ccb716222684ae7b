"""An exchange whose answers are written beforehand: what a flow asks for, and what it makes of the answers, without any run."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from stemma.core.trust import TrustLabel
from stemma.network.message import Message, Part, PartKind
from stemma.network.network import Network, Role
from stemma.network.people import Decision, Question
from stemma.network.task import Brief, Load
from stemma.network.turn import Unusable

Answer: TypeAlias = Any
"""JSON, which is the answer each time; Unusable; an exception, which is raised; an iterator over these, one a message; or a
function of the message that returns one of them."""


class ScriptedExchange:
    """Answers by agent, in memory; `messages`, `questions` and `briefs` record what was asked for, each once.

    An answer carries the label of the message. `pause` says for how many turns of the event loop an answer waits, so that a
    test decides who is faster. Of several who may claim a message, the first in `free` does, or the first of all. What is asked
    for again under the same id is answered the same; a message that then differs raises ValueError: its sender does not replay.
    """

    def __init__(
        self,
        network: Network,
        answers: Mapping[str, Answer],
        *,
        fitness: Mapping[str, float] | None = None,
        loads: Mapping[str, Load] | None = None,
        decisions: Iterable[Decision] | Callable[[Question], Decision] = (),
        free: Collection[str] | None = None,
        pause: Callable[[Message], int] = lambda _: 0,
    ) -> None:
        self.messages: list[Message] = []
        self.questions: list[Question] = []
        self.briefs: list[tuple[str, Brief]] = []
        self._network = network
        self._script = answers
        self._fitness, self._loads = fitness or {}, loads or {}
        self._decide = decisions if callable(decisions) else None
        self._decisions: Iterator[Decision] = iter(()) if callable(decisions) else iter(decisions)
        self._free, self._pause = free, pause
        self._sent: dict[str, tuple[Message, ...]] = {}
        self._kept: dict[str, Any] = {}

    async def ask(self, message: Message, *, instead: Sequence[Message] = ()) -> Part | Unusable:
        offered = (message, *instead)
        claimed = next((one for one in offered if self._free is None or one.recipient in self._free), message)
        if message.id not in self._sent:
            self._sent[message.id] = offered
            self.messages.append(claimed)
        if self._sent[message.id] != offered:
            raise ValueError(f"message {message.id!r} was sent before with other content; its flow does not replay")
        if message.id not in self._kept:
            self._kept[message.id] = self._answer(claimed)
        for _ in range(self._pause(message)):
            await asyncio.sleep(0)
        answer = self._kept[message.id]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Unusable) else Part.from_json(answer)

    async def prompted(self, role: Role, brief: Brief) -> tuple[Role, Part | None]:
        if (role.agent.name, brief) not in self.briefs:
            self.briefs.append((role.agent.name, brief))
        return role, Part(PartKind.DATA, "brief", brief.text, brief.label)

    async def tools(self, role: Role) -> Sequence[str]:
        return role.agent.tools

    async def once(self, key: str, work: Callable[[], Awaitable[Any]]) -> Any:
        if key not in self._kept:
            self._kept[key] = json.dumps(await work())
        return json.loads(self._kept[key])

    async def loads(self, agents: Iterable[str]) -> Mapping[str, Load]:
        return {agent: self._loads.get(agent, Load(0, 0, 0.0)) for agent in agents}

    async def decision(self, question: Question) -> Decision:
        if question.id not in self._kept:
            self.questions.append(question)
            self._kept[question.id] = self._decide(question) if self._decide else self._next_decision(question)
        decision: Decision = self._kept[question.id]
        return decision

    async def chosen(self, key: str, agent: str, field: str, bound: int, label: TrustLabel) -> TrustLabel:
        return label  # nothing is endorsed

    async def fitness(self, text: str, agents: Sequence[str]) -> Mapping[str, float]:
        return {agent: self._fitness.get(agent, 0.0) for agent in agents}

    def _answer(self, message: Message) -> Any:
        agent = message.recipient
        if agent not in self._script:
            raise LookupError(f"no answer is written for agent {agent!r}; there are {', '.join(self._script)}")
        answer = self._script[agent]
        if isinstance(answer, Iterator):
            answer = next(answer, LookupError(f"the answers of agent {agent!r} ran out at message {message.id!r}"))
        if callable(answer):
            answer = answer(message)
        if isinstance(answer, Unusable | Exception):
            return answer
        return Part(PartKind.DATA, self._network.role(agent).agent.writes, answer, message.label).to_json()

    def _next_decision(self, question: Question) -> Decision:
        for decision in self._decisions:
            return decision
        raise LookupError(f"nobody is left to decide question {question.id!r}: {question.text}")
