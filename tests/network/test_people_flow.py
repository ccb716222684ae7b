"""People in the loop: the task waits for them, across processes and versions, and does what they say."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.messages import ToolCallPart
from tests.network.speaking import Heard, Speaking, speaking_on

from stemma import Prompt
from stemma.core.clock import SystemClock
from stemma.core.errors import InvalidInput
from stemma.ledger import Ledger
from stemma.ledger.scope import Scope
from stemma.network import (
    Interceptor,
    Manifest,
    MessageStatus,
    Networks,
    OnTimeout,
    Phase,
    Phases,
    Question,
    Run,
    RunStatus,
    Step,
    ToolSpec,
    Verdict,
    define_agent,
    define_network,
)
from stemma.network.questions import Questions
from stemma.network.tools.tool import Effect
from stemma.store import Store

on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
TICKET = [{"ticket": "refund me"}]
PAY = """
from pathlib import Path

def pay(amount: int) -> str:
    'Pays.'
    with Path(__file__).with_name("paid").open("a") as file:
        file.write(f"{amount}\\n")
    return f"paid {amount}"
"""


def desk(folder: Path, *interceptors: Interceptor, schema: Any = None) -> Manifest:
    """A clerk that pays 12 and says what came of it."""
    (folder / "tools.py").write_text(PAY)
    clerk = define_agent(
        "clerk", Prompt("clerk: act."), reads=["ticket"], writes="said", tools=("pay",), output_schema=schema
    )
    return define_network(
        "desk",
        inputs=["ticket"],
        agents=[clerk],
        flow=Phases("work", (Phase("pay", (Step("clerk"),)),)),
        model="speaking",
        tools=(ToolSpec("pay", "python", {"function": "tools.py:pay"}, effect=Effect.SPEND),),
        folder=folder,
        interceptors=interceptors,
    )


def clerk(heard: Heard) -> Any:
    return str(heard.told[-1]) if heard.told else ToolCallPart("pay", {"amount": 12})


def networks_on(scope: Scope) -> Networks:
    """As a new process would open them."""
    return speaking_on(scope, Speaking({"clerk": clerk}))


def paid(folder: Path) -> list[str]:
    file = folder / "paid"
    return file.read_text().split() if file.exists() else []


def said(run: Run) -> Any:
    assert run.outcome is not None
    return run.outcome.values.get("said")


def answered(scope: Scope, manifest: Manifest, *decision: Any, **more: Any) -> Run:
    """Runs until a person is asked, decides, and runs on in another process."""
    networks = networks_on(scope)
    [run] = networks.run(manifest, TICKET, wait=False).runs
    assert run.status is RunStatus.RUNNING
    [asked] = networks.questions.ls()
    Questions(scope.acting_as("bea")).decide(asked.question.id, *decision, **more)
    return networks_on(scope).run(manifest, TICKET).runs[0]


# --- what a person may say --------------------------------------------------------------------------------------------

BEFORE_PAYING = Interceptor("tool", "clerk/pay", "Pay this?")


@pytest.mark.parametrize(
    ("decision", "more", "says", "payments"),
    [
        (Verdict.APPROVED, {}, "paid 12", ["12"]),
        (Verdict.EDITED, {"value": {"amount": 5}}, "paid 5", ["5"]),
        (Verdict.REJECTED, {"reason": "too much"}, "error: bea rejected it: too much", []),
    ],
)
def test_person_before_a_tool(
    scope: Scope, tmp_path: Path, decision: Verdict, more: Any, says: str, payments: list[str]
) -> None:
    """Approved it is called, edited it is called with what the person wrote, rejected the agent is told and goes on."""
    run = answered(scope, desk(tmp_path, BEFORE_PAYING), decision, **more)
    assert run.status is RunStatus.COMPLETED
    assert said(run) == says
    assert paid(tmp_path) == payments
    kinds = [entry.kind for entry in scope.ledger.tail(100)]
    assert [kinds.count(kind) for kind in ("question.asked", "question.decided", "tool.called")] == [
        1,
        1,
        len(payments),
    ]


@on_sqlite
def test_question_shows_what_is_about_to_happen(scope: Scope, tmp_path: Path) -> None:
    """Facts of the runtime, the label of what is handed over with them: no word that a model says about itself.

    The ticket is a stranger's, and kept from the clerk: what the clerk decides is its own.
    """
    networks = networks_on(scope)
    networks.run(desk(tmp_path, BEFORE_PAYING), TICKET, wait=False)
    [asked] = networks.questions.ls()
    assert asked.question.text == "Pay this?"
    facts = dict(asked.question.facts)
    assert len(facts.pop("policy")) == 64
    assert facts == {
        "agent": "clerk",
        "tool": "pay",
        "effect": "spend",
        "arguments": {"amount": 12},
        "trust": {"amount": "internal"},
        "sources": {},
        "confidential": {},
        "why": ["the manifest asks a person before tool 'clerk/pay'"],
    }
    assert asked.question.label.integrity.name == "INTERNAL"


@pytest.mark.parametrize(
    ("decision", "more", "status", "says"),
    [
        (Verdict.APPROVED, {}, RunStatus.COMPLETED, "paid 12"),
        (Verdict.EDITED, {"value": "sorry"}, RunStatus.COMPLETED, "sorry"),
        (Verdict.REJECTED, {}, RunStatus.FAILED, None),
    ],
)
def test_person_before_an_answer(
    scope: Scope, tmp_path: Path, decision: Verdict, more: Any, status: RunStatus, says: str | None
) -> None:
    """Approved it is passed on, edited what the person wrote is, rejected there is none."""
    run = answered(scope, desk(tmp_path, Interceptor("message", "clerk")), decision, **more)
    assert (run.status, said(run)) == (status, says)
    if status is RunStatus.FAILED:
        assert run.outcome is not None
        assert run.outcome.reason == "agent 'clerk': bea rejected it"
    assert paid(tmp_path) == ["12"], "the model is not asked, and nothing is paid, a second time"


@on_sqlite
def test_what_a_person_writes_fits_the_schema_too(scope: Scope, tmp_path: Path) -> None:
    """An answer that a person puts in the place of the agent's is held against the schema that others rely on."""
    manifest = desk(tmp_path, Interceptor("message", "clerk"), schema={"type": "string", "maxLength": 20})
    quoted = speaking_on(scope, Speaking({"clerk": lambda _: '"fine"'}))
    quoted.run(manifest, TICKET, wait=False)
    [asked] = quoted.questions.ls()
    for wrong in ({"not": "a text"}, "far longer than this schema allows"):
        with pytest.raises(InvalidInput, match="stays open, since the value does not fit"):
            quoted.questions.decide(asked.question.id, Verdict.EDITED, value=wrong)
    quoted.questions.decide(asked.question.id, Verdict.EDITED, value="better")
    assert said(quoted.run(manifest, TICKET).runs[0]) == "better"


