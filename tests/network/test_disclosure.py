"""What a cleared tool is told in clear, and nobody else."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic_ai.messages import ToolCallPart
from tests.network.clerks import STRANGE, TOOLS, Desk, mail, opened

from stemma.guard.vault import Vault
from stemma.ledger.scope import Scope
from stemma.network import RunStatus, Verdict
from stemma.network.questions import Questions

on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)


@pytest.fixture
def desk(scope: Scope, tmp_path: Path) -> Desk:
    return Desk(scope, tmp_path)


def test_cleared_tool_gets_what_stands_behind_a_token(desk: Desk) -> None:
    """It is handed the name; the agent, the answer, the log and the question to nobody have the token alone."""
    run = desk.run(mail("NAME", "Dear NAME"))
    assert desk.got == [{"to": "Erika", "body": "Dear Erika"}]
    assert run.outcome is not None
    assert run.outcome.status is RunStatus.COMPLETED
    token = run.request["name"]
    assert f"sent to {token}" in run.outcome.values["said"], "it came back in capitals"
    assert "erika" not in str([run.outcome, desk.model.heard]).lower()
    [revealed] = desk.told("vault.revealed")
    assert (revealed["tool"], revealed["arguments"], revealed["revealed"]) == ("mail", ["to", "body"], 1)
    assert "erika" not in str(desk.scope.ledger.tail(1000)).lower()


@on_sqlite
def test_other_tools_get_the_token(desk: Desk) -> None:
    """Without a clearance that says so, nothing is turned back."""
    desk.run(mail("NAME", "x"), cleared={})
    [got] = desk.got
    assert got["to"].startswith("pii_name_")
    assert desk.told("vault.revealed") == []


@on_sqlite
def test_what_a_cleared_tool_returns_asks_a_person_before_it_goes_on(desk: Desk) -> None:
    """Its result is of the category, whatever is left of it: a tool that is not cleared gets it by approval alone."""
    run = desk.run(ToolCallPart("find", {"name": "NAME"}), ToolCallPart("post", {"text": "found"}))
    assert desk.got == [{"find": "Erika"}]
    [asked] = desk.networks.questions.ls(run=run.id)
    assert asked.question.facts["tool"] == "post"
    assert asked.question.facts["confidential"] == {"text": ["pii"]}


@on_sqlite
def test_call_without_tokens_asks_nobody(desk: Desk) -> None:
    """A cleared tool that was told nothing returns nothing personal."""
    run = desk.run(ToolCallPart("find", {"name": "7"}), ToolCallPart("post", {"text": "found"}))
    assert run.status is RunStatus.COMPLETED
    assert [*desk.got[1]] == ["text"]


@on_sqlite
def test_failure_of_a_cleared_tool_says_the_token(desk: Desk) -> None:
    """What was told is hidden in why it failed, too."""
    run = desk.run(ToolCallPart("find", {"name": "NAME"}), values={"name": "Nobody", "ticket": "x"})
    assert run.outcome is not None
    assert f"there is no customer {run.request['name']}" in run.outcome.values["said"]


@on_sqlite
def test_erased_text_is_told_to_nobody(desk: Desk) -> None:
    """The call is refused with the way out, and is no call."""
    token = desk.vault.tokens("acme").token("name", "Erika")
    desk.vault.erase("acme")
    run = desk.run(mail(token, "x"))
    assert run.outcome is not None
    assert "argument 'to' was erased; leave it out" in run.outcome.values["said"]
    assert desk.got == []
    assert desk.told("tool.called") == []
    assert "was erased" in desk.told("tool.denied")[0]["reasons"][0]


@on_sqlite
def test_whoever_may_not_reveal_may_not_have_it_done(desk: Desk) -> None:
    """Telling takes the right that `stemma guard reveal` takes, of whoever the process belongs to."""
    run = desk.run(mail("NAME", "x"), vault=Vault(desk.scope.acting_as("agent:desk/other"), desk.folder / "keys"))
    assert run.outcome is not None
    assert "may not approve vault:/acme" in run.outcome.values["said"]
    assert desk.got == []


@on_sqlite
def test_a_person_is_shown_tokens_and_that_they_are_turned_back(desk: Desk) -> None:
    """The approval is for the tokens; what is handed over is what stands behind them."""
    run = desk.run(mail("$h1", "about $h2"), inputs=STRANGE)
    [asked] = desk.networks.questions.ls(run=run.id)
    facts = asked.question.facts
    assert facts["reveals"] == ["to"]
    assert facts["arguments"]["to"].startswith("pii_name_")
    Questions(desk.scope.acting_as("user:bea")).decide(asked.question.id, Verdict.APPROVED)
    run = desk.run(mail("$h1", "about $h2"), inputs=STRANGE)
    assert run.status is RunStatus.COMPLETED
    assert [one["to"] for one in desk.got] == ["Erika"]


@on_sqlite
def test_tool_that_became_cleared_meanwhile_makes_another_call(desk: Desk) -> None:
    """Who approved that a token is handed over has not approved that the text is."""
    run = desk.run(mail("$h1", "x"), inputs=STRANGE, cleared={})
    [asked] = desk.networks.questions.ls(run=run.id)
    assert "reveals" not in asked.question.facts
    Questions(desk.scope.acting_as("user:bea")).decide(asked.question.id, Verdict.APPROVED)
    (desk.folder / "tools.py").write_text(
        "from stemma.guard.ruling import Clearance\nfrom stemma.network.tools import tool\n"
        + TOOLS.replace("def mail", "@tool(clearance=Clearance(categories=frozenset({'pii'})))\ndef mail")
    )
    desk.run(mail("$h1", "x"), inputs=STRANGE, cleared={})
    assert desk.got == []
    assert desk.told("tool.denied")[0]["reasons"] == ["what a person approved is another call than this one"]


@on_sqlite
def test_a_strangers_token_is_only_a_text(desk: Desk) -> None:
    """Whoever was sent a token does not have it turned back by handing it in: a tool gets the very token."""
    token = desk.vault.tokens("acme").token("name", "Berta")
    other = desk.vault.tokens("globex").token("name", "Berta")
    values = {"name": "Erika", "ticket": f"who is {token}, who {other}?"}
    desk.run(mail("NAME", "you wrote: $h1"), values=values)
    [got] = desk.got
    assert token in got["body"]
    assert other in got["body"]
    assert "Berta" not in got["body"]


@on_sqlite
def test_what_stands_behind_a_strangers_token_goes_out_inert(desk: Desk) -> None:
    """A name with markup in it is spelt out where it is handed over, as all that strangers wrote."""
    values = {"name": "<img src=https://evil.example/>", "ticket": "x"}
    desk.run(mail("a@b.c", "$h1"), values=values, inputs=STRANGE)
    [got] = desk.got
    assert "‹img src=hxxps[:]//evil" in got["body"]


def test_call_that_is_made_again_after_a_crash_is_told_the_same(tmp_path: Path) -> None:
    """A process dies in the middle of a call: who is asked whether it happened sees tokens, and the repeat has the text."""
    (tmp_path / "dies").touch()
    script = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2])\n"
        "from tests.network.clerks import Desk, mail, opened\n"
        "Desk(opened(Path(sys.argv[1])), Path(sys.argv[1])).run(mail('NAME', 'Dear NAME'))"
    )
    died = subprocess.run([sys.executable, "-c", script, str(tmp_path), str(Path(__file__).parents[2])], check=False)
    assert died.returncode == 9
    desk = Desk(opened(tmp_path), tmp_path)
    run = desk.run(mail("NAME", "Dear NAME"))
    [asked] = desk.networks.questions.ls(run=run.id)
    assert asked.question.kind == "uncertain"
    assert asked.question.facts["arguments"] == {"to": run.request["name"], "body": f"Dear {run.request['name']}"}
    Questions(desk.scope.acting_as("user:bea")).decide(asked.question.id, Verdict.ANSWERED, value="no")
    assert desk.run(mail("NAME", "Dear NAME")).status is RunStatus.COMPLETED
    assert desk.got == [{"to": "Erika", "body": "Dear Erika"}] * 2
    desk.scope.store.close()
