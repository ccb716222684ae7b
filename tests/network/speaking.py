"""Agents whose models hear everything, tools included, and answer as the test wrote it."""

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    RetryFeedbackPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from tests.network.desks import OneModel

from stemma.core.frames import unframed
from stemma.ledger.scope import Scope
from stemma.models.conversation import read_conversation
from stemma.network import Networks
from stemma.registry.contents import Contents
from stemma.registry.prompts import Prompts
from stemma.testing.scripted import ScriptedModel


@dataclass(frozen=True, slots=True)
class Heard:
    """One request to a model: whose prompt it began with, what else it said, what tools gave back, and which there are.

    Strangers' texts are without their frames.
    """

    agent: str
    system: str
    user: str
    told: tuple[Any, ...]
    tools: tuple[str, ...]


Says: TypeAlias = Callable[[Heard], Any]
"""A text, a call of a tool, an exception to raise, or what is told as JSON; may be awaited."""


class Speaking(ScriptedModel):
    """Each agent, known by the first word of its prompt, says what its function makes of what it heard; `heard` has it all."""

    def __init__(self, script: Mapping[str, Says]) -> None:
        super().__init__([])
        self.script = script
        self.heard: list[Heard] = []

    async def request(
        self, messages: list[ModelMessage], model_settings: ModelSettings | None, parameters: ModelRequestParameters
    ) -> ModelResponse:
        asked = read_conversation(messages, parameters)
        told = [
            unframed(part.content) if isinstance(part.content, str) else part.content
            for message in messages
            if isinstance(message, ModelRequest)
            for part in message.parts
            if isinstance(part, ToolReturnPart | RetryFeedbackPart)
        ]
        tools = tuple(tool.name for tool in parameters.function_tools)
        agent = (asked.system or asked.user).partition(":")[0]
        self.heard.append(heard := Heard(agent, asked.system, unframed(asked.user), tuple(told), tools))
        said = self.script[agent](heard)
        if inspect.isawaitable(said):
            said = await said
        if isinstance(said, Exception):
            raise said
        if isinstance(said, ToolCallPart):
            return ModelResponse(parts=[said], model_name="scripted")
        return ModelResponse(
            parts=[TextPart(said if isinstance(said, str) else json.dumps(said))], model_name="scripted"
        )


@dataclass
class Breaks:
    """Raises the first `times` it is asked, as a process that dies there would end; then it says what `then` says."""

    then: Says
    times: int = 1
    asked: int = field(default=0)

    def __call__(self, heard: Heard) -> Any:
        self.asked += 1
        return RuntimeError("the process died here") if self.asked <= self.times else self.then(heard)


def ask(agent: str, question: str) -> ToolCallPart:
    return ToolCallPart("ask", {"agent": agent, "question": question})


def post(topic: str, text: str) -> ToolCallPart:
    return ToolCallPart("publish", {"topic": topic, "text": text})


def speaking_on(scope: Scope, model: Speaking) -> Networks:
    return Networks(scope, Prompts(scope, Contents()), OneModel(model))
