"""What a call may cost in money, known before it is made: without that a budget of money could be overshot."""

from decimal import Decimal
from typing import TYPE_CHECKING

from stemma.core.errors import NotConfigured

if TYPE_CHECKING:  # pydantic_ai takes 0.6 s to import
    from pydantic_ai.models import Model


def price_of(model: "Model", *, input_tokens: int, output_tokens: int) -> Decimal:
    """US dollars for a call of this size at the provider's list price; models in this process are free.

    Of models that stand in for each other, the price of the dearest.

    Prices are those of pydantic-ai (genai-prices), which change with its releases. Raises NotConfigured for a model that it
    knows no price of.
    """
    if model.system == "stemma":
        return Decimal(0)
    from pydantic_ai.messages import ModelResponse
    from pydantic_ai.models.fallback import FallbackModel
    from pydantic_ai.usage import RequestUsage

    if isinstance(model, FallbackModel):
        sizes = {"input_tokens": input_tokens, "output_tokens": output_tokens}
        return max(price_of(member, **sizes) for member in model.models)
    response = ModelResponse(
        parts=[],
        usage=RequestUsage(input_tokens=input_tokens, output_tokens=output_tokens),
        model_name=model.model_name,
        provider_name=model.system,
        provider_url=model.base_url,
    )
    try:
        return response.cost().total_price
    except LookupError as error:
        raise NotConfigured(
            f"the price of model {model.model_name!r} of {model.system!r} is not known, so a limit on cost cannot be held; "
            "limit calls or tokens instead"
        ) from error
