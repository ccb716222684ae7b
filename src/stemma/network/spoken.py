"""What a model said, as the journal keeps it, as the audit log tells of it, and what it takes from the run's bounds."""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from stemma.models import Spoken
from stemma.network.journal import Charge, Event
from stemma.network.network import Role


def kept(spoken: Spoken, attempts: int) -> dict[str, Any]:
    """The step of a model call that took so many requests."""
    # What is default takes most of the room, but its parts are told apart by a field of theirs that is one.
    short = _responses().dump_python(spoken.response, mode="json", exclude_defaults=True)
    response = short | _responses().dump_python(spoken.response, mode="json", include={"parts"})
    return {"response": response, "cost": dollars(spoken), "attempts": attempts}


def read_back(step: Mapping[str, Any]) -> Spoken:
    """What the model said in a step that `kept` wrote."""
    response = _responses().validate_python(step["response"])
    return Spoken(response, response.text, 0.0, None if step["cost"] is None else Decimal(str(step["cost"])))


def event_of(spoken: Spoken, role: Role) -> Event:
    """The event of a model call."""
    usage = spoken.response.usage
    data = {
        "agent": role.agent.name,
        "model": spoken.model,
        "prompt": role.prompt.digest if role.prompt else None,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "tools": len(spoken.calls),  # by number: a model may call anything a tool
    }
    return Event("model.called", data)


def charge_of(spoken: Spoken) -> Charge:
    """What a model call takes."""
    usage = spoken.response.usage
    return Charge(1, usage.input_tokens + usage.output_tokens, round((dollars(spoken) or 0) * 1_000_000))


def dollars(spoken: Spoken) -> float | None:
    """What it cost, where the price is known."""
    return None if spoken.cost is None else float(spoken.cost)


@cache
def _responses() -> Any:
    from pydantic import TypeAdapter  # and pydantic_ai: it takes 0.6 s to import
    from pydantic_ai.messages import ModelResponse

    return TypeAdapter(ModelResponse)
