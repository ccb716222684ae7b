"""The page on policies: its policies hold, its cases come out as they say, and its tables are those of the schema."""

import re
from pathlib import Path

import pytest
from tests.examples.page import Page, spelt

import stemma
from stemma.core.errors import InvalidData
from stemma.core.trust import Confidentiality, Integrity
from stemma.guard.policy import DEFAULTS, Policy, cases_in, read_cases
from stemma.guard.policy.arguments import Kind
from stemma.guard.policy.entities import EFFECTS
from stemma.guard.policy.reasons import CLOSED_TYPES
from stemma.guard.ruling import Verdict
from stemma.network import load_manifest
from stemma.network.run import RunStatus
from stemma.network.tools.tool import Effect

PAGE = Page.read("policies.md")
CONDITIONS = [row[:2] for row in PAGE.sections["Common mistakes"].rows("condition")]
TYPES = [row[:2] for row in PAGE.sections["`context` of a call"].rows("written", "takes `x` for")]
SCHEMA = re.sub(r"//.*", "", (DEFAULTS / "policy.cedarschema").read_text(encoding="utf-8"))
KINDS = {
    "anything that is there": Kind.GIVEN,
    "a whole number": Kind.WHOLE,
    "a number with at most four decimal places": Kind.DECIMAL,
    "a text": Kind.TEXT,
    "a list of texts": Kind.TEXTS,
    "true or false": Kind.FLAG,
}

NETWORK = """
network: till
inputs: {order: {integrity: untrusted}}
tools:
  look_up: {python: "till.py:look_up"}
  refund: {python: "till.py:refund"}
agents:
  books: {calls: look_up, reads: [order], writes: amount}
  clerk: {calls: refund, reads: [order, amount], writes: receipt}
pipeline: [books, clerk]
"""
TILL = """
from stemma.network.tools import tool


@tool(effect="read")
def look_up(order: str) -> float:
    return float(order) + 0.5


@tool(effect="spend", sensitive=["order", "amount"])
def refund(order: str, amount: float) -> str:
    return f"RF-{order}"
"""


def attributes(text: str) -> dict[str, str]:
    return dict(re.findall(r"(\w+): ([\w<>]+|\{\})", text))


def told(section: str) -> dict[str, str]:
    """The attributes that a section's table names, with their types."""
    rows = PAGE.sections[section].rows("attribute")
    return {spelt(name)[0]: kind.strip("`") for name, kind, *_ in rows}


def mine(text: str) -> Policy:
    return Policy.of({"default.cedar": (DEFAULTS / "default.cedar").read_text(encoding="utf-8"), "mine.cedar": text})


def test_cases_of_the_page_come_out_as_they_say(tmp_path: Path) -> None:
    """All its policies together, beside the default ones, decide each of its cases as expected, by the policy that it names."""
    for number, text in enumerate(PAGE.blocks("cedar")):
        (tmp_path / f"{number}.cedar").write_text(text)
    for number, text in enumerate(PAGE.blocks("yaml")):
        (tmp_path / f"{number}.test.yaml").write_text(text)
    policy, cases = Policy.load(tmp_path), list(cases_in(tmp_path))
    assert [str(found) for case in cases if (found := case.difference(policy))] == []
    assert {case.expect for case in cases} == set(Verdict)
    tried = {case.policy for case in cases}
    assert [one.id for one in policy.statements if one.path != "default.cedar" and one.id not in tried] == []


def test_first_policy_does_in_a_network_what_the_page_says(tmp_path: Path) -> None:
    """By the default policies a refund of what a stranger names waits; by the page's it is paid, up to the amount it says."""
    (tmp_path / "stemma.yaml").write_text(NETWORK)
    (tmp_path / "till.py").write_text(TILL)
    with stemma.open(store=f"sqlite:///{tmp_path}/stemma.db") as here:

        def refunded(order: str) -> RunStatus:
            manifest = load_manifest(tmp_path / "stemma.yaml")
            [run] = here.networks.run(manifest, [{"order": order}], wait=False, new=True).runs
            return run.status

        by_default = refunded("7")
        (tmp_path / "policies").mkdir()
        (tmp_path / "policies" / "refunds.cedar").write_text(PAGE.blocks("cedar")[0])
        assert (by_default, refunded("7"), refunded("700")) == (
            RunStatus.RUNNING,
            RunStatus.COMPLETED,
            RunStatus.RUNNING,
        )
        assert {asked.question.kind for asked in here.networks.questions.ls()} == {"approval"}


