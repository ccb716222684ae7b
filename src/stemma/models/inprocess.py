"""What models that live in this process have in common: they answer at once, and know how an output is wanted."""

from abc import ABC
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from pydantic_ai._run_context import RunContext
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models import CompletedStreamedResponse, Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.settings import ModelSettings

SYSTEM = "stemma"
"""The provider that such models name: nobody is asked, and nothing is paid."""


class InProcessModel(Model[None], ABC):
    """A pydantic-ai model without a provider behind it. It streams what it says in one piece."""

    @property
    def system(self) -> str:
        return SYSTEM

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse, None]:
        response = await self.request(messages, model_settings, model_request_parameters)
        yield CompletedStreamedResponse(response, model_request_parameters=model_request_parameters, replay_events=True)


class Output(NamedTuple):
    """How an output is wanted: the JSON schema that it has to fit, and the tool through which it is given; None for neither."""

    schema: Mapping[str, Any] | None
    tool: str | None


def wanted_output(parameters: ModelRequestParameters) -> Output:
    """How a request wants its output."""
    if parameters.output_object is not None:
        return Output(parameters.output_object.json_schema, None)
    if parameters.output_tools:
        return Output(parameters.output_tools[0].parameters_json_schema, parameters.output_tools[0].name)
    return Output(None, None)
