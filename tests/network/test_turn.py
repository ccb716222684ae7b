"""What one agent is sent, and what becomes of its reply."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.core.trust import INTERNAL, TRUSTED, UNTRUSTED, Confidentiality, Integrity, TrustLabel
from stemma.network.agent import Agent, Knowledge
from stemma.network.knowledge import Library, Passage
from stemma.network.message import Message, Part, PartKind
from stemma.network.network import Role
from stemma.network.turn import Unusable, parts_for, render, shown, value_of
from stemma.registry.prompt import Prompt, Rendered

PROMPT = Prompt("Quote the text.", user="Context:\n{{ context }}\n\nQuestion: {{ ticket }}")
AGENT = Agent("search", "find.json", "m", ("ticket",), "passage", knowledge=Knowledge("help", 1, ("ticket",), INTERNAL))
LIBRARY = Library((Passage("cards.md", "Cards", "Freeze the card."), Passage("fees.md", "Fees", "Cash costs 2 %.")))
ROLE = Role(AGENT, PROMPT, "find.json", TRUSTED, LIBRARY)

labels = st.builds(TrustLabel, st.sampled_from(Integrity), st.sampled_from(Confidentiality))


def sent(role: Role, label: TrustLabel = UNTRUSTED) -> Message:
    ticket = Part(PartKind.DATA, "ticket", "I lost my card", label)
    return Message.compose(
        "r.1.1", "r.1", sender="caller", recipient="search", parts=parts_for(role, {"ticket": ticket})
    )


def test_agent_sees_the_passages_as_its_context() -> None:
    """The best passages are a part of their own with their files, and the prompt finds their text under `context`."""
    message = sent(ROLE)
    assert message.data["context"] == [{"source": "cards.md", "heading": "Cards", "text": "Freeze the card."}]
    assert render(ROLE, {name: shown(name, value) for name, value in message.data.items()}) == Rendered(
        "Quote the text.", "Context:\nFreeze the card.\n\nQuestion: I lost my card"
    )


@given(labels, labels)
def test_message_carries_all_that_is_read(ticket: TrustLabel, author: TrustLabel) -> None:
    """No message is more trusted or less confidential than its parts, the recipient's own instructions included."""
    message = sent(replace(ROLE, trust=author), ticket)
    for label in (ticket, author, INTERNAL):
        assert message.label.integrity <= label.integrity
        assert message.label.confidentiality >= label.confidentiality


@pytest.mark.parametrize(
    ("text", "value"),
    [('{"answered": true}', {"answered": True}), ('```json\n{"answered": false}\n```', {"answered": False})],
)
def test_answer_with_a_schema_is_its_json(text: str, value: object) -> None:
    """Where the prompt has an output schema the answer is the JSON, with or without a code fence around it."""
    schema = {"type": "object", "properties": {"answered": {"type": "boolean"}}, "required": ["answered"]}
    assert value_of(replace(ROLE, prompt=PROMPT.with_(output_schema=schema)), text) == value


def test_words_that_are_no_answer() -> None:
    """An empty text is no answer; the reason says so."""
    assert value_of(ROLE, "  \n") == Unusable("the model answered with nothing")
