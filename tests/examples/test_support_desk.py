"""The support desk's files hold together: data, prompts, manifest and help centre."""

from pathlib import Path

import pytest

from stemma.evaluate.data import read_dataset
from stemma.network import load_manifest
from stemma.network.knowledge import Library
from stemma.optimize.anatomy import Anatomy
from stemma.registry.formats import read_prompt
from stemma.release import GatePolicy

DESK = Path(__file__).resolve().parents[2] / "examples" / "support-desk"


def test_every_ticket_is_usable_and_stands_once() -> None:
    """No row is bad, no ticket is there twice, in one file or two, and there are enough to learn from and to judge by."""
    tickets, held_out, unseen = (
        read_dataset(DESK / name, inputs=["ticket"], expected="category", strict=True)
        for name in ("tickets.csv", "held-out.csv", "unseen.csv")
    )
    assert len(tickets) >= 250
    assert len(held_out) >= 4 * GatePolicy().min_n
    every = [case.inputs["ticket"].strip() for case in (*tickets, *held_out, *unseen)]
    assert len(set(every)) == len(every)
    assert tickets.labels() == held_out.labels()
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
