"""The doubles: answers written beforehand, and counting from the outside."""

import asyncio
from pathlib import Path

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.exceptions import ModelHTTPError

from stemma.core.errors import ModelUnavailable
from stemma.models import complete
from stemma.testing.scripted import CountingModel, ScriptedModel


class Animal(BaseModel):
    name: str


def test_a_function_answers_from_what_was_asked() -> None:
    """A script may be a function of the system's and the user's text."""
    model = ScriptedModel(lambda system, user: f"{system} {user}".upper())
    assert asyncio.run(complete(model, system="say", user="hello")).text == "SAY HELLO"


def test_a_text_serves_as_the_arguments_of_an_output_tool() -> None:
    """An agent with a structured output gets its JSON through the tool it offers."""
    agent = Agent(ScriptedModel(['{"name": "dog"}']), output_type=Animal)
    assert asyncio.run(agent.run("it barks")).output == Animal(name="dog")


def test_earlier_turns_are_recorded_as_turns() -> None:
    """Message history is kept apart from the open turn."""
    model = ScriptedModel(["first", "second"])
    agent = Agent(model)

    async def talk() -> None:
        await agent.run("two", message_history=(await agent.run("one")).all_messages())

    asyncio.run(talk())
    assert (model.calls[1].turns, model.calls[1].user) == ((("one", "first"),), "two")


def test_a_failed_call_is_started_and_not_finished(tmp_path: Path) -> None:
    """The counts and the log tell calls that ended from calls that did not."""
    log = tmp_path / "calls.log"
    model = CountingModel(ScriptedModel(["a", ModelHTTPError(500, "scripted")]), log=log)
    asyncio.run(complete(model, system="s", user="one"))
    with pytest.raises(ModelUnavailable):
        asyncio.run(complete(model, system="s", user="two"))
    assert (model.started, model.finished) == (2, 1)
    assert [line.split()[0] for line in log.read_text().splitlines()] == ["started", "finished", "started"]


def test_the_log_names_equal_questions_alike(tmp_path: Path) -> None:
    """A repeated call shows as a repeated digest."""
    log = tmp_path / "calls.log"
    model = CountingModel(ScriptedModel(lambda system, user: "x"), log=log)
    for user in ("one", "two", "one"):
        asyncio.run(complete(model, system="s", user=user))
    finished = [line.split()[1] for line in log.read_text().splitlines() if line.startswith("finished")]
    assert finished[0] == finished[2] != finished[1]
