"""Chains of models: who stands in for whom, when, and with which settings."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
from pydantic_ai.exceptions import (
    ContentFilterError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelContextWindowExceededError,
    ModelHTTPError,
    ModelNotFoundError,
    ModelQuotaExceededError,
    UnexpectedModelBehavior,
)
from pydantic_ai.messages import ModelResponse, TextPart
from pydantic_ai.models import ModelRequestParameters

from stemma.core.errors import ModelError, ModelRefused, ModelUnavailable, NotConfigured
from stemma.models import Completion, Models, ProviderUnavailable, complete
from stemma.models.conversation import conversation_of
from stemma.models.settings import settings_for
from stemma.testing.scripted import Script, ScriptedModel

SCHEMA = {"type": "object", "properties": {"label": {"type": "string"}}}


def chained(first: Script, second: Script) -> tuple[Models, ScriptedModel, ScriptedModel]:
    a, b = ScriptedModel(first), ScriptedModel(second)
    return Models({"a": a, "b": b}), a, b


def ask(models: Models, *, settings: Mapping[str, Any] | None = None, **options: Any) -> Completion:
    asked_with = settings_for(settings or {}, "a, b")

    async def asked() -> Completion:
        async with asyncio.timeout(30):  # a chain that waits for ever fails the test in place of holding it up
            return await complete(models.get("a, b"), system="Sort.", user="sky", settings=asked_with, **options)

    return asyncio.run(asked())


@pytest.mark.parametrize(
    "error",
    [
        ModelHTTPError(429, "scripted"),
        ModelHTTPError(503, "scripted"),
        ModelHTTPError(401, "scripted"),
        ModelHTTPError(404, "scripted"),
        ModelConnectionError("scripted", "no route to host"),
        ModelHTTPError.for_category(ModelQuotaExceededError, status_code=400, model_name="scripted"),
        ModelHTTPError.for_category(ModelAuthenticationError, status_code=403, model_name="scripted"),
        ModelHTTPError.for_category(ModelNotFoundError, status_code=404, model_name="scripted"),
    ],
    ids=lambda error: f"{type(error).__name__}-{getattr(error, 'status_code', '')}",
)
def test_next_model_stands_in_when_a_provider_fails(error: Exception) -> None:
    """Whatever keeps a provider from answering hands the request to the next model, and the answer says who gave it."""
    models, a, b = chained([error], ["blue"])
    done = ask(models)
    assert (done.text, done.stand_in) == ("blue", "b")
    assert (len(a.calls), len(b.calls)) == (1, 1)


@pytest.mark.parametrize(
    "first",
    [
        "red",
        ModelResponse(parts=[TextPart("")], finish_reason="content_filter"),
        ModelResponse(parts=[TextPart("no")], provider_details={"refusal": {"code": "free_text", "reason": "cannot"}}),
        ContentFilterError("filtered"),
        UnexpectedModelBehavior("nonsense"),
        ModelHTTPError(400, "scripted"),
        ModelHTTPError.for_category(ModelContextWindowExceededError, status_code=400, model_name="scripted"),
    ],
    ids=["answer", "filtered", "refusal", "filter-error", "behaviour", "bad-request", "too-long"],
)
def test_what_a_model_says_is_never_shopped_around(first: str | ModelResponse | Exception) -> None:
    """An answer, a refusal and a request that is wrong stay with the first model; the second is not asked."""
    models, a, b = chained([first], [])
    with suppress(ModelError):
        assert ask(models).stand_in is None
    assert (len(a.calls), len(b.calls)) == (1, 0)


def test_exhausted_chain_names_every_cause_in_one_line() -> None:
    """When no model answered, the one error holds what each provider said, and is worth another try if one of them is."""
    models, *_ = chained([ModelHTTPError(401, "first")], [ModelHTTPError(503, "second")])
    with pytest.raises(ProviderUnavailable) as caught:
        ask(models)
    told = str(caught.value)
    assert told.startswith("none of the models 'a, b' answered: ")
    assert "'first' rejected the API key (HTTP 401)" in told
    assert "'second' is not available (HTTP 503)" in told
    assert "\n" not in told


def test_exhausted_chain_that_no_wait_will_mend_is_not_tried_again() -> None:
    """Two rejected keys stay rejected: the error is not one that asks for another try."""
    models, *_ = chained([ModelHTTPError(401, "first")], [ModelHTTPError(403, "second")])
    with pytest.raises(ModelError) as caught:
        ask(models)
    assert not isinstance(caught.value, ModelUnavailable)


def test_refusal_of_a_stand_in_is_a_refusal() -> None:
    """The last word counts as it would alone: a stand-in that declines has declined."""
    models, *_ = chained(
        [ModelHTTPError(503, "a")], [ModelResponse(parts=[TextPart("")], finish_reason="content_filter")]
    )
    with pytest.raises(ModelRefused):
        ask(models)


def test_each_member_has_its_own_settings_and_time() -> None:
    """Settings by model reach their model alone, and the time-out is each member's, so that a slow one leaves time."""

    async def hangs(system: str, user: str) -> str:
        await asyncio.Event().wait()
        return "late"

    models, a, b = chained(hangs, ["blue"])
    done = ask(models, settings={"temperature": 0, "models": {"b": {"temperature": 1}}}, timeout=0.05)
    assert (done.text, done.stand_in) == ("blue", "b")
    assert a.calls[0].settings["temperature"] == 0
    assert b.calls[0].settings["temperature"] == 1
    assert not any("models" in model.calls[0].settings for model in (a, b))


def test_schema_is_kept_from_a_member_that_cannot_keep_to_it() -> None:
    """Each member is asked for JSON in its own way or, where it has none, by the prompt alone."""
    a = ScriptedModel([ModelHTTPError(503, "a")])
    b = ScriptedModel(['{"label": "x"}'], native_json=False)
    done = ask(Models({"a": a, "b": b}), output_schema=SCHEMA)
    assert done.text == '{"label": "x"}'
    assert (a.calls[0].schema, b.calls[0].schema) == (SCHEMA, None)


def test_chain_streams_where_its_members_do() -> None:
    """A request for a stream goes down the chain as any other does."""

    async def streamed() -> str:
        chain = Models({"a": ScriptedModel([])}).get("embedded, a")
        asked = conversation_of("Is it money or parcels? Answer money or parcels.", "Where are my parcels?")
        async with chain.request_stream(asked, None, ModelRequestParameters()) as stream:
            async for _ in stream:
                pass
            return stream.get().text or ""

    assert asyncio.run(streamed()) == "parcels"


def test_chain_is_a_model_of_its_own() -> None:
    """It is built once, however it is spelled, has its own name, and changes when a member does."""
    models = Models({"a": ScriptedModel([])})
    chain = models.get("a, embedded")
    assert models.get("a,embedded") is chain
    assert chain.model_name == "a, embedded"
    assert getattr(chain, "revision", None) == f"+{getattr(models.get('embedded'), 'revision', None)}"
    assert getattr(Models({"a": ScriptedModel([]), "b": ScriptedModel([])}).get("a, b"), "revision", "none") is None


def test_member_that_cannot_be_used_is_told_when_the_chain_is_named() -> None:
    """A stand-in that is not configured would fail only when it is needed, so the chain is refused at once."""
    with pytest.raises(NotConfigured, match="did you mean 'embedded'"):
        Models().get("embedded, embeded")
