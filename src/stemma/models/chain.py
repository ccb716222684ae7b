"""A chain of models as one: when a provider fails, the next model stands in.

What makes the next one stand in is a failure of the provider, never what a model says: rate limits, time-outs, lost
connections, server errors, spent credit, a key that is not accepted, a model that is not there any more. A refusal, an
answer that is no use, and a request that the provider calls wrong are the answer to this request and are passed on, since a
chain that asked around until somebody agreed would be a way past refusals.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

from pydantic_ai._run_context import RunContext
from pydantic_ai.exceptions import (
    ModelAPIError,
    ModelAuthenticationError,
    ModelHTTPError,
    ModelNotFoundError,
    ModelQuotaExceededError,
    ModelRequestRejectedError,
)
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

from stemma.models.settings import settings_for

ANSWERED_BY = "stemma_answered_by"
"""Where a response's metadata names the member of the chain that gave it."""

_WRONG_REQUEST = frozenset({400, 405, 406, 411, 413, 414, 415, 422, 431})
_OF_THE_PROVIDER = (ModelAuthenticationError, ModelNotFoundError, ModelQuotaExceededError)


class Chain(FallbackModel):
    """The first of `members`, by name, that its provider lets answer; `name` is the chain's own.

    Each member is asked with its own of the settings by model (see `settings_for`), and with a JSON schema only if it can
    keep to one. Raises what the last member asked raised when that is no provider's failure, else a FallbackExceptionGroup.
    """

    def __init__(self, name: str, members: Mapping[str, Model]) -> None:
        first, *others = (Member(member, model) for member, model in members.items())
        super().__init__(first, *others, fallback_on=is_providers_failure)
        self._name = name

    @property
    def model_name(self) -> str:
        return self._name

    @property
    def revision(self) -> str | None:
        """Changes when that of a member does; None when no member has one."""
        found = [getattr(member, "revision", None) for member in self.models]
        return "+".join(revision or "" for revision in found) if any(found) else None


class Member(WrapperModel):
    """A model in a chain, under the name that it has there. Its responses carry that name in their metadata."""

    def __init__(self, name: str, model: Model) -> None:
        super().__init__(model)
        self.name = name

    def prepare_request(
        self, model_settings: ModelSettings | None, model_request_parameters: ModelRequestParameters
    ) -> tuple[ModelSettings | None, ModelRequestParameters]:
        return super().prepare_request(self._own(model_settings), self._able(model_request_parameters))

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        response = await super().request(messages, self._own(model_settings), self._able(model_request_parameters))
        return replace(response, metadata={**(response.metadata or {}), ANSWERED_BY: self.name})

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse, None]:
        settings, parameters = self._own(model_settings), self._able(model_request_parameters)
        async with super().request_stream(messages, settings, parameters, run_context) as stream:
            yield stream

    def _own(self, settings: ModelSettings | None) -> ModelSettings | None:
        return cast(ModelSettings, settings_for(cast(Mapping[str, Any], settings), self.name)) if settings else None

    def _able(self, parameters: ModelRequestParameters) -> ModelRequestParameters:
        if parameters.output_object is None or self.profile.get("supports_json_schema_output", False):
            return parameters
        return replace(parameters, output_mode="text", output_object=None)


def is_providers_failure(error: Exception) -> bool:
    """Whether `error` is the provider's failure to serve, and so another model's turn; not what a model or a rule says."""
    if not isinstance(error, ModelAPIError):
        return False
    if isinstance(error, _OF_THE_PROVIDER):
        return True
    if isinstance(error, ModelRequestRejectedError):
        return False
    # Not every adapter sorts its errors: then the status tells.
    return not isinstance(error, ModelHTTPError) or error.status_code not in _WRONG_REQUEST
