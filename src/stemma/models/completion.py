"""One answer from one model, or one turn of a conversation with it: the lean path to any pydantic-ai model.

Its failures are sorted into our error tree.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from stemma.core.errors import ModelError, ModelRefused, ModelUnavailable

if TYPE_CHECKING:  # pydantic_ai takes 0.6 s to import; the record and the errors here are needed without it
    from pydantic_ai.exceptions import FallbackExceptionGroup
    from pydantic_ai.messages import ModelMessage, ModelResponse, ToolCallPart
    from pydantic_ai.models import Model, ModelRequestParameters
    from pydantic_ai.settings import ModelSettings
    from pydantic_ai.tools import ToolDefinition

_NO_SETTINGS: Mapping[str, Any] = MappingProxyType({})
_WORTH_ANOTHER_TRY = frozenset({408, 409, 425, 429})


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's answer and what it took: tokens in and out, seconds of waiting, and US dollars when the price is known."""

    text: str
    input_tokens: int
    output_tokens: int
    seconds: float
    cost: Decimal | None = None
    stand_in: str | None = None
    """Of models that stand in for each other, the one that answered, unless it was the first."""


class ProviderUnavailable(ModelUnavailable):
    """A provider's failure that is worth another try; `retry_after` is the wait in seconds it asked for, if it did."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Spoken:
    """One turn of a model in a conversation: an answer in `text`, or tools that it wants called, or both."""

    response: "ModelResponse"
    text: str | None
    seconds: float
    cost: Decimal | None = None

    @property
    def model(self) -> str:
        """The model that answered; of several that stand in for each other, which one."""
        from stemma.models.chain import ANSWERED_BY

        return str((self.response.metadata or {}).get(ANSWERED_BY) or self.response.model_name or "")

    @property
    def calls(self) -> "Sequence[ToolCallPart]":
        return self.response.tool_calls


async def complete(
    model: "Model",
    *,
    system: str,
    user: str,
    settings: Mapping[str, Any] = _NO_SETTINGS,
    output_schema: Mapping[str, Any] | None = None,
    timeout: float | None = None,  # noqa: ASYNC109 - the whole wait, as a caller of one request thinks of it
) -> Completion:
    """`model`'s answer to `user` under `system`, in one request and without retries; see `converse`.

    Raises what `converse` raises, and ModelError when the answer holds no text.
    """
    from stemma.models.conversation import conversation_of

    spoken = await converse(
        model, conversation_of(system, user), settings=settings, output_schema=output_schema, timeout=timeout
    )
    if spoken.text is None:
        raise ModelError(f"model {model.model_name!r} answered without any text; the result is missing")
    usage = spoken.response.usage
    stand_in = spoken.model if spoken.response.failed_attempts else None
    return Completion(spoken.text, usage.input_tokens, usage.output_tokens, spoken.seconds, spoken.cost, stand_in)


async def converse(
    model: "Model",
    messages: "Sequence[ModelMessage]",
    *,
    settings: Mapping[str, Any] = _NO_SETTINGS,
    tools: "Sequence[ToolDefinition]" = (),
    output_schema: Mapping[str, Any] | None = None,
    timeout: float | None = None,  # noqa: ASYNC109 - the whole wait, as a caller of one request thinks of it
) -> Spoken:
    """What `model` says next, in one request and without retries.

    `settings` are pydantic-ai model settings (``temperature``, ``max_tokens``, …). With an `output_schema`
    (JSON Schema) the model is asked for JSON in the provider's own way where it has one; else the prompt
    alone must ask. `timeout` is the whole wait in seconds; of models that stand in for each other, each one's.

    Raises ModelUnavailable (rate limit, time-out, connection, server error; with `retry_after` where the
    provider named a wait), ModelRefused (the model declined), ModelError (anything else that left no usable
    answer).
    """
    from pydantic_ai.exceptions import AgentRunError, FallbackExceptionGroup

    from stemma.models.chain import Chain

    asked_with = dict(settings)
    if isinstance(model, Chain) and timeout is not None:
        asked_with, timeout = asked_with | {"request_timeout": timeout}, None
    started = time.perf_counter()
    try:
        async with asyncio.timeout(timeout):
            response = await model.request(
                list(messages),
                cast("ModelSettings", asked_with) if asked_with else None,
                _parameters(model, output_schema, tools),
            )
    except TimeoutError as error:
        raise ProviderUnavailable(f"model {model.model_name!r} gave no answer within {timeout:g} s") from error
    except AgentRunError as error:
        raise _sorted_failure(model.model_name, error) from error
    except FallbackExceptionGroup as group:
        raise _exhausted(model.model_name, group) from group
    _check_refusal(model.model_name, response)
    return Spoken(response, response.text, time.perf_counter() - started, _cost(response))


def _parameters(
    model: "Model", output_schema: Mapping[str, Any] | None, tools: "Sequence[ToolDefinition]"
) -> "ModelRequestParameters":
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.output import OutputObjectDefinition

    if output_schema is None or not _speaks_json(model):
        return ModelRequestParameters(function_tools=list(tools))
    wanted = OutputObjectDefinition(
        json_schema=dict(output_schema),
        name=output_schema.get("title"),
        description=output_schema.get("description"),
    )
    return ModelRequestParameters(function_tools=list(tools), output_mode="native", output_object=wanted)


def _speaks_json(model: "Model") -> bool:
    try:
        return bool(model.profile.get("supports_json_schema_output", False))
    except NotImplementedError:  # a model that routes to several others has no profile of its own
        from stemma.models.chain import Chain

        return isinstance(model, Chain)  # each member leaves out what it cannot do


def _check_refusal(name: str, response: "ModelResponse") -> None:
    refusal = (response.provider_details or {}).get("refusal")
    if isinstance(refusal, Mapping):
        raise ModelRefused(name, str(refusal["code"]), str(refusal["reason"]))
    if refusal or response.finish_reason == "content_filter":
        raise ModelRefused(name, "content_filter", str(refusal or "the provider's content filter stopped the answer"))


def _cost(response: "ModelResponse") -> Decimal | None:
    if response.provider_name in (None, "stemma"):
        return None
    try:
        return response.cost().total_price
    except (
        LookupError,
        ValueError,
        AssertionError,
    ):  # how pydantic-ai says that it knows no price for this model
        return None


def _sorted_failure(name: str, error: Exception) -> ModelError:
    from pydantic_ai.exceptions import (
        ContentFilterError,
        ModelAPIError,
        ModelHTTPError,
        ModelQuotaExceededError,
        ModelRequestRejectedError,
    )

    if isinstance(error, ContentFilterError):
        return ModelRefused(name, "content_filter", str(error))
    told = " ".join(str(error).split())
    if isinstance(error, ModelQuotaExceededError):
        return ModelError(f"model {name!r} has no quota or credit left with its provider; top up the account: {told}")
    if isinstance(error, ModelHTTPError):
        if error.status_code in _WORTH_ANOTHER_TRY or error.status_code >= 500:
            return ProviderUnavailable(
                f"model {name!r} is not available (HTTP {error.status_code}): {told}",
                retry_after=error.retry_after,
            )
        if error.status_code in (401, 403):
            return ModelError(f"model {name!r} rejected the API key (HTTP {error.status_code}); check it: {told}")
    elif isinstance(error, ModelAPIError) and not isinstance(error, ModelRequestRejectedError):
        return ProviderUnavailable(f"model {name!r} is not available: {told}", retry_after=error.retry_after)
    return ModelError(f"model {name!r} gave no usable answer: {told}")


def _exhausted(name: str, group: "FallbackExceptionGroup") -> ModelError:
    """What became of every model of a chain; worth another try as soon as one of them is."""
    failures = [_sorted_failure(getattr(error, "model_name", name), error) for error in group.exceptions]
    told = f"none of the models {name!r} answered: {'; '.join(map(str, failures))}"
    passing = [failure for failure in failures if isinstance(failure, ProviderUnavailable)]
    if not passing:
        return ModelError(told)
    waits = [failure.retry_after for failure in passing]
    # Of those that may be back, the first; one that named no time may be back at once.
    return ProviderUnavailable(
        told, retry_after=None if None in waits else min(wait for wait in waits if wait is not None)
    )
