"""Roles that an orchestrator makes up at run time: what they are told, what they may do, and what is kept of them."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.messages import ToolCallPart
from sqlalchemy import select
from tests.network.speaking import Breaks, Heard, Says, Speaking, speaking_on

from stemma import Prompt
from stemma.cli.messages import print_message
from stemma.core.digests import digest
from stemma.core.trust import INTERNAL, TRUSTED, UNTRUSTED, Integrity, TrustLabel
from stemma.ledger.scope import Scope
from stemma.network import (
    Effect,
    Hierarchy,
    Manifest,
    Message,
    Networks,
    Run,
    RunStatus,
    Step,
    ToolSpec,
    define_agent,
    define_network,
)
from stemma.registry.candidates import Candidates, Status
from stemma.registry.contents import Contents
from stemma.registry.prompts import Prompts
from stemma.registry.sessions import Sessions
from stemma.store.schema import sessions

on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)

CASE = {"case": "a house in Spain"}
TOOLS = """
def look(place: str) -> str:
    '''Looks something up.'''
    return f"seen {place}"

def pay(place: str) -> str:
    '''Pays.'''
    return "paid"
"""


def crew(folder: Path, *, label: TrustLabel = UNTRUSTED, **changed: Any) -> Manifest:
    """A lead that makes up roles for `expert`, beside one worker, and a writer who merges."""
    (folder / "tools.py").write_text(TOOLS)
    flow = Hierarchy("crew", "lead", (Step("clerk"),), merge="writer", spawn="expert", **changed)
    specs = [
        ToolSpec(name, "python", {"function": f"tools.py:{name}"}, effect, TRUSTED)
        for name, effect in (("look", Effect.READ), ("pay", Effect.SPEND))
    ]
    agents = [
        define_agent("lead", Prompt("lead: split."), reads=["case"], writes="split", model="writing"),
        define_agent("clerk", Prompt("clerk: act."), reads=["case"], writes="note"),
        define_agent(
            "expert",
            Prompt("expert: advise."),
            reads=["case"],
            writes="advice",
            tools=("look", "pay"),
            capabilities=("advice",),
        ),
        define_agent("writer", Prompt("writer: merge."), reads=["advice", "note", "crew_roles"], writes="letter"),
    ]
    return define_network(
        "house",
        inputs={"case": label},
        agents=agents,
        flow=flow,
        model="speaking",
        tools=tuple(specs),
        folder=folder,
    )


def role(name: str, *tools: str, brief: str = "say what is due") -> dict[str, Any]:
    return {"role": name, "brief": brief, **({"tools": list(tools)} if tools else {})}


def says(split: Any, **others: Says) -> dict[str, Says]:
    """What each agent says; an expert repeats what its role is."""

    def expert(heard: Heard) -> str:
        found = re.search(r"Your role is (\S+)\.", heard.system)
        return f"advice of {found[1] if found else 'nobody'}"

    return {"lead": lambda _: split, "clerk": lambda _: "noted", "expert": expert, "writer": lambda _: "done"} | others


def ran(scope: Scope, manifest: Manifest, script: Mapping[str, Says]) -> tuple[Networks, Run, Speaking]:
    model = Speaking(script)
    networks = speaking_on(scope, model)
    return networks, networks.run(manifest, [CASE]).runs[0], model


def sent_to(networks: Networks, run: Run, agent: str) -> list[Message]:
    return [one.message for one in networks.show(run.id).messages if one.message.recipient == agent]


def events(scope: Scope, kind: str) -> list[Mapping[str, Any]]:
    return [entry.data for entry in scope.ledger.tail(1000) if entry.kind == kind]


def test_made_up_roles_answer_beside_the_workers(scope: Scope, tmp_path: Path) -> None:
    """Each acts by its brief; their answers are a list, known by role too, and whoever merges reads both."""
    split = [role("tax-expert"), {"agent": "clerk", "brief": "note it"}, role("notary")]
    networks, run, _ = ran(scope, crew(tmp_path), says(split))
    assert run.outcome is not None
    assert run.outcome.values["advice"] == ["advice of tax-expert", "advice of notary"]
    assert run.outcome.values["crew_roles"] == {
        "tax-expert": "advice of tax-expert",
        "notary": "advice of notary",
    }
    [merged] = sent_to(networks, run, "writer")
    assert set(merged.data) == {"advice", "note", "crew_roles", "missing"}
    by_id = sorted(sent_to(networks, run, "expert"), key=lambda message: message.id)
    assert [message.role for message in by_id] == ["tax-expert", "notary"]


def test_role_is_recorded_before_it_runs(scope: Scope, tmp_path: Path) -> None:
    """Its prompt is a candidate with author, model, parent and label, and an event says who made it up with which tools."""
    networks, run, _ = ran(scope, crew(tmp_path), says([role("notary", "look")]))
    [event] = events(scope, "role.spawned")
    candidates, kept = Candidates(scope, Contents()), Sessions(scope)
    candidate = candidates.get(event["candidate"])
    assert event == {
        "role": digest("notary"),
        "by": "lead",
        "agent": "expert",
        "candidate": candidate.id,
        "tools": ["look"],
        "label": event["label"],
    }
    assert TrustLabel.from_json(event["label"]).integrity is Integrity.UNTRUSTED
    assert (candidate.operator, candidate.status) == ("role", Status.STORED)
    assert candidates.get(candidate.parents[0]).digest == Prompt("expert: advise.").digest
    session = kept.get(candidate.session)
    assert session.model == "writing"
    assert session.trust.integrity is Integrity.UNTRUSTED
    assert session.parameters == {"message": f"{run.id}.1", "agent": "expert", "role": "notary", "tools": ["look"]}
    generator = kept.generator(session.generator)
    assert (generator.name, generator.body["prompt"]) == ("house/lead", Prompt("lead: split.").digest)
    kinds = [(entry.kind, entry.data.get("prompt")) for entry in scope.ledger.tail(1000)]
    kinds = kinds if kinds[0][0] != "run.finished" else kinds[::-1]
    assert kinds.index(("role.spawned", None)) < kinds.index(("model.called", candidate.digest))
    [asked] = sent_to(networks, run, "expert")
    assert asked.parts[0].value["digest"] == candidate.digest


@on_sqlite
def test_role_has_the_tools_that_it_was_given_and_no_other(scope: Scope, tmp_path: Path) -> None:
    """By default none. A tool that its agent holds and the role was not given is not offered, and not called."""

    def expert(heard: Heard) -> Any:
        return f"told {heard.told[-1]}" if heard.told else ToolCallPart("pay", {"place": "Spain"})

    split = [role("notary", "look"), role("judge")]
    _, run, model = ran(scope, crew(tmp_path), says(split, expert=expert))
    assert sorted({heard.tools for heard in model.heard if heard.agent == "expert"}) == [(), ("look",)]
    assert run.outcome is not None
    assert sorted(run.outcome.values["advice"]) == [
        "told error: there is no tool 'pay'; there are: look",
        "told error: there is no tool 'pay'; there are: none",
    ]
    assert not events(scope, "tool.called")


@on_sqlite
def test_asking_a_colleague_is_passed_on_like_any_tool(scope: Scope, tmp_path: Path) -> None:
    """A role asks its agent's colleagues when it was given `ask`, and does not when it was not."""
    agents = [
        define_agent("lead", Prompt("lead: split."), reads=["case"], writes="split"),
        define_agent("expert", Prompt("expert: advise."), reads=["case"], writes="advice", asks=("court",)),
        define_agent("court", Prompt("court: rule."), reads=["question"], writes="ruling"),
    ]
    flow = Hierarchy("crew", "lead", (), spawn="expert")
    manifest = define_network("house", inputs=["case"], agents=agents, flow=flow, model="speaking", folder=tmp_path)

    def expert(heard: Heard) -> Any:
        return f"told {heard.told[-1]}" if heard.told else ToolCallPart("ask", {"agent": "court", "question": "may I?"})

    script = says([role("notary", "ask"), role("judge")], expert=expert, court=lambda _: "you may")
    networks, run, _ = ran(scope, manifest, script)
    assert run.outcome is not None
    assert run.outcome.values["crew_roles"] == {
        "notary": "told you may",
        "judge": "told error: there is no tool 'ask'; there are: none",
    }
    assert len(sent_to(networks, run, "court")) == 1


