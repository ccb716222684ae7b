"""What users write never stands in the audit log, which is kept for ever: only its digest does, on every path it takes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.messages import ToolCallPart
from tests.network.desks import OneModel
from tests.network.speaking import Heard, Speaking, speaking_on

from stemma import Prompt
from stemma.core.clock import SystemClock
from stemma.core.trust import UNTRUSTED
from stemma.guard.ruling import Clearance
from stemma.guard.text import Treatment
from stemma.guard.vault import Vault
from stemma.ledger import Ledger, export
from stemma.ledger.scope import Scope
from stemma.network import (
    Interceptor,
    Manifest,
    Networks,
    Phase,
    Phases,
    RunStatus,
    Step,
    ToolSpec,
    Verdict,
    define_agent,
    define_network,
)
from stemma.network.protection import Protects
from stemma.network.questions import Questions
from stemma.network.tools.tool import Effect
from stemma.registry.contents import Contents
from stemma.registry.prompts import Prompts
from stemma.store import Store

MARK = "Erika Mustermann"
TICKETS = [{"ticket": f"I am {MARK}, born 1964"}]
TOOLS = """
from stemma.network.tools.tool import ToolFailed

def pay(note: str) -> str:
    'Pays.'
    return "paid for " + note

def find(name: str) -> str:
    'Finds a customer.'
    raise ToolFailed("there is no customer " + name)
"""


@pytest.fixture
def scope(tmp_path: Path) -> Iterator[Scope]:
    clock, store = SystemClock(), Store.open(f"sqlite:///{tmp_path}/stemma.db")
    yield Scope(store, Ledger(store, clock), clock, "user:ada")
    store.close()


def desk(folder: Path, *tools: str) -> Manifest:
    """A clerk that reads the ticket, may call the tools, pays only when a person says so, and repeats what it knows."""
    (folder / "tools.py").write_text(TOOLS)
    effects = {"pay": Effect.SPEND, "find": Effect.READ}
    return define_network(
        "desk",
        inputs=["ticket"],
        agents=[define_agent("clerk", Prompt("clerk: act."), reads=["ticket"], writes="said", tools=tools)],
        flow=Phases("work", (Phase("pay", (Step("clerk"),)),)),
        model="speaking",
        tools=tuple(ToolSpec(name, "python", {"function": f"tools.py:{name}"}, effect=effects[name]) for name in tools),
        folder=folder,
        interceptors=(Interceptor("tool", "clerk/pay", "Pay this?"),) if "pay" in tools else (),
    )


def networks(scope: Scope, tool: str | None = None, **arguments: str) -> Networks:
    """Networks whose clerk calls the tool once, and then repeats what it was told."""

    def clerk(heard: Heard) -> Any:
        if tool is not None and not heard.told:
            return ToolCallPart(tool, arguments)
        return f"{heard.user} {heard.told}"

    return speaking_on(scope, Speaking({"clerk": clerk}))


def leaked(scope: Scope, folder: Path) -> list[str]:
    """Entries of the log that have the mark in them; the export has it where they do."""
    bodies = [str(entry.to_json()) for entry in scope.ledger.tail(10_000)]
    found = [body for body in bodies if MARK in body or MARK.split()[1] in body]
    export(scope.store, folder / "log.jsonl")
    assert (MARK.encode() in (folder / "log.jsonl").read_bytes()) == bool(found)
    return found


def test_what_an_agent_reads_and_says_is_not_in_the_log(scope: Scope, tmp_path: Path) -> None:
    """A ticket goes in and comes out of a model; the run holds it, the log does not."""
    [run] = networks(scope).run(desk(tmp_path), TICKETS).runs
    assert run.outcome is not None
    assert MARK in str(run.outcome.values)
    assert leaked(scope, tmp_path) == []


@pytest.mark.parametrize(
    ("verdict", "more"),
    [
        (Verdict.APPROVED, {}),
        (Verdict.EDITED, {"value": {"note": f"half to {MARK}"}}),
        (Verdict.REJECTED, {"reason": f"{MARK} has been paid"}),
    ],
)
def test_what_a_tool_is_handed_and_a_person_says_is_not_in_the_log(
    scope: Scope, tmp_path: Path, verdict: Verdict, more: Any
) -> None:
    """Arguments, the question to a person, the person's words and the tool's result are in the log by digest."""
    working = networks(scope, "pay", note=f"a refund for {MARK}")
    working.run(desk(tmp_path, "pay"), TICKETS, wait=False)
    [asked] = working.questions.ls()
    Questions(scope.acting_as("user:bea")).decide(asked.question.id, verdict, **more)
    [run] = networks(scope, "pay", note=f"a refund for {MARK}").run(desk(tmp_path, "pay"), TICKETS).runs
    assert run.outcome is not None
    assert MARK in str(run.outcome.values)
    assert leaked(scope, tmp_path) == []


def test_why_a_tool_failed_is_not_in_the_log(scope: Scope, tmp_path: Path) -> None:
    """A tool that repeats what it could not find tells the agent, not the log."""
    [run] = networks(scope, "find", name=MARK).run(desk(tmp_path, "find"), TICKETS).runs
    assert run.outcome is not None
    assert f"there is no customer {MARK}" in str(run.outcome.values)
    assert leaked(scope, tmp_path) == []


CLEARED = """
import pathlib
from stemma.network.tools.tool import ToolFailed

