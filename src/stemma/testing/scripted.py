"""Models whose answers are written beforehand, and one that counts what is asked of another."""

import inspect
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.profiles import ModelProfile
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from stemma.core.digests import digest
from stemma.models.conversation import Conversation, read_conversation
from stemma.models.inprocess import wanted_output
from stemma.models.tokens import count_tokens

Scripted: TypeAlias = str | ModelResponse | Exception
Script: TypeAlias = Iterable[Scripted] | Callable[[str, str], Scripted | Awaitable[Scripted]]


@dataclass(frozen=True, slots=True)
class Call:
    """What a scripted model was asked: the texts, the settings and the JSON schema of the output, when one was wanted."""

    system: str
    user: str
    turns: tuple[tuple[str, str], ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    schema: Mapping[str, Any] | None = None


class ScriptedModel(Model[None]):
    """A pydantic-ai model that answers from a list, or from a function of (system, user); `calls` records every request.

    An answer is a text, a whole ModelResponse, or an exception, which is raised: that is how a rate limit
    or a broken connection is played (``pydantic_ai.exceptions.ModelHTTPError(429, "scripted")``). A
    function may be async. Where the request wants its output through a tool, a text is given as that tool's
    arguments. A list that has run out raises LookupError: a test that asks more than it wrote is wrong.
    With a real model's `name` and `provider` its answers are charged at that model's price.

    >>> import asyncio
    >>> from stemma.models.completion import complete
    >>> model = ScriptedModel(["blue"])
    >>> asyncio.run(complete(model, system="Name the colour.", user="sky")).text
    'blue'
    >>> model.calls[0].user
    'sky'
    """

    def __init__(
        self, script: Script, *, name: str = "scripted", provider: str = "stemma", native_json: bool = True
    ) -> None:
        super().__init__(profile=ModelProfile(supports_json_schema_output=native_json))
        self.calls: list[Call] = []
        self._name = name
        self._sold_by = provider
        self._function = script if callable(script) else None
        self._answers: Iterator[Scripted] = iter(()) if callable(script) else iter(script)

    @property
    def model_name(self) -> str:
        return self._name

    @property
    def system(self) -> str:
        return self._sold_by

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        model_settings, parameters = self.prepare_request(model_settings, model_request_parameters)
        asked = read_conversation(messages, parameters)
        self.calls.append(
            Call(asked.system, asked.user, asked.turns, dict(model_settings or {}), wanted_output(parameters).schema)
        )
        answer = await self._next(asked)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, ModelResponse) else self._response(answer, asked, parameters)

    async def _next(self, asked: Conversation) -> Scripted:
        if self._function is not None:
            answer = self._function(asked.system, asked.user)
            return await answer if inspect.isawaitable(answer) else answer
        for answer in self._answers:
            return answer
        raise LookupError(
            f"the script of model {self._name!r} ran out at call {len(self.calls)}; write one more answer"
        )

    def _response(self, text: str, asked: Conversation, parameters: ModelRequestParameters) -> ModelResponse:
        part: TextPart | ToolCallPart = TextPart(text)
        if parameters.output_tools and not parameters.allow_text_output:
            part = ToolCallPart(parameters.output_tools[0].name, text)
        usage = RequestUsage(
            input_tokens=count_tokens(asked.system) + count_tokens(asked.user),
            output_tokens=count_tokens(text),
        )
        return ModelResponse(parts=[part], usage=usage, model_name=self._name, provider_name=self._sold_by)


class CountingModel(WrapperModel):
    """Another model, with its requests counted from the outside: `started` and `finished`.

    With a `log`, each start and each finish also appends one line, ``started <digest>`` or ``finished
    <digest>``, where the digest names what was asked. A line is one unbuffered write in append mode, so
    what was counted survives a SIGKILL and several processes may share the file.
    """

    def __init__(self, wrapped: Model, *, log: Path | None = None) -> None:
        super().__init__(wrapped)
        self.started = 0
        self.finished = 0
        self._log = log

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        asked = read_conversation(messages, model_request_parameters)
        name = digest([asked.system, list(map(list, asked.turns)), asked.user])
        self.started += 1
        self._append(f"started {name}\n")
        response = await self.wrapped.request(messages, model_settings, model_request_parameters)
        self.finished += 1
        self._append(f"finished {name}\n")
        return response

    def _append(self, line: str) -> None:
        if self._log is None:
            return
        file = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(file, line.encode())
        finally:
            os.close(file)
