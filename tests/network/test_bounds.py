"""Bounds of a whole task: each ends it as stopped, with what was known by then kept, and none is overshot."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_ai.messages import ToolCallPart
from tests.network.desks import OneModel
from tests.network.speaking import Heard, Speaking, speaking_on

from stemma import Prompt
from stemma.ledger.scope import Scope
from stemma.network import (
    Bounds,
    Manifest,
    Networks,
    Panel,
    Phase,
    Phases,
    Run,
    RunStatus,
    Step,
    ToolSpec,
    define_agent,
    define_network,
)
from stemma.network.bounds import Spent
from stemma.registry.contents import Contents
from stemma.registry.prompts import Prompts
from stemma.testing.scripted import ScriptedModel

on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
NAMES = ("one", "two", "three")
amounts = st.integers(0, 100)


@given(amounts, amounts, amounts, amounts, amounts, amounts)
def test_bound_is_met_exactly_when_nothing_is_left(
    calls: int, tokens: int, dollars: int, most_calls: int, most_tokens: int, most_dollars: int
) -> None:
    """There is room as long as less than each bound is taken; the first that is met is named."""
    spent = Spent(0, calls, tokens, dollars * 1_000_000)
    met = spent.met(Bounds(calls=most_calls, tokens=most_tokens, dollars=float(most_dollars)))
    over = [
        name
        for name, taken, most in (
            ("model calls", calls, most_calls),
            ("tokens", tokens, most_tokens),
            ("dollars", dollars, most_dollars),
        )
        if taken >= most
    ]
    assert (met is None) is (not over)
    if met is not None:
        assert over[0] in met
    assert spent.met(Bounds(calls=calls + 1)) is None, "what is not bounded is never met"


def line(bounds: Bounds, flow: Any = None) -> Manifest:
    agents = [define_agent(name, Prompt(f"{name}: act."), reads=["ticket"], writes=f"{name}_says") for name in NAMES]
    return define_network("desk", inputs=["ticket"], agents=agents, flow=flow or NAMES, model="speaking", bounds=bounds)


def ran(scope: Scope, manifest: Manifest, **options: Any) -> Run:
    model = Speaking({name: (lambda heard: f"{heard.agent} spoke") for name in NAMES})
    return speaking_on(scope, model).run(manifest, [{"ticket": "help"}], **options).runs[0]


def known(run: Run) -> list[str]:
    assert run.outcome is not None
    return list(run.outcome.values)


def reason(run: Run) -> str:
    assert run.outcome is not None
    return str(run.outcome.reason)


@pytest.mark.parametrize(
    ("bounds", "why"),
    [(Bounds(messages=2), "2 messages"), (Bounds(calls=2), "2 model calls"), (Bounds(tokens=1), "1 tokens")],
)
def test_bound_stops_the_task(scope: Scope, bounds: Bounds, why: str) -> None:
    """The task ends as stopped, names the bound, keeps what its agents had written, and took no call more than it may."""
    priced = ScriptedModel(lambda system, user: "spoke")
    run = Networks(scope, Prompts(scope, Contents()), OneModel(priced)).run(line(bounds), [{"ticket": "help"}]).runs[0]
    assert run.status is RunStatus.STOPPED
    assert reason(run) == f"the task's bound of {why} is met"
    calls = 1 if bounds.tokens else 2
    assert known(run) == [f"{name}_says" for name in NAMES[:calls]]
    assert run.spent.calls == len(priced.calls) == calls


@on_sqlite
def test_bound_of_money_stops_the_task(scope: Scope) -> None:
    """A model whose price is known is charged, and no call is made once the money is spent."""
    priced = ScriptedModel(lambda system, user: "spoke", name="gpt-4o", provider="openai")
    networks = Networks(scope, Prompts(scope, Contents()), OneModel(priced))
    run = networks.run(line(Bounds(dollars=0.00001)), [{"ticket": "help"}]).runs[0]
    assert (run.status, known(run), len(priced.calls)) == (RunStatus.STOPPED, ["one_says"], 1)
    assert reason(run) == "the task's bound of 1e-05 dollars is met"
    assert run.spent.microdollars >= 10


@on_sqlite
def test_bound_of_depth_stops_the_task(scope: Scope) -> None:
    """A branch below a branch that stands too deep is not asked; what was known before it is kept."""
    inner = Phases("inner", (Phase("in", (Step("two"), Step("three")), parallel=True),))
    run = ran(scope, line(Bounds(depth=2), flow=[Step("one"), inner]))
    assert (run.status, known(run)) == (RunStatus.STOPPED, ["one_says"])
    assert reason(run) == "the task's bound of 2 messages below each other is met"


@on_sqlite
def test_bound_of_fan_out_stops_the_task(scope: Scope) -> None:
    """More agents at the same time than allowed are not asked at all."""
    run = ran(scope, line(Bounds(fan_out=2), flow=[Step("one"), Panel("all", NAMES, "verdict")]))
    assert (run.status, known(run)) == (RunStatus.STOPPED, ["one_says"])
    assert reason(run) == "the task's bound of 2 agents at the same time is met: 3 were to be asked"
    assert run.spent.calls == 1


def test_bound_of_seconds_stops_the_task(scope: Scope) -> None:
    """An agent that takes too long is cut off with the whole task; what others had written, in branches too, is kept."""
    hung: list[bool] = []

    async def hangs(_: Heard) -> str:
        hung.append(True)
        await asyncio.Event().wait()
        return ""

    beside = Phases("both", (Phase("both", (Step("two"), Step("three")), parallel=True),))
    manifest = line(Bounds(seconds=0.7), flow=[Step("one"), beside])
    model = Speaking({"one": lambda _: "1", "two": lambda _: "2", "three": hangs})
    networks = speaking_on(scope, model)
    run = networks.run(manifest, [{"ticket": "help"}]).runs[0]
    assert hung == [True]
    assert (run.status, reason(run)) == (RunStatus.STOPPED, "the task's bound of 0.7 seconds is met")
    assert known(run) == ["one_says", "two_says"]
    statuses = {one.message.recipient: one.status.value for one in networks.show(run.id).messages}
    assert statuses == {"one": "answered", "two": "answered", "three": "cancelled"}


@on_sqlite
def test_time_goes_on_across_restarts(scope: Scope) -> None:
    """What an earlier process took of the seconds is gone: the next one does not begin anew."""
    manifest = line(Bounds(seconds=60))

    def dies(_: Heard) -> str:
        raise RuntimeError("the process died here")

    with pytest.raises(RuntimeError, match="died"):
        speaking_on(scope, Speaking({"one": dies})).run(manifest, [{"ticket": "help"}])
    with scope.write() as tx:
        tx.connection.exec_driver_sql("update runs set started_at = '2026-01-01T00:00:00.000000Z'")
    model = Speaking({"one": lambda _: "spoke"})  # the message that was under way may be taken up before its run is
    run = speaking_on(scope, model).run(manifest, [{"ticket": "help"}]).runs[0]
    assert (run.status, reason(run)) == (RunStatus.STOPPED, "the task's bound of 60 seconds is met")


def test_calls_in_flight_are_all_that_can_be_too_many(scope: Scope, tmp_path: Path) -> None:
    """Agents that call tools side by side all stop once the bound is met: each had at most one call in flight by then."""
    (tmp_path / "tools.py").write_text("def look() -> str:\n    'Looks.'\n    return 'x'\n")
    look = ToolSpec("look", "python", {"function": "tools.py:look"})
    agents = [
        define_agent(name, Prompt(f"{name}: act."), reads=["ticket"], writes=f"{name}_says", tools=("look",))
        for name in NAMES
    ]
    manifest = define_network(
        "desk",
        inputs=["ticket"],
        agents=agents,
        flow=Panel("all", NAMES, "verdict"),
        model="speaking",
        tools=(look,),
        folder=tmp_path,
        bounds=Bounds(calls=5),
    )
    model = Speaking({name: (lambda _: ToolCallPart("look", {})) for name in NAMES})
    run = speaking_on(scope, model).run(manifest, [{"ticket": "help"}]).runs[0]
    assert run.status is RunStatus.STOPPED
    assert 5 <= run.spent.calls == len(model.heard) <= 5 + len(NAMES) - 1
