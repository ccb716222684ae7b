"""What becomes of a task when something goes wrong: each way has one outcome, and it is on record."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.messages import ToolCallPart
from tests.network.speaking import Says, Speaking, speaking_on

from stemma import Prompt
from stemma.core.errors import InvalidData
from stemma.ledger.scope import Scope
from stemma.network import (
    Limits,
    Manifest,
    MessageStatus,
    Networks,
    Panel,
    Run,
    RunStatus,
    Tie,
    ToolSpec,
    Verdict,
    WorkerSettings,
    define_agent,
    define_network,
)
from stemma.network.batch import BatchWatch
from stemma.network.manifest.definition import DefinedAgent
from stemma.network.records import Records

on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)

TOOLS = """
import time

def breaks() -> str:
    'Breaks.'
    raise OSError("the disk is on fire")

def hangs() -> str:
    'Hangs.'
    time.sleep(60)
    return "late"

def floods() -> str:
    'Returns 50 MB.'
    return "x" * 50_000_000
"""


def agent(name: str, *reads: str, **options: Any) -> DefinedAgent:
    return define_agent(name, Prompt(f"{name}: act."), reads=reads or ["ticket"], writes=f"{name}_says", **options)


def desk(*agents: DefinedAgent, flow: Any = None, **options: Any) -> Manifest:
    names = [one.agent.name for one in agents]
    return define_network("desk", inputs=["ticket"], agents=agents, flow=flow or names, model="speaking", **options)


def ran(scope: Scope, manifest: Manifest, script: Mapping[str, Says], **options: Any) -> tuple[Networks, Run]:
    networks = speaking_on(scope, Speaking(script))
    return networks, networks.run(manifest, [{"ticket": "help"}], **options).runs[0]


def reason(run: Run) -> str:
    assert run.outcome is not None
    return str(run.outcome.reason)


async def never() -> str:
    await asyncio.Event().wait()
    return ""


# --- votes ------------------------------------------------------------------------------------------------------------

JURY = [agent("ann"), agent("bob"), agent("cat")]


def jury(**rules: Any) -> Manifest:
    return desk(*JURY, flow=Panel("jury", ("ann", "bob", "cat"), "verdict", **rules))


def votes(*said: str) -> dict[str, Says]:
    votes = dict(zip(("ann", "bob", "cat"), said, strict=True))
    return dict.fromkeys(votes, lambda heard: votes[heard.agent])


@pytest.mark.parametrize(
    ("tie", "status", "verdict", "why"),
    [
        (Tie.FIRST, RunStatus.COMPLETED, "yes", "None"),
        (Tie.FAIL, RunStatus.FAILED, None, "panel 'jury' is tied between yes, no, maybe"),
        (Tie.REVOTE, RunStatus.COMPLETED, "no", "None"),
    ],
)
def test_tied_vote(scope: Scope, tie: Tie, status: RunStatus, verdict: str | None, why: str) -> None:
    """By its rule a tie goes to the first voter's choice, ends the task, or is voted on again among those that are tied."""
    rounds = {"ann": ["yes", "no"], "bob": ["no", "no"], "cat": ["maybe", "yes"]}
    script: dict[str, Says] = dict.fromkeys(rounds, lambda heard: rounds[heard.agent].pop(0))
    _, run = ran(scope, jury(tie=tie), script)
    assert run.status is status
    assert reason(run) == why
    assert run.outcome is not None
    assert run.outcome.values.get("verdict") == verdict


def test_tie_that_a_person_breaks(scope: Scope) -> None:
    """The task waits with the tied choices before a person, takes no other answer, and goes on with the one that is given."""
    manifest = jury(tie=Tie.PERSON)
    networks, run = ran(scope, manifest, votes("yes", "no", "maybe"), wait=False)
    assert run.status is RunStatus.RUNNING
    [asked] = networks.questions.ls()
    assert asked.question.choices == ("yes", "no", "maybe")
    networks.questions.decide(asked.question.id, Verdict.ANSWERED, value="maybe")
    run = networks.run(manifest, [{"ticket": "help"}]).runs[0]
    assert run.outcome is not None
    assert (run.status, run.outcome.values["verdict"]) == (RunStatus.COMPLETED, "maybe")


def test_panel_without_its_quorum(scope: Scope) -> None:
    """With too few valid votes a person takes the task over, told how many there were and are needed."""
    silent = votes("yes", "", "")
    networks, run = ran(scope, jury(quorum=2), silent)
    assert run.status is RunStatus.HANDED_OVER
    assert reason(run) == "panel 'jury' had 1 of 3 votes, needs 2"
    assert networks.show(run.id).messages[-1].message.recipient == "person"


# --- answers ----------------------------------------------------------------------------------------------------------


