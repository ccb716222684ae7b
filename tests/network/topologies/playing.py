"""A network without prompts or a store, and a flow played over it with written answers."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from stemma.core.trust import TRUSTED, UNTRUSTED, TrustLabel
from stemma.network.agent import Agent, Condition
from stemma.network.flow import Flow, agents_of
from stemma.network.message import Part, PartKind
from stemma.network.network import Network, Role
from stemma.network.people import Interceptor
from stemma.network.task import Task, TaskEnded
from stemma.network.topologies import play
from stemma.testing.exchange import ScriptedExchange

INPUT = "ticket"


def agent(
    name: str, *reads: str, when: Condition | None = None, capabilities: tuple[str, ...] = (), writes: str | None = None
) -> Agent:
    """An agent that reads the ticket, unless told otherwise, and writes ``<name>_says``."""
    return Agent(
        name, None, "m", reads or (INPUT,), writes or f"{name}_says", calls="none", when=when, capabilities=capabilities
    )


def network(flow: Flow, agents: Iterable[Agent] = (), interceptors: tuple[Interceptor, ...] = ()) -> Network:
    """A network of the agents given, and of plain ones for the rest of the flow."""
    described = {one.name: one for one in agents}
    names = dict.fromkeys([*described, *agents_of(flow)])
    roles = tuple(Role(described.get(name, agent(name)), None, "test", TRUSTED) for name in names)
    return Network("desk", {INPUT: UNTRUSTED}, roles, flow, interceptors=interceptors)


@dataclass
class Played:
    """What a flow came to: the task as it was in the end, the exchange, and how it ended when it did not go through."""

    task: Task
    exchange: ScriptedExchange
    end: TaskEnded | None

    @property
    def values(self) -> dict[str, Any]:
        return {name: part.value for name, part in self.task.learned.items()}

    @property
    def sent(self) -> list[tuple[str, str]]:
        """Message ids and recipients, in the order of ids."""
        return sorted((message.id, message.recipient) for message in self.exchange.messages)

    def data(self, recipient: str) -> list[Mapping[str, Any]]:
        """What the messages to `recipient` held, in the order of ids."""
        messages = sorted(self.exchange.messages, key=lambda message: message.id)
        return [message.data for message in messages if message.recipient == recipient]


def played(
    flow: Flow,
    answers: Mapping[str, Any],
    *,
    agents: Iterable[Agent] = (),
    interceptors: tuple[Interceptor, ...] = (),
    ticket: str = "I lost my card",
    label: TrustLabel = UNTRUSTED,
    exchange: ScriptedExchange | None = None,
    **scripted: Any,
) -> Played:
    """Plays `flow` to its end. Agents without a written answer say ``<name> is done``."""
    made = network(flow, agents, interceptors)
    spoken = {role.agent.name: f"{role.agent.name} is done" for role in made.roles} | dict(answers)
    exchange = exchange or ScriptedExchange(made, spoken, **scripted)
    task = Task("r", "r", made, {INPUT: Part(PartKind.DATA, INPUT, ticket, label)}, exchange)
    try:
        asyncio.run(play(flow, task))
    except TaskEnded as ended:
        return Played(task, exchange, ended)
    return Played(task, exchange, None)