def test_cases_depend_on_the_policies_of_the_page(tmp_path: Path) -> None:
    """Each of its files of cases has one that comes out otherwise without them: they show what the policies are there for."""
    for text in PAGE.blocks("yaml"):
        path = tmp_path / "page.test.yaml"
        path.write_text(text)
        assert any(case.difference(Policy.default()) for case in read_cases(path)), text


@pytest.mark.parametrize("text", Page.read("security.md").blocks("cedar"))
def test_policies_of_the_guards_page_fit_the_schema(text: str) -> None:
    """What the page on the guard shows can be copied."""
    assert len(mine(text).statements) > len(Policy.default().statements)


def test_tables_have_every_attribute_of_the_schema() -> None:
    """Neither more nor less, each with its type."""
    calls, endorsements = SCHEMA.split("action endorse")
    _, call = calls.split("context:")
    assert told("`context` of a call") == attributes(call) | {"arguments": "record"}
    assert told("`context` of an endorsement") == attributes(endorsements.split("context:")[1])


def test_entities_and_actions_are_those_of_the_schema() -> None:
    """Every kind of entity, each of its attributes, and every action is in the page."""
    section = PAGE.sections["What a policy may speak of"]
    named = {one for row in section.rows("written") for one in spelt(row[0])}
    kinds = dict(re.findall(r"entity (\w+)(?: in \[\w+\])?(?: = \{(.*?)\})?;", SCHEMA))
    assert {one.split("::")[0] for one in named} == {*kinds, "Action"}
    actions = {
        one
        for written in re.findall(r"^action ([\w, ]+?)(?: in| applies|;)", SCHEMA, re.M)
        for one in written.split(", ")
    }
    assert {one for one in named if one.startswith("Action")} == {f'Action::"{one}"' for one in actions}
    assert actions == {*EFFECTS, "call", "endorse"}

    written = {one for row in section.rows("attribute") for one in spelt(row[0])}
    assert written == {
        f"{'principal' if kind == 'Agent' else 'resource'}.{name}"
        for kind, text in kinds.items()
        for name in attributes(text)
    }
    rows = {spelt(row[0])[0]: set(spelt(row[2])) for row in section.rows("attribute")}
    assert rows["resource.effect"] == {effect.value for effect in Effect}
    assert rows["resource.type"] == set(CLOSED_TYPES)


def test_numbers_of_labels_are_those_of_the_code() -> None:
    """Each word stands under its number."""
    integrity, confidentiality = PAGE.sections["What a policy may speak of"].rows("", "0", "1", "2")
    assert [spelt(cell)[0] for cell in integrity[1:]] == [level.name.lower() for level in Integrity]
    assert [spelt(cell)[0] for cell in confidentiality[1:]] == [level.name.lower() for level in Confidentiality]


@pytest.mark.parametrize(("written", "kind"), TYPES)
def test_argument_is_taken_for_what_the_page_says(written: str, kind: str) -> None:
    """Each of the conditions gives the argument that type."""
    for condition in spelt(written):
        guard = "" if "has" in condition else "context.arguments has x && "
        policy = mine(f'permit (principal, action in Action::"call", resource) when {{ {guard}{condition} }};')
        assert policy.looks_at("refund") == {"x": KINDS[kind]}


@pytest.mark.parametrize(("condition", "why"), CONDITIONS)
def test_mistake_is_refused_in_the_words_of_the_page(condition: str, why: str) -> None:
    """Each condition that the page calls a mistake is one, for the reason that it quotes."""
    with pytest.raises(InvalidData) as refused:
        mine(f'permit (principal, action in Action::"call", resource) when {{ {spelt(condition)[0]} }};')
    assert spelt(why)[0] in str(refused.value)


def test_keys_of_a_case_are_those_that_are_read(tmp_path: Path) -> None:
    """The table names every key that a case of a call, and one of an endorsement, may have."""
    rows = [(spelt(row[0]), row[1]) for row in PAGE.sections["Tests"].rows("key", "of")]
    for what, of in (("call", "a call"), ("endorse", "an endorsement")):
        path = tmp_path / f"{what}.test.yaml"
        path.write_text(f"cases:\n  - {{{what}: x, surely_unknown: x}}\n")
        with pytest.raises(InvalidData) as refused:
            read_cases(path)
        known = str(refused.value).partition("; it has ")[2].split(", ")
        assert sorted(known) == sorted(name for names, whose in rows for name in names if whose in ("both", of))