def test_agent_that_never_answers(scope: Scope) -> None:
    """At its deadline the message is a dead letter, the task fails and says so, and what was known by then is kept."""
    manifest = desk(agent("first"), agent("slow", limits=Limits(deadline=0.2)))
    networks, run = ran(scope, manifest, {"first": lambda _: "yes", "slow": lambda _: never()})
    assert run.status is RunStatus.FAILED
    assert reason(run) == "agent 'slow': no answer within 0.2 seconds"
    assert run.outcome is not None
    assert run.outcome.values == {"first_says": "yes"}
    [letter] = networks.letters.ls(status=MessageStatus.DEAD)
    assert (letter.message.recipient, letter.reason) == ("slow", "no answer within 0.2 seconds")


@on_sqlite
def test_turn_whose_message_is_dead_is_cut_off(scope: Scope) -> None:
    """An agent that hangs beyond its deadline gives its place back: the next task is done by the only hand there is."""
    cut_off: list[bool] = []

    async def hangs() -> str:
        try:
            return await never()
        except asyncio.CancelledError:
            cut_off.append(True)
            raise

    manifest = desk(agent("slow", limits=Limits(deadline=0.1)))
    answers: list[Says] = [lambda _: hangs(), lambda _: "yes"]
    networks = speaking_on(scope, Speaking({"slow": lambda heard: answers.pop(0)(heard)}))
    runs = networks.run(manifest, [{"ticket": "a"}, {"ticket": "b"}], concurrency=1).runs
    assert [run.status.value for run in runs] == ["failed", "completed"]
    assert cut_off == [True]


def test_answer_that_never_fits_its_schema(scope: Scope) -> None:
    """It is sent back as often as the limits say; then the task fails, with what was wrong and how often it was told."""
    manifest = desk(agent("clerk", output_schema={"enum": [1, 2]}, limits=Limits(corrections=2)))
    script: dict[str, Says] = {"clerk": lambda heard: 7}
    networks, run = ran(scope, manifest, script)
    assert run.status is RunStatus.FAILED
    assert "7 is not one of [1, 2] (it was told so 2 times)" in reason(run)
    assert run.spent.calls == 3
    assert networks.letters.ls()[0].status is MessageStatus.DEAD


@on_sqlite
def test_answer_of_any_length_is_quoted_in_part(scope: Scope) -> None:
    """What an agent said at length, and wrongly, does not stand in every reason at length."""
    manifest = desk(agent("clerk", output_schema={"maxLength": 5}, limits=Limits(corrections=0)))
    _, run = ran(scope, manifest, {"clerk": lambda _: '"' + "x" * 50_000 + '"'})
    assert len(reason(run)) < 3000


@on_sqlite
def test_agent_that_calls_tools_for_ever(scope: Scope, tmp_path: Path) -> None:
    """Its control loop has so many rounds; then the task fails and names the number."""
    (tmp_path / "tools.py").write_text("def look() -> str:\n    'Looks.'\n    return 'x'\n")
    look = ToolSpec("look", "python", {"function": "tools.py:look"})
    manifest = desk(agent("clerk", tools=("look",), limits=Limits(iterations=3)), tools=(look,), folder=tmp_path)
    _, run = ran(scope, manifest, {"clerk": lambda _: ToolCallPart("look", {})})
    assert reason(run) == "agent 'clerk': it had no answer after 3 rounds of its control loop"
    assert run.spent.calls == 3


# --- tools ------------------------------------------------------------------------------------------------------------


def tooled(tmp_path: Path, name: str, *, timeout: float | None = None) -> Manifest:
    (tmp_path / "tools.py").write_text(TOOLS)
    spec = ToolSpec(name, "python", {"function": f"tools.py:{name}"}, timeout=timeout)
    return desk(agent("clerk", tools=(name,)), tools=(spec,), folder=tmp_path)


@pytest.mark.parametrize(
    ("name", "timeout", "told"),
    [
        ("breaks", None, "error: tool 'breaks' failed: OSError: the disk is on fire"),
        ("hangs", 0.1, "error: tool 'hangs' did not answer within 0.1 seconds; whether it had an effect is not known"),
        ("floods", None, "error: tool 'floods' returned 50,000,002 characters, and at most 20,000 are passed on"),
    ],
)
def test_tool_that_comes_to_nothing(scope: Scope, tmp_path: Path, name: str, timeout: float | None, told: str) -> None:
    """What raises, hangs or returns 50 MB ends in a line that the model is told; the turn goes on and the call is on record."""

    def clerk(heard: Any) -> Any:
        return heard.told[0] if heard.told else ToolCallPart(name, {})

    networks, run = ran(scope, tooled(tmp_path, name, timeout=timeout), {"clerk": clerk})
    assert run.status is RunStatus.COMPLETED
    assert run.outcome is not None
    assert run.outcome.values["clerk_says"].startswith(told)
    assert [entry.kind for entry in scope.ledger.tail()].count("tool.called") == 1
    assert networks.letters.ls()[0].status is MessageStatus.ANSWERED


