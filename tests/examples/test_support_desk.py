"""The support desk's files hold together: data, prompts, manifest and help centre."""

from pathlib import Path

import pytest

from stemma.evaluate.data import read_dataset
from stemma.network import load_manifest
from stemma.network.knowledge import Library
from stemma.optimize.anatomy import Anatomy
from stemma.registry.formats import read_prompt

DESK = Path(__file__).resolve().parents[2] / "examples" / "support-desk"


def test_every_ticket_is_usable_and_stands_once() -> None:
    """No row is bad, no ticket is there twice, and none of the unseen ones is among those to learn from."""
    tickets = read_dataset(DESK / "tickets.csv", inputs=["ticket"], expected="category", strict=True)
    unseen = read_dataset(DESK / "unseen.csv", inputs=["ticket"], expected="category", strict=True)
    assert len(tickets) >= 400
    assert tickets.duplicates == unseen.duplicates == 0
    known = {case.inputs["ticket"] for case in tickets}
    assert not any(case.inputs["ticket"] in known for case in unseen)
    assert set(unseen.labels()) <= set(tickets.labels())


def test_the_first_prompt_names_every_category_and_nothing_more() -> None:
    """The hand-written prompt lists the data's labels without a description, so that there is something to learn."""
    tickets = read_dataset(DESK / "tickets.csv", inputs=["ticket"], expected="category")
    prompt = read_prompt(DESK / "triage.prompt.yml").prompt
    anatomy = Anatomy.of(prompt.instructions, tickets.labels())
    assert tuple(line.name for line in anatomy.labels) == tickets.labels()
    assert not any(line.description for line in anatomy.labels)
    assert prompt.demonstrations == ()


@pytest.mark.parametrize("name", sorted(path.name for path in DESK.glob("*.prompt.yml")))
def test_prompts_can_be_used(name: str) -> None:
    """Each prompt file passes the template rules and says what it is for."""
    read = read_prompt(DESK / name)
    read.prompt.check()
    assert read.name
    assert read.description


def test_the_manifest_describes_the_pipeline() -> None:
    """The network loads, with its agents in order and every file it names in place."""
    manifest = load_manifest(DESK / "stemma.yaml")
    assert [agent.name for agent in manifest.agents] == ["triage", "find", "check", "reply"]


def test_the_help_centre_can_be_searched() -> None:
    """A question in a customer's words finds the article that answers it."""
    library = Library.read(DESK / "help-centre")
    found = library.search("My password does not work and the account is locked", top=3)
    assert any("locked" in passage.text for passage in found)
