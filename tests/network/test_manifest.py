"""Reading a manifest: what it says, and what is said about one that cannot work."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.network.desks import MANIFEST

from stemma.core.errors import InvalidData
from stemma.core.trust import INTERNAL, UNTRUSTED, Confidentiality, Integrity
from stemma.network import load_manifest
from stemma.network.agent import Agent, Limits
from stemma.network.flow import Pipeline, Step
from stemma.network.wire import from_json, to_json


def test_manifest_says_who_reads_and_writes_what(desk: Path) -> None:
    """Agents come in the order of the pipeline, with the defaults where the file is silent."""
    manifest = load_manifest(desk / "stemma.yaml")
    assert manifest.name == "support-desk"
    assert manifest.flow == Pipeline("support-desk", tuple(Step(agent.name) for agent in manifest.agents))
    assert manifest.inputs == {"ticket": UNTRUSTED}
    assert [agent.name for agent in manifest.agents] == ["triage", "search", "check", "reply"]
    search, reply = manifest.agents[1], manifest.agents[3]
    assert (search.model, search.reads, search.writes) == ("scripted", ("ticket", "category"), "passage")
    assert search.limits == Limits()
    assert search.knowledge is not None
    assert (search.knowledge.top, search.knowledge.query, search.knowledge.label) == (2, ("ticket",), INTERNAL)
    assert reply.when is not None
    assert reply.when.holds({"answered": " Yes\n"})
    assert not reply.when.holds({"answered": "yes, mostly"})


def test_labels_limits_and_models_can_be_set(desk: Path) -> None:
    """Inputs and folders may carry a label, an agent its own limits and model."""
    text = MANIFEST.replace("inputs: [ticket]", "inputs: {ticket: {confidentiality: secret, categories: [pii]}}")
    text = text.replace(
        "query: [ticket]}", "label: {integrity: trusted}}\n    limits: {timeout: 2.5}\n    model: openai:x"
    )
    (desk / "stemma.yaml").write_text(text)
    manifest = load_manifest(desk / "stemma.yaml")
    label = manifest.inputs["ticket"]
    assert (label.integrity, label.confidentiality) == (Integrity.UNTRUSTED, Confidentiality.SECRET)
    assert label.categories == {"pii"}
    search = manifest.agents[1]
    assert (search.model, search.limits.timeout) == ("openai:x", 2.5)
    assert search.knowledge is not None
    assert search.knowledge.label.integrity is Integrity.TRUSTED
    assert search.knowledge.query == ("ticket", "category")


def test_agent_survives_json(desk: Path) -> None:
    """What is pinned of an agent says all that the manifest said."""
    for agent in load_manifest(desk / "stemma.yaml").agents:
        assert from_json(Agent, to_json(agent)) == agent


@pytest.mark.parametrize(
    ("change", "line", "message"),
    [
        (lambda text: text.replace("model:", "modell:"), 2, "no key 'modell' (did you mean 'model'?)"),
        (lambda text: text.replace("writes: category", "writes: category, raeds: x"), 5, "did you mean 'reads'?"),
        (lambda text: text.replace("check, reply]", "chek, reply]"), 18, "'chek', which is not described"),
        (lambda text: text.replace("check, reply]", "check, check]"), 18, "names agent 'check' twice"),
        (lambda text: text.replace("check, reply]", "check]"), 18, "never reaches agent 'reply'"),
        (lambda text: text.replace("[ticket, category]", "[tiket]"), 9, "searches for 'ticket'"),
        (
            lambda text: text.replace("reads: [ticket, passage], writes: a", "reads: [pasage], writes: a"),
            11,
            "'pasage'",
        ),
        (lambda text: text.replace("[triage, search,", "[search, triage,"), 8, "move 'triage' before it"),
        (
            lambda text: text.replace("reads: [ticket], writes", "reads: [ticket, answered], writes"),
            5,
            "in a cycle: triage → search → check → triage",
        ),
        (lambda text: text.replace("writes: reply", "writes: category"), 15, "what agent 'triage' writes"),
        (lambda text: text.replace("writes: reply", "writes: ticket"), 15, "which is an input"),
        (lambda text: text.replace("writes: reply", "writes: context"), 15, "'context' is taken"),
        (lambda text: text.replace("{answered: yes}", "{anwsered: yes}"), 16, "did you mean 'answered'?"),
        (lambda text: text.replace("    otherwise: no passage answers the ticket\n", ""), 13, "both 'when' and 'oth"),
        (lambda text: text.replace("check.json", "chek.json"), 11, "there is no file 'chek.json'"),
        (lambda text: text.replace("@production", ""), 5, "'prompt' of agent 'triage'"),
        (lambda text: text.replace("help-centre", "help-center"), 9, "there is no folder 'help-center'"),
        (lambda text: text.replace("top: 2", "top: 0"), 9, "whole number above 0"),
        (lambda text: text.replace("support-desk", "Support desk"), 1, "lower-case"),
        (
            lambda text: text.replace("  triage:", "  caller:").replace("[triage", "[caller"),
            5,
            "no agent can be called",
        ),
        (lambda text: text.replace("inputs: [ticket]", "inputs: []"), 3, "at least one input"),
        (lambda text: text.replace("inputs: [ticket]", "inputs: {ticket: {integrity: low}}"), 3, "no level of a label"),
        (lambda text: text + "network: twice\n", 19, "the key 'network' twice"),
        (lambda text: text + "  - [", None, "not valid YAML"),
        (lambda text: "", None, "is empty"),
        (lambda text: "- a list", 1, "must be a mapping"),
        (lambda text: text.replace("[ticket, category]", "[ticket, category, context]"), 8, "it is given by itself"),
        (lambda text: text.replace("reads: [ticket]", 'reads: [ticket, "ticket?"]'), 5, "names 'ticket' twice"),
        (lambda text: text.replace("reads: [ticket]", "reads: []"), 5, "reads nothing"),
        (lambda text: text.replace("prompt: check.json,", ""), 11, "needs a key 'prompt', or 'calls'"),
        (lambda text: text.replace("prompt: check.json,", "prompt: check.json, calls: x,"), 11, "no use for 'prompt'"),
        (lambda text: text.replace("model: scripted", 'model: "scripted,"'), 5, "with a comma between two"),
        (
            lambda text: text.replace("writes: category}", "writes: category, settings: {scriptd: {}}}"),
            5,
            "'scripted'?",
        ),
        (
            lambda text: text.replace("writes: category}", "writes: category, memory: {scope: x, keeps: [pasage]}}"),
            5,
            "keeps 'pasage', which the agent does not read or write",
        ),
        (lambda text: text + "bounds: {deep: 4}\n", 19, "bounds has no key 'deep' (did you mean 'depth'?)"),
        (lambda text: text + "bounds: {seconds: 1w}\n", 19, "like 90s, 30m, 2h or 3d, or seconds, not '1w'"),
        (lambda text: text + "inbox: 0\n", 19, "whole number above 0"),
        (lambda text: text + "flow: triage\n", 19, "it has both 'pipeline' and 'flow'"),
        (lambda text: text.replace("pipeline: [triage, search, check, reply]", ""), 1, "needs a key 'pipeline'"),
    ],
)
def test_manifest_that_cannot_work(desk: Path, change: Callable[[str], str], line: int | None, message: str) -> None:
    """Each mistake is named with its line and, where there is one, what was probably meant."""
    path = desk / "stemma.yaml"
    path.write_text(change(MANIFEST))
    with pytest.raises(InvalidData) as caught:
        load_manifest(path)
    assert message in str(caught.value)
    assert line is None or caught.value.line == line
    assert "\n" not in str(caught.value)


def test_file_that_is_not_there(tmp_path: Path) -> None:
    """A missing manifest is one clear line, as is one that is not UTF-8."""
    with pytest.raises(InvalidData, match="cannot be read"):
        load_manifest(tmp_path / "stemma.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"network: caf\xe9")
    with pytest.raises(InvalidData, match="not UTF-8 at byte 12"):
        load_manifest(tmp_path / "latin.yaml")
