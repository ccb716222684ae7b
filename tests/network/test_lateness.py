"""Lateness, and approvals that are used up: what strangers can bring about by them ends things, and chooses nothing."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.messages import ToolCallPart
from tests.network.speaking import Heard, Says, Speaking, ask, speaking_on

from stemma import Prompt
from stemma.core.trust import INTERNAL, Integrity, TrustLabel
from stemma.ledger.scope import Scope
from stemma.network import (
    Bounds,
    Effect,
    Limits,
    Networks,
    Panel,
    Run,
    RunStatus,
    Step,
    Tie,
    ToolSpec,
    Verdict,
    define_agent,
    define_network,
)
from stemma.network.manifest.definition import DefinedAgent
from stemma.network.questions import Questions

pytestmark = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
TOOLS = """
from pathlib import Path

def pay(amount: int) -> str:
    'Pays.'
    with Path(__file__).with_name("paid").open("a") as file:
        file.write(f"{amount} ")
    return f"paid {amount}"

def send(text: str) -> str:
    'Sends.'
    return pay(1)
"""
PAY = ToolCallPart("pay", {"amount": 5})
HURRIED = Limits(deadline=0.05)


async def never(_: Heard) -> str:
    await asyncio.Event().wait()
    return ""


def tool(folder: Path, name: str, effect: Effect) -> ToolSpec:
    (folder / "tools.py").write_text(TOOLS)
    return ToolSpec(name, "python", {"function": f"tools.py:{name}"}, effect=effect, label=INTERNAL)


def agent(name: str, *reads: str, **options: Any) -> DefinedAgent:
    return define_agent(name, Prompt(f"{name}: speak."), reads=reads or ["task"], writes=f"{name}_says", **options)


def ran(
    scope: Scope, folder: Path, script: Mapping[str, Says], agents: list[DefinedAgent], flow: list[Any]
) -> tuple[Networks, Run, Speaking]:
    manifest = define_network(
        "desk",
        inputs={"task": INTERNAL},
        agents=agents,
        flow=flow,
        model="speaking",
        tools=(tool(folder, "pay", Effect.SPEND),),
        folder=folder,
    )
    model = Speaking(script)
    networks = speaking_on(scope, model)
    [run] = networks.run(manifest, [{"task": "work"}], wait=False).runs
    return networks, run, model


def pays(heard: Heard) -> Any:
    return "done" if "paid 5" in heard.told else PAY


@pytest.mark.parametrize("slow", [never, lambda _: "yes"], ids=["late", "in time"])
def test_flow_that_goes_on_without_an_answer_does_nothing_more_by_itself(
    scope: Scope, tmp_path: Path, slow: Says
) -> None:
    """What is done after somebody's time was up waits for a person, though nothing untrusted was read: it may be done
    because of that."""
    agents = [
        agent("slow", limits=HURRIED if slow is never else Limits()),
        agent("quick"),
        agent("clerk", tools=("pay",)),
    ]
    vote = Panel("vote", ("slow", "quick"), "decision", tie=Tie.FIRST)
    script: dict[str, Says] = {"slow": slow, "quick": lambda _: "no", "clerk": pays}
    networks, run, _ = ran(scope, tmp_path, script, agents, [vote, Step("clerk")])
    late = slow is never
    assert (tmp_path / "paid").exists() is not late
    assert run.status is (RunStatus.RUNNING if late else RunStatus.COMPLETED)
    assert [one.question.facts["tool"] for one in networks.questions.ls()] == ["pay"] * late


def test_asker_of_a_colleague_who_is_late(scope: Scope, tmp_path: Path) -> None:
    """That there is no answer is not told in clear to who acts, whose calls then wait for a person."""
    agents = [agent("clerk", asks=("slow",), tools=("pay",)), agent("slow", "question", limits=HURRIED)]
    script: dict[str, Says] = {"slow": never, "clerk": lambda heard: PAY if heard.told else ask("slow", "paid?")}
    networks, run, model = ran(scope, tmp_path, script, agents, [Step("clerk")])
    assert run.status is RunStatus.RUNNING
    assert [one.told for one in model.heard if one.agent == "clerk"] == [(), ("$h1",)]
    [asked] = networks.questions.ls()
    assert asked.question.facts["tool"] == "pay"
    assert not (tmp_path / "paid").exists()


def test_nobody_is_told_that_approvals_are_used_up(scope: Scope, tmp_path: Path) -> None:
    """An agent that needs leave for what is its own learns nothing of how often others needed it: the task ends."""
    secret = TrustLabel(Integrity.INTERNAL, categories=frozenset({"pii"}))
    sends = ToolCallPart("send", {"text": "work"})
    model = Speaking({"clerk": lambda heard: sends if len(heard.told) < 2 else "done"})
    networks = speaking_on(scope, model)
    manifest = define_network(
        "desk",
        inputs={"task": secret},
        agents=[define_agent("clerk", Prompt("clerk: {{task}}"), reads=["task"], writes="said", tools=("send",))],
        flow=["clerk"],
        model="speaking",
        tools=(tool(tmp_path, "send", Effect.EGRESS),),
        folder=tmp_path,
        bounds=Bounds(approvals=1),
    )
    networks.run(manifest, [{"task": "work"}], wait=False)
    [asked] = networks.questions.ls()
    Questions(scope.acting_as("bea")).decide(asked.question.id, Verdict.REJECTED, reason="not now")
    [run] = networks.run(manifest, [{"task": "work"}], wait=False).runs
    assert run.status is RunStatus.STOPPED
    assert "not now" in model.heard[-1].told[0]
    assert len(model.heard[-1].told) == 1