@on_sqlite
@pytest.mark.parametrize(
    ("split", "told"),
    [
        (
            [role("notary", "rob")],
            "role 'notary' is given tool 'rob', which 'expert' does not hold; it can pass on look, pay",
        ),
        ([role("clerk")], "role 'clerk' of hierarchy 'crew' has a name that is taken"),
        ([role("expert")], "role 'expert' of hierarchy 'crew' has a name that is taken"),
        ([role("notary"), role("notary")], "role 'notary' of hierarchy 'crew' has a name that is taken"),
        ([role("The Notary")], "'The Notary' is no role"),
        ([role("notary", brief=" ")], "role 'notary' has no brief"),
        ([{"role": "notary", "brief": "act", "tools": "look"}], "'tools' of role 'notary' are 'look', not a list"),
        ([role(f"role-{number}") for number in range(9)], "into 9 assignments, over its fan_out of 8"),
    ],
)
def test_split_that_goes_too_far(scope: Scope, tmp_path: Path, split: Any, told: str) -> None:
    """A role with a tool beyond its agent's, or a name that is none or taken, fails the task before anybody works."""
    networks, run, _ = ran(scope, crew(tmp_path), says(split))
    assert run.status is RunStatus.FAILED
    assert run.outcome is not None
    assert told in str(run.outcome.reason)
    assert not sent_to(networks, run, "expert")