WORLD = pathlib.Path(__file__).parent.parent / "world.txt"

def letter(to: str) -> str:
    'Sends a letter.'
    with open(WORLD, "a") as file:
        file.write(to + "\\n")
    if WORLD.read_text().count("\\n") > 1:
        raise ToolFailed("a letter to " + to.upper() + " was sent before")
    return "sent to " + to

def find(name: str) -> dict:
    'Finds a customer.'
    return {"name": name, "note": "ask for " + name}
"""


def posting(folder: Path) -> Manifest:
    """A clerk whose network keeps the name as a token, and whose tools are cleared for what stands behind it."""
    (folder / "tools.py").write_text(CLEARED)
    pii = Clearance(categories=frozenset({"pii"}))
    effects = {"letter": Effect.EGRESS, "find": Effect.READ}
    return define_network(
        "desk",
        inputs=["name"],
        agents=[define_agent("clerk", Prompt("clerk: act."), reads=["name"], writes="said", tools=(*effects,))],
        flow=["clerk"],
        model="speaking",
        tools=tuple(
            ToolSpec(name, "python", {"function": f"tools.py:{name}"}, effect=effect, clearance=pii)
            for name, effect in effects.items()
        ),
        folder=folder,
        protects=Protects(fields={"name": Treatment.TOKENISE}),
    )


def test_what_a_cleared_tool_is_told_stands_nowhere(scope: Scope, tmp_path: Path) -> None:
    """Looked up, approved, sent, failed and answered: the tools heard the name, and no table, journal, log or file of the
    engine has it, but the vault, which has it encrypted.
    """
    home = tmp_path / "home"
    home.mkdir()

    def clerk(heard: Heard) -> Any:
        called = [("find", "name"), ("letter", "to"), ("letter", "to")]
        if len(heard.told) == len(called):
            return f"$h1 {heard.told}"
        tool, argument = called[len(heard.told)]
        return ToolCallPart(tool, {argument: "$h1"})

    vault = Vault(scope, tmp_path / "keys")
    working = Networks(scope, Prompts(scope, Contents()), OneModel(Speaking({"clerk": clerk})), vault=vault)
    run = working.run(posting(home), [{"name": MARK}], wait=False).runs[0]
    for _ in range(2):
        [asked] = working.questions.ls()
        Questions(scope.acting_as("user:bea")).decide(asked.question.id, Verdict.APPROVED)
        [run] = working.run(posting(home), [{"name": MARK}], wait=False).runs
    assert run.outcome is not None
    assert run.outcome.status is RunStatus.COMPLETED, run.outcome.reason
    assert (tmp_path / "world.txt").read_text() == f"{MARK}\n{MARK}\n"
    [step] = [one for one in working.show(run.id).messages if one.answer is not None][:1]
    assert "pii_name_" in str(step.answer)
    assert leaked(scope, tmp_path) == []
    scope.store.close()
    kept = [file for file in tmp_path.rglob("*") if file.is_file() and file.name != "world.txt"]
    assert {"stemma.db", "tools.py"} < {file.name for file in kept}
    assert len([file for file in kept if ".db" in file.suffixes or file.suffix == ".db"]) > 1, "the engine has a file"
    wanted = [MARK.encode(), MARK.upper().encode(), MARK.split()[1].encode(), MARK.split()[1].lower().encode()]
    assert [file.name for file in kept if any(one in file.read_bytes() for one in wanted)] == []


def test_what_is_remembered_is_not_in_the_log_and_can_be_forgotten(scope: Scope, tmp_path: Path) -> None:
    """A memory is in the log by digest; once it is forgotten its words are nowhere, and the log still verifies."""
    memories = networks(scope).memories
    kept = memories.remember("desk", f"{MARK} wants letters", source="b_01.1/said", label=UNTRUSTED)
    assert leaked(scope, tmp_path) == []
    memories.forget(kept.id)
    assert memories.ls() == []
    assert scope.ledger.verify().verified
