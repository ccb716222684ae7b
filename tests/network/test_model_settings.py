"""What an agent's model is asked with: the prompt's settings, those for the model, and the agent's own."""

import asyncio

from pydantic_ai.exceptions import ModelHTTPError

from stemma.core.trust import TRUSTED
from stemma.models import Models
from stemma.models.conversation import conversation_of
from stemma.network.agent import Agent
from stemma.network.caller import ModelCaller
from stemma.network.network import Role
from stemma.registry.prompt import Prompt
from stemma.testing.clock import VirtualClock
from stemma.testing.scripted import ScriptedModel

SETTINGS = {"model": "x", "temperature": 0, "models": {"a": {"max_tokens": 10}, "b": {"max_tokens": 20}}}


def test_agents_model_and_its_stand_in_each_get_their_own_settings() -> None:
    """In a network a chain stands in as it does in an evaluation, and each model is asked with what was set for it."""
    a, b = ScriptedModel([ModelHTTPError(503, "a")]), ScriptedModel(["blue"])
    agent = Agent("triage", "p.json", "a, b", ("ticket",), "colour", settings={"b": {"temperature": 1}})
    role = Role(agent, Prompt("Name the colour.", settings=SETTINGS), "p.json", TRUSTED, None)
    caller = ModelCaller(Models({"a": a, "b": b}), VirtualClock(), concurrency=1)
    asked = asyncio.run(caller.ask(role, conversation_of("Name the colour.", "sky"), [], seed="m1"))
    assert (asked.spoken.text, asked.spoken.model, asked.attempts) == ("blue", "b", 1)
    sent = [
        {name: value for name, value in one.settings.items() if name != "request_timeout"}
        for one in (*a.calls, *b.calls)
    ]
    assert sent == [{"temperature": 0, "max_tokens": 10}, {"temperature": 1, "max_tokens": 20}]