@on_sqlite
@pytest.mark.parametrize(
    ("tools", "label", "instructs"),
    [((), UNTRUSTED, True), (("look",), UNTRUSTED, True), (("pay",), UNTRUSTED, False), (("pay",), INTERNAL, True)],
)
def test_strangers_words_instruct_no_role_with_an_effect(
    scope: Scope, tmp_path: Path, tools: tuple[str, ...], label: TrustLabel, instructs: bool
) -> None:
    """What counts is what the role may call, not what its agent could: an untrusted brief beside an effect stays data."""
    networks, run, _ = ran(scope, crew(tmp_path, label=label), says([role("notary", *tools)]))
    [asked] = sent_to(networks, run, "expert")
    assert ("brief" in asked.data) is not instructs
    [event] = events(scope, "role.spawned")
    assert (event["candidate"] is not None) is instructs
    persona = asked.parts[0]
    assert (persona.value["role"], persona.value["tools"]) == ("notary", list(tools))
    assert (persona.value["digest"] == Prompt("expert: advise.").digest) is not instructs
    assert persona.label.integrity is (Integrity.TRUSTED if not instructs else label.integrity)


def test_role_is_made_up_once_whatever_dies(scope: Scope, tmp_path: Path) -> None:
    """Taken up again after a crash, the task goes on with the candidate and the message that it had."""
    expert = Breaks(lambda _: "advice")
    networks = speaking_on(scope, Speaking(says([role("notary", "look")], expert=expert)))
    with pytest.raises(RuntimeError, match="the process died here"):
        networks.run(crew(tmp_path), [CASE])
    [run] = networks.run(crew(tmp_path), [CASE]).runs
    assert run.status is RunStatus.COMPLETED
    [event] = events(scope, "role.spawned")
    [asked] = sent_to(networks, run, "expert")
    assert asked.parts[0].value["prompt"] == f"candidate {event['candidate']}"
    with scope.read() as connection:
        assert len(connection.execute(select(sessions)).all()) == 1


@on_sqlite
def test_role_without_an_answer_is_missing_under_its_name(scope: Scope, tmp_path: Path) -> None:
    """The others' answers go on, and the one that is missing is told by the name of its role."""

    def expert(heard: Heard) -> str:
        return "" if "judge" in heard.system else "advice"

    _, run, _ = ran(scope, crew(tmp_path), says([role("notary"), role("judge")], expert=expert))
    assert run.outcome is not None
    assert run.outcome.values["crew_roles"] == {"notary": "advice"}
    assert run.outcome.values["advice"] == ["advice"]
    assert run.outcome.values["crew_missing"][0].startswith("judge: ")


@on_sqlite
def test_lead_is_told_what_it_may_make_up(scope: Scope, tmp_path: Path) -> None:
    """Beside the workers it reads what whoever plays a new role can do, and the tools of which it may be given some."""
    networks, run, _ = ran(scope, crew(tmp_path), says([role("notary")]))
    [asked] = sent_to(networks, run, "lead")
    assert asked.data["workers"] == [
        {"agent": "clerk", "capabilities": []},
        {"role": "any new name", "capabilities": ["advice"], "tools": ["look", "pay"]},
    ]


@on_sqlite
def test_run_is_shown_with_its_roles(scope: Scope, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever looks at a run reads which role a message was for."""
    networks, run, _ = ran(scope, crew(tmp_path), says([role("notary")]))
    for message in sent_to(networks, run, "expert"):
        print_message(message)
    assert "lead → expert as notary" in capsys.readouterr().out


def test_nothing_machine_written_runs_unrecorded(scope: Scope, tmp_path: Path) -> None:
    """Every prompt that a model is called with is a version, a manifest's own, or a candidate whose session has its author."""
    prompts = Prompts(scope, Contents())
    version = prompts.save("house/clerk", Prompt("clerk: act by the book."))
    prompts.label("house/clerk", version.version, "production")
    (tmp_path / "writer.json").write_bytes(Prompt("writer: merge.").canonical)
    agents = [
        define_agent("lead", Prompt("lead: split."), reads=["case"], writes="split"),
        define_agent("clerk", "prompts:/house/clerk@production", reads=["case"], writes="note"),
        define_agent("expert", Prompt("expert: advise."), reads=["case"], writes="advice"),
        define_agent("writer", "writer.json", reads=["advice", "note"], writes="letter"),
    ]
    flow = Hierarchy("crew", "lead", (Step("clerk"),), merge="writer", spawn="expert")
    manifest = define_network("house", inputs=["case"], agents=agents, flow=flow, model="speaking", folder=tmp_path)
    split = [role("notary"), {"agent": "clerk", "brief": "note it"}, role("judge", brief="judge it")]
    _, run, _ = ran(scope, manifest, says(split))
    assert run.status is RunStatus.COMPLETED
    written = {Prompt("lead: split.").digest, Prompt("expert: advise.").digest, Prompt("writer: merge.").digest}
    candidates, kept = Candidates(scope, Contents()), Sessions(scope)
    called = [event["prompt"] for event in events(scope, "model.called")]
    assert len(called) == 5
    of_machines = [one for one in called if one not in {version.digest, *written}]
    assert len(of_machines) == 3
    for one in of_machines:
        [candidate] = candidates.of_digest(one)
        author = kept.generator(kept.get(candidate.session).generator)
        assert (author.name, author.body["prompt"]) == ("house/lead", Prompt("lead: split.").digest)
        assert candidate.parents
