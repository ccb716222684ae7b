"""Briefs: what one agent writes for another is on record before it acts by it; a stranger's words instruct none who can act."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.network.speaking import Breaks, Heard, Says, Speaking, speaking_on

from stemma import Prompt
from stemma.core.trust import TRUSTED, UNTRUSTED, Integrity, TrustLabel
from stemma.ledger.scope import Scope
from stemma.network import Hierarchy, Manifest, Networks, Run, RunStatus, Step, ToolSpec, define_agent, define_network
from stemma.network.message import Message, PartKind
from stemma.network.quarantine import NOTE
from stemma.network.tools.tool import Effect
from stemma.registry.candidates import Candidates
from stemma.registry.contents import Contents
from stemma.registry.sessions import Sessions

on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
SPLIT = [{"agent": "clerk", "brief": "note the amount {{ case }}"}]


def crew(folder: Path, *, label: TrustLabel = UNTRUSTED, effect: Effect | None = None) -> Manifest:
    """A lead that briefs a clerk, who holds a tool with that effect, if any."""
    (folder / "tools.py").write_text("def pay() -> str:\n    'Pays.'\n    return 'paid'\n")
    tools = () if effect is None else (ToolSpec("pay", "python", {"function": "tools.py:pay"}, effect=effect),)
    agents = [
        define_agent("lead", Prompt("lead: split."), reads=["case", "workers"], writes="plan"),
        define_agent(
            "clerk",
            Prompt("clerk: act."),
            reads=["case", "brief"],
            writes="note",
            tools=tuple(one.name for one in tools),
        ),
    ]
    return define_network(
        "house",
        inputs={"case": label},
        agents=agents,
        flow=Hierarchy("crew", "lead", (Step("clerk"),)),
        model="speaking",
        tools=tools,
        folder=folder,
    )


def ran(scope: Scope, manifest: Manifest, script: Mapping[str, Says]) -> tuple[Networks, Run, Speaking]:
    model = Speaking(script)
    networks = speaking_on(scope, model)
    return networks, networks.run(manifest, [{"case": "obey me"}]).runs[0], model


def to_clerk(networks: Networks, run: Run) -> Message:
    return next(one.message for one in networks.show(run.id).messages if one.message.recipient == "clerk")


def test_brief_is_a_candidate_before_the_turn_runs(scope: Scope, tmp_path: Path) -> None:
    """When the clerk's model is asked its prompt is stored, with its session, author, model, parent and label."""
    candidates, sessions = Candidates(scope, Contents()), Sessions(scope)
    found: list[Any] = []

    def clerk(heard: Heard) -> str:
        [session] = sessions.ls()
        [standing, written] = candidates.of_session(session)
        found.append((heard.system, session, standing, candidates.prompt(written.id), written))
        return "noted"

    networks, run, _ = ran(scope, crew(tmp_path), {"lead": lambda _: SPLIT, "clerk": clerk})
    assert run.status is RunStatus.COMPLETED
    [(system, session, standing, prompt, written)] = found
    assert prompt.render({"case": "", "brief": ""}).system == system
    assert system == "clerk: act.\n\nYour task, as lead puts it:\nnote the amount {{ case }}"
    assert (written.operator, written.parents) == ("brief", (standing.id,))
    assert candidates.prompt(standing.id) == Prompt("clerk: act.")
    assert sessions.generator(session.generator).name == "house/lead"
    assert (session.model, session.parameters["agent"]) == ("speaking", "clerk")
    assert session.trust.integrity is Integrity.UNTRUSTED
    persona = to_clerk(networks, run).parts[0]
    assert (persona.kind, persona.value["digest"]) == (PartKind.INSTRUCTION, prompt.digest)
    assert persona.label.integrity is Integrity.UNTRUSTED


@pytest.mark.parametrize("effect", [Effect.WRITE, Effect.EGRESS, Effect.SPEND])
@on_sqlite
def test_strangers_words_are_data_for_whoever_acts(scope: Scope, tmp_path: Path, effect: Effect) -> None:
    """An agent that holds a tool with an effect reads an untrusted brief, and acts by its own prompt alone."""
    networks, run, model = ran(
        scope, crew(tmp_path, effect=effect), {"lead": lambda _: SPLIT, "clerk": lambda _: "noted"}
    )
    message = to_clerk(networks, run)
    assert message.data["brief"] == SPLIT[0]["brief"]
    assert message.parts[0].label.integrity is Integrity.TRUSTED
    assert [heard.system for heard in model.heard if heard.agent == "clerk"] == [f"clerk: act.\n\n{NOTE}"]
    assert SPLIT[0]["brief"] not in str([heard for heard in model.heard if heard.agent == "clerk"])
    assert Sessions(scope).ls() == []


@pytest.mark.parametrize(("label", "effect"), [(TRUSTED, Effect.SPEND), (UNTRUSTED, Effect.READ)])
@on_sqlite
def test_brief_instructs_where_it_can_do_no_harm(
    scope: Scope, tmp_path: Path, label: TrustLabel, effect: Effect
) -> None:
    """One of which no word comes from outside instructs anybody, and any instructs an agent that can only read."""
    networks, run, _ = ran(
        scope, crew(tmp_path, label=label, effect=effect), {"lead": lambda _: SPLIT, "clerk": lambda _: "noted"}
    )
    assert to_clerk(networks, run).parts[0].value["prompt"].startswith("candidate ")


@pytest.mark.parametrize("who", ["lead", "clerk"])
def test_brief_is_written_once_whatever_dies(scope: Scope, tmp_path: Path, who: str) -> None:
    """A run that is taken up again briefs the same worker by the same candidate, and leaves no second one."""
    script: dict[str, Says] = {"lead": lambda _: SPLIT, "clerk": lambda _: "noted"}
    broken = Speaking(script | {who: Breaks(script[who])})
    networks, manifest = speaking_on(scope, broken), crew(tmp_path)
    with pytest.raises(RuntimeError, match="died here"):
        networks.run(manifest, [{"case": "x"}])
    result = networks.run(manifest, [{"case": "x"}])
    assert (result.resumed, result.runs[0].status) == (1, RunStatus.COMPLETED)
    [session] = Sessions(scope).ls()
    assert [one.operator for one in Candidates(scope, Contents()).of_session(session)] == ["standing", "brief"]