@on_sqlite
@pytest.mark.parametrize("wrong", [5, "hello", [12], {"amout": 5}, {"amount": "much"}, {"amount": 5, "to": "me"}])
def test_edit_that_does_not_fit_leaves_the_question_open(scope: Scope, tmp_path: Path, wrong: Any) -> None:
    """A slip of the pen does not become a refusal: it is told when it is made, and the person may write again."""
    manifest, networks = desk(tmp_path, BEFORE_PAYING), networks_on(scope)
    networks.run(manifest, TICKET, wait=False)
    [asked] = networks.questions.ls()
    with pytest.raises(InvalidInput, match="stays open, since the value does not fit"):
        networks.questions.decide(asked.question.id, Verdict.EDITED, value=wrong)
    networks.questions.decide(asked.question.id, Verdict.EDITED, value={"amount": 5})
    assert said(networks.run(manifest, TICKET).runs[0]) == "paid 5"
    assert paid(tmp_path) == ["5"]


@pytest.mark.parametrize(
    ("decision", "status", "payments"),
    [(Verdict.APPROVED, RunStatus.COMPLETED, ["12"]), (Verdict.REJECTED, RunStatus.HANDED_OVER, [])],
)
def test_person_before_a_phase(
    scope: Scope, tmp_path: Path, decision: Verdict, status: RunStatus, payments: list[str]
) -> None:
    """Approved the phase begins, rejected the task is the person's."""
    run = answered(scope, desk(tmp_path, Interceptor("phase", "pay")), decision)
    assert (run.status, paid(tmp_path)) == (status, payments)


# --- when nobody answers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on_timeout", "status", "payments"),
    [
        (OnTimeout.REJECT, RunStatus.COMPLETED, []),
        (OnTimeout.APPROVE, RunStatus.COMPLETED, ["12"]),
        (OnTimeout.FAIL, RunStatus.FAILED, []),
    ],
)
def test_nobody_answers_before_a_tool(
    scope: Scope, tmp_path: Path, on_timeout: OnTimeout, status: RunStatus, payments: list[str]
) -> None:
    """The clock decides as the manifest says: the agent is told no, the tool is called, or the task fails."""
    asks = replace(BEFORE_PAYING, timeout=0.05, on_timeout=on_timeout)
    run = networks_on(scope).run(desk(tmp_path, asks), TICKET).runs[0]
    assert (run.status, paid(tmp_path)) == (status, payments)
    if status is RunStatus.FAILED:
        assert run.outcome is not None
        assert run.outcome.reason == "nobody answered 'Pay this?' in time"