@pytest.mark.parametrize("name", ["breaks", "floods"])
def test_agent_that_only_calls_such_a_tool(scope: Scope, tmp_path: Path, name: str) -> None:
    """Where there is no model to tell, the message is a dead letter and the task fails with the tool's reason."""
    (tmp_path / "tools.py").write_text(TOOLS)
    spec = ToolSpec(name, "python", {"function": f"tools.py:{name}"})
    pay = define_agent("pay", reads=[], writes="receipt", calls=name)
    _, run = ran(scope, desk(pay, tools=(spec,), folder=tmp_path), {})
    assert run.status is RunStatus.FAILED
    assert reason(run).startswith(f"agent 'pay': tool {name!r} ")


# --- what nobody foresaw ----------------------------------------------------------------------------------------------


def worked_off(scope: Scope, networks: Networks, manifest: Manifest, batch: str = "b") -> Run:
    """The one run of a batch, done by a worker that goes on whatever breaks."""
    name = networks.submit(manifest, [{"ticket": "help"}], batch=batch)
    worker = networks.worker(WorkerSettings(2, patient=True))
    watch = BatchWatch(Records(scope), name, worker.caller, None)
    worker.serve(lambda worker: watch.until_ended(worker.dispatch, wait=True))
    return networks.show(f"{name}.1").run


def test_turn_that_breaks_each_time_is_a_dead_letter(scope: Scope, caplog: pytest.LogCaptureFixture) -> None:
    """A worker tries five times, then buries it with what broke; it goes on with the next task."""
    broken = Speaking({"clerk": lambda _: ValueError("nobody foresaw this")})
    networks = speaking_on(scope, broken)
    run = worked_off(scope, networks, desk(agent("clerk")))
    assert run.status is RunStatus.FAILED
    assert reason(run) == "agent 'clerk': it broke 5 times while it was worked on: ValueError: nobody foresaw this"
    assert len(broken.heard) == 5
    assert "nobody foresaw this" in caplog.text
    broken.script = {"clerk": lambda _: "yes"}
    assert worked_off(scope, networks, desk(agent("clerk")), batch="c").status is RunStatus.COMPLETED


def test_network_whose_tools_are_gone_ends(scope: Scope, tmp_path: Path) -> None:
    """A worker that cannot load what an agent needs does not try for ever, and is not brought down by it."""
    networks = speaking_on(scope, Speaking({}))
    manifest = tooled(tmp_path, "breaks")
    (tmp_path / "tools.py").unlink()
    run = worked_off(scope, networks, manifest)
    assert run.status is RunStatus.FAILED
    assert "it broke 5 times while it was worked on" in reason(run)
    assert "tools.py" in reason(run)


@on_sqlite
def test_embedded_run_says_at_once_what_broke(scope: Scope, tmp_path: Path) -> None:
    """Whoever waits for the result hears of the mistake itself, and runs the same again when it is mended."""
    manifest = tooled(tmp_path, "breaks")
    (tmp_path / "tools.py").unlink()
    networks = speaking_on(scope, Speaking({"clerk": lambda _: "fine"}))
    with pytest.raises(InvalidData, match=r"tools\.py"):
        networks.run(manifest, [{"ticket": "help"}])
    (tmp_path / "tools.py").write_text(TOOLS)
    result = networks.run(manifest, [{"ticket": "help"}])
    assert (result.resumed, result.runs[0].status) == (1, RunStatus.COMPLETED)


def test_flow_that_breaks_each_time_has_failed(scope: Scope) -> None:
    """A run that a worker cannot play, its network unreadable say, fails with the reason after five tries."""
    networks = speaking_on(scope, Speaking({}))
    manifest = desk(agent("clerk"))
    name = networks.submit(manifest, [{"ticket": "help"}], batch="b")
    with scope.write() as tx:
        tx.connection.exec_driver_sql("update networks set body = '{}'")
    networks = speaking_on(scope, Speaking({}))
    worker = networks.worker(WorkerSettings(2, patient=True))
    watch = BatchWatch(Records(scope), name, worker.caller, None)
    worker.serve(lambda worker: watch.until_ended(worker.dispatch, wait=True))
    run = networks.show(f"{name}.1").run
    assert run.status is RunStatus.FAILED
    assert reason(run).startswith("it broke 5 times: InvalidInput: a pinned network cannot be read")
