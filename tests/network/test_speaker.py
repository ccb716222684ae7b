"""Having a model speak in a turn: each time a step of the journal, charged, and counted once."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, UserPromptPart
from pydantic_ai.models import Model
from pydantic_ai.usage import RequestUsage
from tests.network.desks import OneModel
from tests.network.monitored import Remembered, message, network, role

from stemma.core.errors import ModelError
from stemma.models.conversation import conversation_of
from stemma.network.bounds import Bounds, Spent
from stemma.network.caller import ModelCaller
from stemma.network.run import RunStatus
from stemma.network.speaker import Said, Speaker
from stemma.network.turn import NoAnswer, Reply
from stemma.testing.clock import VirtualClock
from stemma.testing.scripted import ScriptedModel


def words(text: str, tokens: int = 1) -> ModelResponse:
    """An answer that took so many tokens, ten times as many going in."""
    return ModelResponse([TextPart(text)], usage=RequestUsage(input_tokens=10 * tokens, output_tokens=tokens))


def priced(text: str) -> ModelResponse:
    """An answer whose price is known: a dollar for each of its million tokens out."""
    usage = RequestUsage(input_tokens=1_000_000, output_tokens=1_000_000)
    return ModelResponse([TextPart(text)], usage=usage, model_name="gpt-4o-mini", provider_name="openai")


def speaker(model: Model, journal: Remembered, **more: Any) -> Speaker:
    caller = ModelCaller(OneModel(model), VirtualClock(), concurrency=1)
    return Speaker(message(), network(**more), journal, caller)


def asked(of: Speaker, step: str = "m1") -> Said:
    def messages() -> list[ModelMessage]:
        return conversation_of("clerk: act.", f"step {step}")

    return asyncio.run(of.ask(step, role(), messages))


def test_model_is_asked_and_its_words_are_kept_with_what_they_took() -> None:
    """Nothing is written before it is kept; then step, event and charge are one."""
    model, journal = ScriptedModel([words("fine", 3)]), Remembered()
    one = speaker(model, journal)
    said = asked(one)
    assert (said.step, said.spoken.text, said.attempts, said.kept) == ("m1", "fine", 1, False)
    assert model.calls[0].user == "step m1"
    assert journal.done == {}
    asyncio.run(one.keep(said))
    assert journal.kinds == [("m1", ["model.called"])]
    [event] = journal.events
    assert (event.data["agent"], event.data["input_tokens"], event.data["output_tokens"]) == ("clerk", 30, 3)
    [charge] = journal.charges
    assert charge is not None
    assert (charge.calls, charge.tokens, charge.microdollars) == (1, 33, 0)
    assert said.charge == charge


def test_what_was_said_before_is_not_asked_again() -> None:
    """A turn that is taken up again reads the step: no request, nothing new on record, and the same counts."""
    away = ModelHTTPError(429, "scripted")
    model, journal = ScriptedModel([away, words("fine", 2)]), Remembered()
    one = speaker(model, journal)
    asyncio.run(one.keep(asked(one)))
    again = speaker(ScriptedModel([]), Remembered(journal.done))
    said = asked(again)
    assert (said.spoken.text, said.attempts, said.kept) == ("fine", 2, True)
    asyncio.run(again.keep(said))
    assert isinstance(again.journal, Remembered)
    assert again.journal.writes == 0
    assert replace(again.counts, model="") == replace(one.counts, model="")


def test_counts_are_those_of_all_that_was_said() -> None:
    """Answers, requests and tokens add up; the model is the one that spoke last."""
    model = ScriptedModel([ModelHTTPError(429, "scripted"), words("a", 1), words("b", 2)])
    one = speaker(model, Remembered())
    asked(one, "m1")
    asked(one, "m2")
    assert one.counts == Reply(model=one.counts.model, calls=2, attempts=3, input_tokens=30, output_tokens=3)
    assert one.counts.cost is None


def test_cost_is_that_of_those_whose_price_is_known() -> None:
    """An answer without a price neither takes the cost of the others away nor adds to it."""
    one = speaker(ScriptedModel([words("a"), priced("b"), words("c"), priced("d")]), Remembered())
    costs = list[float | None]()
    for number in range(4):
        asked(one, f"m{number}")
        costs.append(one.counts.cost)
    price = costs[1] or 0
    assert price > 0
    assert costs == [None, price, price, 2 * price]


@pytest.mark.parametrize("spent", [Spent(calls=2), Spent(calls=3)])
def test_bound_ends_the_task_before_the_model_is_asked(spent: Spent) -> None:
    """It is not overshot; but a step that was taken before is there, bound or no bound."""
    model = ScriptedModel([words("fine")])
    journal = Remembered(spent=spent)
    one = speaker(model, journal, bounds=Bounds(calls=2))
    with pytest.raises(NoAnswer, match="bound of 2 model calls is met") as ended:
        asked(one)
    assert ended.value.ends is RunStatus.STOPPED
    assert model.calls == []
    assert one.counts == Reply()
    earlier = speaker(ScriptedModel([words("fine")]), Remembered(spent=Spent(calls=1)), bounds=Bounds(calls=2))
    asyncio.run(earlier.keep(asked(earlier)))
    assert isinstance(earlier.journal, Remembered)
    journal.done = earlier.journal.done
    assert asked(one).spoken.text == "fine"


def test_tools_are_offered() -> None:
    """The definitions that are handed over are the model's to call."""
    from pydantic_ai.tools import ToolDefinition

    offered: list[str] = []

    class Listening(ScriptedModel):
        async def request(self, messages: Any, model_settings: Any, model_request_parameters: Any) -> ModelResponse:
            offered.extend(tool.name for tool in model_request_parameters.function_tools)
            assert any(isinstance(one, UserPromptPart) for one in messages[-1].parts)
            return words("fine")

    one = speaker(Listening([]), Remembered())
    said = one.ask("m1", role(), lambda: conversation_of("clerk: act.", "x"), [ToolDefinition(name="pay")])
    assert asyncio.run(said).spoken.text == "fine"
    assert offered == ["pay"]


def test_arguments_that_could_not_be_written_down_are_no_answer() -> None:
    """However deep a model nests them: the turn ends, and not the process."""
    deep: Any = "x"
    for _ in range(300):
        deep = [deep]
    journal = Remembered()
    with pytest.raises(ModelError, match="nested deeper than 64 levels"):
        asked(speaker(ScriptedModel([ModelResponse([ToolCallPart("keep", {"what": deep})])]), journal))
    assert journal.order == []
