"""Structured output and the pydantic-ai face of the embedded model."""

import asyncio
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field
from pydantic_ai import Agent, BinaryContent, NativeOutput, PromptedOutput
from pydantic_ai.exceptions import UnexpectedModelBehavior
from pydantic_ai.messages import ModelMessage, ModelResponse

from stemma.core.errors import ModelRefused
from stemma.models import complete, count_tokens
from stemma.models.embedded import EmbeddedModel
from stemma.models.embedded.slots import typed_value
from stemma.testing.scripted import ScriptedModel

TRIAGE = "Triage the message.\n- billing: invoices, refunds, charges\n- shipping: parcels, delivery"
MESSAGE = "Hello. My parcel for order AB-123 has not arrived, and I paid $1,020.50 on 3 May 2024. Write to a@b.org."


class Ticket(BaseModel):
    team: Literal["billing", "shipping"]
    hurried: bool = Field(description="the customer is in a hurry")
    order_id: str | None = None
    amount: float | None = None
    email: str | None = None
    paid_on: str | None = Field(default=None, description="date of payment")
    evidence: str = Field(description="the sentence that shows which team it is for")


@pytest.fixture(scope="module")
def model() -> EmbeddedModel:
    return EmbeddedModel()


def last(messages: list[ModelMessage]) -> ModelResponse:
    found = messages[-1]
    assert isinstance(found, ModelResponse)
    return found


@pytest.mark.parametrize("mode", [None, NativeOutput, PromptedOutput])
def test_every_kind_of_field_is_filled_in_every_output_mode(model: EmbeddedModel, mode: Any) -> None:
    """Enums and booleans are classified, typed texts and numbers found, and quotes quoted."""
    wanted = Ticket if mode is None else mode(Ticket)
    ticket = asyncio.run(Agent(model, output_type=wanted, instructions=TRIAGE).run(MESSAGE)).output
    assert ticket == Ticket(
        team="shipping",
        hurried=False,
        order_id="AB-123",
        amount=1020.5,
        email="a@b.org",
        paid_on="2024-05-03",
        evidence="My parcel for order AB-123 has not arrived, and I paid $1,020.50 on 3 May 2024.",
    )


def test_what_the_input_does_not_say_is_null(model: EmbeddedModel) -> None:
    """An optional field without a value is null, never made up."""
    ticket = asyncio.run(Agent(model, output_type=Ticket, instructions=TRIAGE).run("I was charged twice.")).output
    assert (ticket.team, ticket.order_id, ticket.amount, ticket.email) == ("billing", None, None, None)


def test_demonstrations_teach_a_field(model: EmbeddedModel) -> None:
    """JSON outputs of demonstrations show each field what its values look like."""
    shown = 'Input: help now!!\nOutput: {"hurried": true}\n\nInput: no rush at all\nOutput: {"hurried": false}'
    agent = Agent(model, output_type=Hurry, instructions=f"Is it urgent?\n\nExamples:\n\n{shown}")
    said = [asyncio.run(agent.run(text)).output.hurried for text in ("help me now", "there is no rush")]
    assert said == [True, False]


class Hurry(BaseModel):
    hurried: bool


class Poem(BaseModel):
    poem: str


def test_a_required_field_nobody_can_tell_is_a_refusal(model: EmbeddedModel) -> None:
    """Free text is never invented to satisfy a schema; the refusal names the field."""
    with pytest.raises(ModelRefused, match="'poem'") as caught:
        asyncio.run(complete(model, system="Write.", user="spring", output_schema=Poem.model_json_schema()))
    assert caught.value.code == "field"


def test_a_refusal_to_an_agent_that_needs_a_tool_call_is_no_output(model: EmbeddedModel) -> None:
    """An agent with structured output ends in pydantic-ai's own error rather than in invented data."""
    with pytest.raises(UnexpectedModelBehavior):
        asyncio.run(Agent(model, output_type=Poem).run("spring"))


def test_every_response_says_what_measured_it(model: EmbeddedModel) -> None:
    """Encoder and confidence travel with the response, tokens are estimated, and a refusal is typed."""
    result = asyncio.run(Agent(model, instructions=TRIAGE).run("refund my invoice"))
    response = last(result.all_messages())
    assert response.provider_details is not None
    assert response.provider_details["embedded"]["encoder"] == "hashed"
    assert 0.5 < response.provider_details["embedded"]["confidence"] <= 1
    assert "refusal" not in response.provider_details
    assert response.usage.input_tokens == count_tokens(TRIAGE) + count_tokens("refund my invoice")


def test_tools_for_a_free_plan_are_refused(model: EmbeddedModel) -> None:
    """The model plans no tool calls; where it can answer by itself it does."""

    def look_up(order: str) -> str:
        """Look an order up."""
        return order

    planned = asyncio.run(Agent(model, tools=[look_up]).run("Find my order and book a courier."))
    details = last(planned.all_messages()).provider_details
    assert details is not None
    assert details["refusal"]["code"] == "tool_plan"
    assert asyncio.run(Agent(model, tools=[look_up], instructions=TRIAGE).run("my parcel")).output == "shipping"


def test_a_picture_is_refused(model: EmbeddedModel) -> None:
    """What is not text is not guessed at."""
    picture = BinaryContent(b"\x89PNG", media_type="image/png")
    said = asyncio.run(Agent(model, instructions=TRIAGE).run(["what is this", picture]))
    details = last(said.all_messages()).provider_details
    assert details is not None
    assert details["refusal"]["code"] == "not_text"


def test_message_history_demonstrates(model: EmbeddedModel) -> None:
    """Earlier turns of a conversation teach as demonstrations do."""
    agent = Agent(model, instructions="Classify as a1 or b2.")

    async def talk() -> str:
        history: list[ModelMessage] = []
        for text, answer in (("it meows", "a1"), ("it barks", "b2")):
            history += (await Agent(ScriptedModel([answer])).run(text)).new_messages()
        return (await agent.run("loud barking", message_history=history)).output

    assert asyncio.run(talk()) == "b2"


def test_an_answer_can_be_streamed(model: EmbeddedModel) -> None:
    """Whatever streams from a model streams from this one, in one piece."""

    async def streamed() -> str:
        async with Agent(model, instructions=TRIAGE).run_stream("refund my invoice") as stream:
            return await stream.get_output()

    assert asyncio.run(streamed()) == "billing"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("email", "mail jo.doe+x@mail.example.com, please", "jo.doe+x@mail.example.com"),
        ("deadline", "by March 5th, 2025 or 6.3.2025", "2025-03-05"),
        ("date", "on 31 February 2024, I mean 2024-02-29", "2024-02-29"),
        ("refund_amount", "I paid €30, refund amount: 12.50 EUR", "12.50"),
        ("order_id", "customer C77, order AB-1234-9", "AB-1234-9"),
        ("phone", "call +44 20 7946 0958 today", "+44 20 7946 0958"),
        ("website", "see https://example.org/a?b=c.", "https://example.org/a?b=c."),
        ("order_id", "no number here", None),
        ("colour", "it is red 123", None),
    ],
)
def test_typed_values_are_found_or_left_out(name: str, text: str, value: str | None) -> None:
    """The value nearest to the field's own words is taken; what is not there is not made up."""
    assert typed_value(text, name=name) == value