@on_sqlite
@pytest.mark.parametrize("before", ["message", "phase"])
def test_nobody_answers_and_the_task_fails(scope: Scope, tmp_path: Path, before: Any) -> None:
    """So it is before an answer is passed on, and before a phase."""
    name = {"message": "clerk", "phase": "pay"}[before]
    asks = Interceptor(before, name, "Well?", timeout=0.05, on_timeout=OnTimeout.FAIL)
    run = networks_on(scope).run(desk(tmp_path, asks), TICKET).runs[0]
    assert run.outcome is not None
    assert (run.status, run.outcome.reason) == (RunStatus.FAILED, "nobody answered 'Well?' in time")


# --- across processes and versions ------------------------------------------------------------------------------------


def test_approval_outlives_any_number_of_processes(store_url: str, scope: Scope, tmp_path: Path) -> None:
    """Ten look in vain, a person answers from elsewhere, and the next one finishes the task, with newer tools."""
    manifest = desk(tmp_path, BEFORE_PAYING)
    for _ in range(10):
        networks_on(scope).run(manifest, TICKET, wait=False)
    store, clock = Store.open(store_url), SystemClock()
    elsewhere = Questions(Scope(store, Ledger(store, clock), clock, "bea"))
    [asked] = elsewhere.ls()
    elsewhere.decide(asked.question.id, Verdict.APPROVED)
    store.close()
    tools = tmp_path / "tools.py"
    tools.write_text(tools.read_text().replace('f"paid {amount}"', 'f"paid {amount} at last"'))
    networks = networks_on(scope)
    run = networks.run(manifest, TICKET).runs[0]
    assert (run.status, said(run), paid(tmp_path)) == (RunStatus.COMPLETED, "paid 12 at last", ["12"])
    assert networks.letters.ls(agent="clerk")[0].status is MessageStatus.ANSWERED


# --- calls of which nobody knows --------------------------------------------------------------------------------------


def begun(scope: Scope, step: str) -> None:
    """Puts the store back to where the call had begun and its end was not known."""
    with scope.write() as tx:
        tx.connection.exec_driver_sql(f"delete from steps where step = '{step}'")
        tx.connection.exec_driver_sql("update messages set status = 'waiting', answer = null where recipient = 'clerk'")
        tx.connection.exec_driver_sql("update runs set status = 'waiting', outcome = null")
        tx.connection.exec_driver_sql("delete from messages where recipient = 'caller'")


def uncertain(scope: Scope, manifest: Manifest) -> Question:
    """Runs into the question of what happened."""
    networks = networks_on(scope)
    networks.run(manifest, TICKET, batch="b", wait=False)
    [asked] = networks.questions.ls()
    return asked.question


@pytest.mark.parametrize(
    ("answer", "says", "payments"),
    [
        ("yes", "pay was carried out, as ada found", ["12"]),
        ("no", "paid 12", ["12", "12"]),
        (None, "error: nobody knows whether 'pay' was carried out", ["12"]),
    ],
)
def test_call_whose_end_is_not_known(
    scope: Scope, tmp_path: Path, answer: str | None, says: str, payments: list[str]
) -> None:
    """It is never made again by itself: a person says whether it happened, and only where it did not it is made again."""
    manifest = desk(tmp_path)
    networks_on(scope).run(manifest, TICKET, batch="b")
    begun(scope, "t1-1")
    question = uncertain(scope, manifest)
    assert (question.kind, question.choices) == ("uncertain", ("yes", "no"))
    questions = Questions(scope)
    if answer is None:
        questions.decide(question.id, Verdict.REJECTED)
    else:
        questions.decide(question.id, Verdict.ANSWERED, value=answer)
    run = networks_on(scope).run(manifest, TICKET, batch="b").runs[0]
    assert (said(run), paid(tmp_path)) == (says, payments)


@on_sqlite
def test_every_time_it_is_not_known_is_asked_anew(scope: Scope, tmp_path: Path) -> None:
    """That a call had not happened the first time says nothing of the second: whoever died there again asks again."""
    manifest = desk(tmp_path)
    networks_on(scope).run(manifest, TICKET, batch="b")
    begun(scope, "t1-1")
    first = uncertain(scope, manifest)
    Questions(scope).decide(first.id, Verdict.ANSWERED, value="no")
    networks_on(scope).run(manifest, TICKET, batch="b")
    begun(scope, "t1-1")
    second = uncertain(scope, manifest)
    assert second.id != first.id
    assert paid(tmp_path) == ["12", "12"]
    assert [entry.kind for entry in scope.ledger.tail(100)].count("tool.called") == 2
