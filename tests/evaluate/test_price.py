"""What a call may cost, before it is made."""

from decimal import Decimal

import pytest
from pydantic_ai.models.fallback import FallbackModel

from stemma.core.errors import NotConfigured
from stemma.evaluate.price import price_of
from stemma.testing.scripted import ScriptedModel

MINI = ScriptedModel([], name="gpt-4o-mini", provider="openai")
LARGE = ScriptedModel([], name="gpt-4o", provider="openai")
LOCAL = ScriptedModel([])
UNKNOWN = ScriptedModel([], name="gpt-none", provider="openai")


def test_longer_calls_cost_more_and_models_of_our_own_nothing() -> None:
    """The price follows the tokens in and, more so, the tokens out; what runs in this process is free."""
    short, asked, answered = (
        price_of(MINI, input_tokens=tokens_in, output_tokens=tokens_out)
        for tokens_in, tokens_out in ((1000, 100), (2000, 100), (1000, 1100))
    )
    assert Decimal(0) < short < asked < answered < Decimal("0.01")
    assert price_of(LOCAL, input_tokens=10**6, output_tokens=10**6) == 0


def test_dearest_stand_in_counts() -> None:
    """Whichever of several models will answer, the price is enough."""
    large = price_of(LARGE, input_tokens=1000, output_tokens=100)
    assert price_of(FallbackModel(MINI, LARGE, LOCAL), input_tokens=1000, output_tokens=100) == large


@pytest.mark.parametrize("model", [UNKNOWN, FallbackModel(MINI, UNKNOWN)], ids=["alone", "in a chain"])
def test_a_model_without_a_price_is_named(model: ScriptedModel | FallbackModel) -> None:
    """Guessing would overshoot, so what is not known is said, with what to limit instead."""
    with pytest.raises(
        NotConfigured, match=r"model 'gpt-none' of 'openai' is not known.*limit calls or tokens instead"
    ):
        price_of(model, input_tokens=1, output_tokens=1)
