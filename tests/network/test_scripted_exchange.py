"""The exchange that tests of flows are written with."""

import asyncio
from dataclasses import replace

import pytest
from tests.network.topologies.playing import agent, network

from stemma.core.trust import TRUSTED
from stemma.network.flow import Pipeline, Step
from stemma.network.message import Message, Part, PartKind
from stemma.network.people import Question
from stemma.network.task import Exchange
from stemma.testing.exchange import ScriptedExchange

DESK = network(Pipeline("line", (Step("ann"), Step("bob"))), [agent("ann")])
SENT = Message.compose(
    "r.1", "r", sender="caller", recipient="ann", parts=[Part(PartKind.DATA, "ticket", "lost", TRUSTED)]
)


def test_what_is_asked_again_is_answered_the_same() -> None:
    """An iterator gives one answer a message, kept for whoever sends it again; the message is recorded once."""
    exchange: Exchange = ScriptedExchange(DESK, {"ann": iter(["one", "two"])})
    said = [asyncio.run(exchange.ask(message)) for message in (SENT, SENT, replace(SENT, id="r.2"))]
    assert [part.value for part in said if isinstance(part, Part)] == ["one", "one", "two"]
    assert isinstance(exchange, ScriptedExchange)
    assert [message.id for message in exchange.messages] == ["r.1", "r.2"]


def test_flow_that_does_not_replay_is_caught() -> None:
    """One id for two messages is an error of the flow."""
    exchange = ScriptedExchange(DESK, {"ann": "one"})
    asyncio.run(exchange.ask(SENT))
    with pytest.raises(ValueError, match=r"'r\.1' was sent before with other content; its flow does not replay"):
        asyncio.run(exchange.ask(replace(SENT, sender="bob")))


def test_script_that_is_too_short_is_an_error() -> None:
    """A test that asks more than it wrote is told which agent, or which question, has nothing left."""
    exchange = ScriptedExchange(DESK, {"ann": iter(())})
    with pytest.raises(LookupError, match=r"the answers of agent 'ann' ran out at message 'r\.1'"):
        asyncio.run(exchange.ask(SENT))
    with pytest.raises(LookupError, match="no answer is written for agent 'bob'; there are ann"):
        asyncio.run(exchange.ask(replace(SENT, id="r.2", recipient="bob")))
    with pytest.raises(LookupError, match=r"nobody is left to decide question 'r\.3': Who\?"):
        asyncio.run(exchange.decision(Question("r.3", "r", "r", "route", "Who?", {}, TRUSTED)))
