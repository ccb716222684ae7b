"""Any flow, however it is nested: played again it does the same."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from random import Random
from typing import Any
from zlib import crc32

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.network.topologies.playing import INPUT, agent, network, played

from stemma.core.digests import canonical_json
from stemma.network.agent import Agent, Condition
from stemma.network.flow import Flow, Hierarchy, Loop, Panel, Phase, Phases, Pipeline, Route, Step, Tie, agents_of
from stemma.network.message import Message
from stemma.testing.exchange import ScriptedExchange

KINDS = ("pipeline", "loop", "phases", "hierarchy", "route")
shapes: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from(["step", "panel"]),
    lambda inner: st.tuples(st.sampled_from(KINDS), st.lists(inner, min_size=1, max_size=3)),
    max_leaves=6,
)


class Crash(Exception):
    """The process dies before an answer is there."""


def built(shape: Any, numbers: Iterator[int]) -> Flow:
    """The flow of a shape, with agents and teams of its own."""
    name = f"f{next(numbers)}"
    if shape == "step":
        return Step(name)
    if shape == "panel":
        return Panel(name, (f"{name}_a", f"{name}_b"), f"{name}_verdict", rounds=2, tie=Tie.FIRST)
    kind, inner = shape
    parts = tuple(built(one, numbers) for one in inner)
    if kind == "loop":
        return Loop(name, parts, Condition({f"{next(agents_of(parts[0]))}_says": "yes"}, f"{name} never ends"), 3)
    if kind == "phases":
        phases = [Phase(f"{name}{place}", (part,), True, _before(name, place)) for place, part in enumerate(parts)]
        return Phases(name, (*phases, Phase(f"{name}_last", (Step(f"{name}_x"), Step(f"{name}_y")), True)))
    if kind == "hierarchy":
        return Hierarchy(name, f"{name}_lead", parts, merge=f"{name}_merge")
    return Route(name, parts) if kind == "route" else Pipeline(name, parts)


def _before(name: str, place: int) -> tuple[str, ...]:
    return (f"{name}{place - 2}",) if place >= 2 else ()


def reading(flow: Flow) -> list[Agent]:
    """Agents each of which reads what the one written before it in the flow says."""
    names = list(dict.fromkeys(agents_of(flow)))
    return [agent(name, INPUT, f"{before}_says") for name, before in zip(names, [names[-1], *names], strict=False)]


def said(message: Message) -> Any:
    """An answer that changes with anything that was read: `yes` or `no`, or work for every worker."""
    if message.recipient.endswith("_lead"):
        return [{"agent": worker["agent"], "brief": message.id} for worker in message.data["workers"]]
    return "yes" if crc32(canonical_json([message.id, message.data])) % 2 else "no"


def scripted(flow: Flow, **options: Any) -> ScriptedExchange:
    answer = options.pop("answer", said)
    names = [one.name for one in reading(flow)]
    fitness = {f"f{number}": 0.5 for number in range(50)}
    return ScriptedExchange(network(flow), dict.fromkeys(names, answer), fitness=fitness, **options)


def outcome(flow: Flow, exchange: ScriptedExchange) -> Any:
    """What a flow sent, and what it came to."""
    done = played(flow, {}, agents=reading(flow), exchange=exchange)
    messages = {message.id: message for message in exchange.messages}
    assert len(messages) == len(exchange.messages)
    return messages, list(done.values.items()), str(done.end), list(done.task.decisive)


@given(shapes, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_speed_changes_nothing(shape: Any, draw: Random) -> None:
    """However long each answer takes, messages, ids, labels, values and the end are the same."""
    flow = built(shape, count())
    delayed = scripted(flow, pause=lambda _: draw.randrange(6))
    assert outcome(flow, delayed) == outcome(flow, scripted(flow))


@given(shapes, st.integers(1, 12), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_crash_changes_nothing(shape: Any, at: int, draw: Random) -> None:
    """Played again after a crash before any answer, a flow comes to what it would have come to without one."""
    flow, answers = built(shape, count()), count(1)

    def crashing(message: Message) -> Any:
        if next(answers) == at:
            raise Crash
        return said(message)

    exchange = scripted(flow, answer=crashing, pause=lambda _: draw.randrange(6))
    with suppress(Crash):
        outcome(flow, exchange)
    assert outcome(flow, exchange) == outcome(flow, scripted(flow))
