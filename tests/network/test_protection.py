"""Protection on the way in: clean texts, and personal data as the manifest wants it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic_ai.messages import ToolCallPart
from tests.network.desks import OneModel
from tests.network.speaking import Heard, Speaking

from stemma import Prompt
from stemma.core.errors import InvalidData, InvalidInput, NotConfigured, Refused
from stemma.core.trust import INTERNAL, UNTRUSTED
from stemma.guard.text import Treatment
from stemma.guard.vault import Vault
from stemma.ledger.scope import Scope
from stemma.network import Manifest, Networks, RunStatus, ToolSpec, define_agent, define_network, load_manifest
from stemma.network.protection import Protects, Shield
from stemma.network.tools.tool import Effect
from stemma.registry.contents import Contents
from stemma.registry.prompts import Prompts

on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
NAMES = Protects(fields={"name": Treatment.TOKENISE, "address": Treatment.REDACT})


def desk(folder: Path, protects: Protects | None = None) -> Manifest:
    (folder / "tools.py").write_text(
        "def look() -> dict:\n    'Looks.'\n    return {'name': 'Erika', 'note': 'hid\\u200bden'}\n"
    )
    look = ToolSpec("look", "python", {"function": "tools.py:look"}, effect=Effect.READ, label=UNTRUSTED)
    clerk = define_agent(
        "clerk", Prompt("clerk: read {{name}} {{ticket}}."), reads=["name", "ticket"], writes="said", tools=("look",)
    )
    manifest = define_network(
        "desk",
        inputs=["name", "ticket"],
        agents=[clerk],
        flow=["clerk"],
        model="speaking",
        tools=(look,),
        folder=folder,
    )
    return replace(manifest, protects=protects)


def clerk(heard: Heard) -> object:
    return json.dumps(heard.told) if heard.told else ToolCallPart("look", {})


def networks(scope: Scope, vault: Vault | None = None) -> tuple[Networks, Speaking]:
    model = Speaking({"clerk": clerk})
    return Networks(scope, Prompts(scope, Contents()), OneModel(model), vault=vault), model


@on_sqlite
def test_what_deceives_is_gone_before_anything_is_written(scope: Scope, tmp_path: Path) -> None:
    """Invisible characters and terminal escapes of inputs and of results are nowhere in the store."""
    here, _ = networks(scope)
    [run] = here.run(desk(tmp_path), [{"name": "A\u200bda", "ticket": "pay\x1b[2J"}]).runs
    assert run.request == {"name": "Ada", "ticket": "pay"}
    assert run.outcome is not None
    assert "hidden" in run.outcome.values["said"]


@on_sqlite
def test_fields_become_tokens_that_only_the_vault_turns_back(scope: Scope, tmp_path: Path) -> None:
    """A name is a token wherever it comes in, in inputs and in what tools return, the same one for the same name."""
    vault = Vault(scope, tmp_path / "keys")
    here, model = networks(scope, vault)
    [run] = here.run(desk(tmp_path, NAMES), [{"name": "Erika", "ticket": "hello"}]).runs
    token = run.request["name"]
    assert token.startswith("pii_name_")
    assert "Erika" not in str(model.heard)
    assert run.outcome is not None
    assert token in run.outcome.values["said"]
    assert vault.reveal(token, "desk").value == "Erika"


@on_sqlite
def test_kind_that_is_blocked_is_refused(scope: Scope, tmp_path: Path) -> None:
    """A task whose input holds what may not come in is not begun; a tool's result that does is a failure."""
    here, _ = networks(scope)
    with pytest.raises(Refused, match="name"):
        here.run(desk(tmp_path, Protects(fields={"name": Treatment.BLOCK})), [{"name": "Ada", "ticket": "x"}])
    assert here.ls() == []


@on_sqlite
def test_result_that_is_blocked_is_a_failure(scope: Scope, tmp_path: Path) -> None:
    """What a tool returned is told to nobody when a kind of it may not come in."""
    here, _ = networks(scope)
    [run] = here.run(desk(tmp_path, Protects(fields={"note": Treatment.BLOCK})), [{"name": "Ada", "ticket": "x"}]).runs
    assert run.status is RunStatus.COMPLETED
    assert run.outcome is not None
    assert "is not let in" in run.outcome.values["said"]
    assert "hidden" not in run.outcome.values["said"]


@on_sqlite
def test_tokens_need_a_vault(scope: Scope, tmp_path: Path) -> None:
    """Without one the task is refused before anything is written."""
    here, _ = networks(scope)
    with pytest.raises(NotConfigured, match="without a vault"):
        here.run(desk(tmp_path, NAMES), [{"name": "Ada", "ticket": "x"}])


def test_input_that_is_too_large_is_refused() -> None:
    """With its size and the limit."""
    with pytest.raises(InvalidInput, match="2,000,000"):
        Shield("desk", None, None).item({"ticket": "x" * 2_000_001}, {"ticket": UNTRUSTED})


def test_what_we_wrote_is_left_alone() -> None:
    """Only strangers' texts are cleaned."""
    assert Shield("desk", None, None).item({"a": "x\u200by"}, {"a": INTERNAL}) == {"a": "x\u200by"}


@pytest.mark.parametrize(
    ("written", "problem"),
    [("{kinds: {emial: redact}}", "did you mean 'email'"), ("{fields: {name: hide}}", "cannot be 'hide'")],
)
def test_manifest_names_what_there_is(tmp_path: Path, written: str, problem: str) -> None:
    """A kind or a treatment that there is not is refused with its line."""
    (tmp_path / "p.prompt").write_text("read {{ticket}}")
    (tmp_path / "stemma.yaml").write_text(
        f"network: desk\ninputs: [ticket]\nprotect: {written}\n"
        "agents:\n  a: {prompt: p.prompt, reads: [ticket], writes: b}\npipeline: [a]\n"
    )
    with pytest.raises(InvalidData, match=f":3: .*{problem}"):
        load_manifest(tmp_path / "stemma.yaml")
