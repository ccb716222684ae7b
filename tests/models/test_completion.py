"""One request to one model, and how its failures are sorted."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic_ai.exceptions import (
    ContentFilterError,
    ModelHTTPError,
    ModelQuotaExceededError,
    ModelTimeoutError,
    UnexpectedModelBehavior,
)
from pydantic_ai.messages import ModelResponse, TextPart
from pydantic_ai.models import Model

from stemma.core.errors import ModelError, ModelRefused, ModelUnavailable
from stemma.models import Completion, ProviderUnavailable, complete
from stemma.testing.scripted import Call, ScriptedModel

SCHEMA = {"type": "object", "properties": {"label": {"type": "string"}}}


def ask(model: Model, *, user: str = "sky", schema: Mapping[str, Any] | None = None) -> Completion:
    return asyncio.run(complete(model, system="Name the colour.", user=user, output_schema=schema))


def failure(error: Exception) -> ModelError:
    with pytest.raises(ModelError) as caught:
        ask(ScriptedModel([error]))
    return caught.value


def test_an_answer_comes_with_its_text_and_tokens() -> None:
    """A completion carries what the model said and what both sides cost in tokens."""
    done = ask(ScriptedModel(["blue"]))
    assert (done.text, done.input_tokens, done.output_tokens) == ("blue", 5, 1)
    assert done.seconds >= 0


def test_system_and_user_arrive_in_their_own_turns() -> None:
    """The instruction is the system's and the data the user's; settings are passed on."""
    model = ScriptedModel(["blue"])
    asyncio.run(complete(model, system="Name the colour.", user="sky", settings={"temperature": 0.0}))
    assert model.calls == [Call("Name the colour.", "sky", settings={"temperature": 0.0})]


def test_a_prompt_without_a_user_turn_is_sent_as_one() -> None:
    """Providers refuse a request with no user turn, so a lone instruction takes its place."""
    model = ScriptedModel(["blue"])
    ask(model, user="")
    assert (model.calls[0].system, model.calls[0].user) == ("", "Name the colour.")


def test_a_schema_is_asked_for_natively_where_the_model_can() -> None:
    """JSON output is requested from a model that supports it, and left to the prompt otherwise."""
    able, unable = ScriptedModel(['{"label": "x"}']), ScriptedModel(["x"], native_json=False)
    ask(able, schema=SCHEMA)
    ask(unable, schema=SCHEMA)
    assert able.calls[0].schema is not None
    assert unable.calls[0].schema is None


@pytest.mark.parametrize("status", [408, 429, 500, 503, 529])
def test_a_failure_that_may_pass_is_worth_another_try(status: int) -> None:
    """Rate limits, time-outs and server errors are ModelUnavailable."""
    assert isinstance(failure(ModelHTTPError(status, "scripted")), ModelUnavailable)


def test_the_wait_that_a_provider_asks_for_is_kept() -> None:
    """A Retry-After header comes through as seconds."""
    error = failure(ModelHTTPError(429, "scripted", headers={"Retry-After": "7"}))
    assert isinstance(error, ProviderUnavailable)
    assert error.retry_after == 7.0


def test_a_broken_connection_is_worth_another_try() -> None:
    """A time-out of the transport is ModelUnavailable."""
    assert isinstance(failure(ModelTimeoutError("scripted", "timed out")), ModelUnavailable)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ModelHTTPError(400, "scripted"), "no usable answer"),
        (ModelHTTPError(401, "scripted"), "rejected the API key"),
        (ModelQuotaExceededError("scripted", "no credit"), "top up the account"),
        (UnexpectedModelBehavior("nonsense"), "no usable answer"),
    ],
)
def test_a_failure_that_will_not_pass_is_final(error: Exception, words: str) -> None:
    """A rejected request, a wrong key or spent credit is not retried, and the message says which it was."""
    raised = failure(error)
    assert not isinstance(raised, ModelUnavailable)
    assert words in str(raised)
    assert "\n" not in str(raised)


def test_a_filtered_answer_is_a_refusal() -> None:
    """A provider's content filter counts as the model declining, with a stable code."""
    stopped = ModelResponse(parts=[TextPart("")], finish_reason="content_filter")
    for model in (ScriptedModel([ContentFilterError("filtered")]), ScriptedModel([stopped])):
        with pytest.raises(ModelRefused) as caught:
            ask(model)
        assert caught.value.code == "content_filter"


def test_an_answer_without_text_is_missing() -> None:
    """A response that holds no text is an error, never an empty answer."""
    with pytest.raises(ModelError, match="without any text"):
        ask(ScriptedModel([ModelResponse(parts=[])]))


def test_the_timeout_is_the_whole_wait() -> None:
    """A model that does not answer in time is unavailable, and the message says how long it was given."""

    async def never(system: str, user: str) -> str:
        await asyncio.Event().wait()
        return ""

    with pytest.raises(ModelUnavailable, match=r"within 0\.01 s"):
        asyncio.run(complete(ScriptedModel(never), system="", user="x", timeout=0.01))


def test_a_bug_in_a_script_is_not_taken_for_a_model_failure() -> None:
    """An exception that is no provider's passes through as it is."""
    with pytest.raises(LookupError, match="ran out at call 1"):
        ask(ScriptedModel([]))
