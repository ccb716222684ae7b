"""Colleagues: other agents, whom an agent may ask, and topics that it may post to, in the middle of its turn.

Both are tools. What they send are messages like those of a flow, one level below the one that the agent answers, through
the same inboxes and within the same bounds. A colleague gets what it reads of what the agent itself was given, and what
the agent tells it, which carries the label of everything that the agent has read by then. Agents may ask each other
back, and themselves: the bound on messages below each other ends that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import Any

from stemma.core.digests import digest
from stemma.core.trust import INTERNAL, Integrity, TrustLabel
from stemma.network.admission import Address
from stemma.network.agent import Agent
from stemma.network.dispatch import BoundMet, Dispatch
from stemma.network.inbox import Posted
from stemma.network.manifest.names import ASK, POSTED, PUBLISH, QUESTION
from stemma.network.message import Message, Part, PartKind
from stemma.network.network import Network
from stemma.network.recall import Acting, remembering
from stemma.network.state.memory import Memories
from stemma.network.tools.tool import Call, Effect, Labelled, Tool, ToolFailed, TurnStopped
from stemma.network.topics import Post
from stemma.network.turn import absent, parts_for

_WORDS = {"type": "string"}  # empty, too: whether a message is sent must not be up to a stranger's text in it
_EFFECTS = {ASK: Effect.READ, PUBLISH: Effect.WRITE}


@dataclass(frozen=True, slots=True)
class Colleagues:
    """Those of the agent that answers `message`."""

    dispatch: Dispatch
    memories: Memories
    network: Network
    message: Message
    acting: Acting

    def tools(self, agent: Agent) -> Mapping[str, Tool]:
        """`ask` for an agent that has somebody to ask, `publish` for one that has topics."""
        tools: list[Tool] = []
        if agent.asks:
            able = "; ".join(self._introduced(name) for name in agent.asks)
            asked = {"agent": {"enum": list(agent.asks)}, "question": _WORDS}
            words = f"Asks another agent a question and waits for its answer. There are: {able}."
            tools.append(_tool(ASK, words, asked, self._ask, decides="agent"))
        if agent.publishes:
            posted = {"topic": {"enum": list(agent.publishes)}, "text": _WORDS}
            words = "Posts a text to a topic, for every agent that subscribes to it. Nobody answers."
            tools.append(_tool(PUBLISH, words, posted, self._publish, decides="topic"))
        return {tool.name: tool for tool in tools}

    def _introduced(self, name: str) -> str:
        able = self.network.role(name).agent.capabilities
        return f"{name} ({', '.join(able)})" if able else name

    async def _ask(self, arguments: Mapping[str, Any], call: Call) -> Labelled:
        name, question = arguments["agent"], arguments["question"]
        # What is asked is part of the id: a turn that is replayed from its beginning may ask something else.
        id = f"{call.key}-{digest([name, question])[:8]}"
        message = await self._told(id, name, Part(PartKind.DATA, QUESTION, question, call.label), call.decided)
        try:
            with self.dispatch.slots.resting(self.message.id):
                posted = await self.dispatch.ask(
                    message,
                    Address.of(self.network, name),
                    self.network.digest,
                    bounds=self.network.bounds,
                    deadline=self.network.role(name).agent.limits.deadline,
                    asker=self.message.id,
                )
        except BoundMet as met:
            raise TurnStopped(str(met)) from met
        return _answer(name, message, posted)

    async def _publish(self, arguments: Mapping[str, Any], call: Call) -> Labelled:
        topic = arguments["topic"]
        told, names = Part(PartKind.DATA, POSTED, arguments["text"], call.label), self.network.topics[topic]
        posts = []
        for name in names:
            deadline = self.network.role(name).agent.limits.deadline
            until = None if deadline is None else self.dispatch.in_seconds(deadline)
            message = await self._told(f"{call.key}-{name}", name, told, call.decided)
            posts.append(Post(message, Address.of(self.network, name), until))
        try:
            with self.dispatch.slots.resting(self.message.id):
                await self.dispatch.publish(posts, bounds=self.network.bounds, asker=self.message.id)
        except BoundMet as met:
            raise TurnStopped(str(met)) from met
        return Labelled(f"posted to {topic}, for {', '.join(names)}", INTERNAL)

    async def _told(self, id: str, name: str, told: Part, decided: TrustLabel) -> Message:
        """The message for a colleague. Raises ToolFailed when it needs to know what is not known here."""
        role = self.network.role(name)
        held = {part.name: part for part in self.message.parts if part.kind is PartKind.DATA}
        for value in role.agent.reads:
            if value not in role.agent.optional and held.get(value, absent(value)) == absent(value):
                raise ToolFailed(f"{name} needs {value!r}, which is not known yet")
        message = Message.compose(
            id,
            self.message.run,
            sender=self.message.recipient,
            recipient=name,
            parts=parts_for(role, held, [told]),
            decided_by=[decided],
        )
        return await remembering(message, self.network, self.memories, self.dispatch, self.acting)


def effects_of(agent: Agent) -> Mapping[str, Effect]:
    """What the tools that an agent has for its colleagues leave behind. Asking again under the same id repeats nothing."""
    held = {ASK: agent.asks, PUBLISH: agent.publishes}
    return {name: effect for name, effect in _EFFECTS.items() if held[name]}


def _answer(name: str, message: Message, posted: Posted) -> Labelled:
    reply = posted.reply
    if reply is None:
        # Why it has none may be up to whatever it was reading when its time was up.
        label = replace(message.label, integrity=Integrity.UNTRUSTED)
        raise ToolFailed(f"{name} has no answer: {posted.reason or posted.status}", label=label)
    if reply.ends is not None:
        raise TurnStopped(reply.problem or reply.ends.value, ends=reply.ends)
    label = reply.label or message.label
    if reply.problem is not None:
        raise ToolFailed(f"{name} has no answer: {reply.problem}", label=label)
    return Labelled(reply.value, label)


def _tool(name: str, description: str, properties: Mapping[str, Any], invoke: Any, *, decides: str) -> Tool:
    parameters = {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }
    # However long a colleague takes, or an inbox is full: deadlines and the bounds of the task say when that is enough.
    return Tool(
        name,
        description,
        parameters,
        invoke,
        _EFFECTS[name],
        INTERNAL,
        idempotent=True,
        timeout=inf,
        sensitive=(decides,),
        labelled=True,
    )
