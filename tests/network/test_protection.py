"""Protection on the way in: clean texts, and personal data as the manifest wants it."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic_ai.messages import ToolCallPart
from tests.network.desks import OneModel
from tests.network.speaking import Heard, Speaking

from stemma import Prompt
from stemma.core.errors import InvalidData, InvalidInput, NotConfigured, Refused
from stemma.core.trust import INTERNAL, UNTRUSTED
from stemma.guard.ruling import Clearance
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


def test_missing_detector_shows_before_anything_is_done() -> None:
    """Where personal data is to be found in what leaves, and the extra is not there, no task is begun; own kinds need none."""
    script = """
import sys
sys.modules["presidio_analyzer"] = None
from stemma.core.errors import NotConfigured
from stemma.network.protection import Protects, Shield
from stemma.guard.text import Treatment
assert Shield("d", Protects({"secret": Treatment.REDACT}), None).item({}, {}) == {}
try:
    Shield("d", Protects(out={"email": Treatment.BLOCK}), None).item({}, {})
except NotConfigured as error:
    print(error)
"""
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert told.count("\n") == 1
    assert "pip install 'stemma-ai[pii]'" in told


def test_input_that_is_too_large_is_refused() -> None:
    """With its size and the limit."""
    with pytest.raises(InvalidInput, match="2,000,000"):
        Shield("desk", None, None).item({"ticket": "x" * 2_000_001}, {"ticket": UNTRUSTED})


def test_what_we_wrote_is_left_alone() -> None:
    """Only strangers' texts are cleaned."""
    assert Shield("desk", None, None).item({"a": "x\u200by"}, {"a": INTERNAL}) == {"a": "x\u200by"}


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("{kinds: {emial: redact}}", "did you mean 'email'"),
        ("{fields: {name: hide}}", "cannot be 'hide'"),
        ("{fields: {name: redact}, out: {nmae: block}}", "'out' names 'nmae', .*did you mean 'name'"),
        ("{out: {secret: hide}}", "cannot be 'hide'"),
    ],
)
def test_manifest_names_what_there_is(tmp_path: Path, written: str, problem: str) -> None:
    """A kind, a field or a treatment that there is not is refused with its line."""
    with pytest.raises(InvalidData, match=f":3: .*{problem}"):
        load_manifest(manifest(tmp_path, written))


def test_manifest_says_what_becomes_of_what_leaves(tmp_path: Path) -> None:
    """By kind and by field; a tool's clearance may name a category alone."""
    tool = "{python: 'tools.py:look', clearance: {categories: [pii]}}"
    path = manifest(tmp_path, "{fields: {name: tokenise}, out: {jwt: keep, name: redact}, tenant: acme}", tool)
    read = load_manifest(path)
    assert read.protects == Protects(
        fields={"name": Treatment.TOKENISE}, tenant="acme", out={"jwt": Treatment.KEEP, "name": Treatment.REDACT}
    )
    [spec] = read.tools
    assert spec.clearance == Clearance(categories=frozenset({"pii"}))


def manifest(folder: Path, protect: str, tool: str | None = None) -> Path:
    """A network that protects so; its agent has that tool."""
    (folder / "p.prompt").write_text("read {{ticket}}")
    (folder / "stemma.yaml").write_text(
        f"network: desk\ninputs: [ticket]\nprotect: {protect}\n"
        f"agents:\n  a: {{prompt: p.prompt, reads: [ticket], writes: b{', tools: [look]' if tool else ''}}}\n"
        f"pipeline: [a]\n{f'tools: {{look: {tool}}}' if tool else ''}\n"
    )
    return folder / "stemma.yaml"
