"""What an agent's words come to, and what they are worth."""

from typing import Any

import pytest
from tests.network.monitored import ENDORSES, PERSONAL, SECRET, STRANGE_SECRET, endorser, role

from stemma.core.trust import INTERNAL, TRUSTED, UNTRUSTED, Integrity, TrustLabel
from stemma.guard.endorsement import raised
from stemma.network.answers import Answer, answer_of, endorsed_answer
from stemma.network.message import Inner
from stemma.network.quarantine import Sight
from stemma.network.turn import Unusable

FIELDS = {
    "type": "object",
    "properties": {"day": {"type": "string"}, "amount": {"type": "integer"}, "text": {"type": "string"}},
    "required": ["day"],
}
NO_FIT = Unusable("the answer does not fit its schema where it names texts that are kept from you")


def sight(label: TrustLabel = INTERNAL) -> Sight:
    """What an agent saw that acts: `$h1` is a text of a stranger, `$h2` a number of a more secret one."""
    made = Sight(True, label)
    made.handles.hide("the bill", UNTRUSTED, "data 'bill'")
    made.handles.hide(7, STRANGE_SECRET, "data 'number'")
    return made


def said(text: str, schema: Any = None, *, seen: Sight | None = None) -> Any:
    return answer_of(role(output_schema=schema), seen or sight(), text)


def test_words_are_worth_what_was_seen() -> None:
    """Without a handle in them they carry the label of all that the agent saw, and no pieces."""
    assert said(" fine ", seen=sight(PERSONAL)) == Answer("fine", PERSONAL)
    assert said('{"day": "1"}', FIELDS, seen=sight(PERSONAL)) == Answer({"day": "1"}, PERSONAL)
    assert said("") == Unusable("the model answered with nothing")


def test_handle_brings_its_text_and_its_label() -> None:
    """A text with a handle in it is worth no more than what the handle stands for."""
    assert said("I was sent $h1", seen=sight(PERSONAL)) == Answer("I was sent the bill", PERSONAL.join(UNTRUSTED))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("no JSON", "the answer is not the JSON that the schema asks for"),
        ("[" * 100 + "]" * 100, "the answer is nested too deep"),
        ("[" * 100_000 + "]" * 100_000, "the answer is nested too deep"),
        ('{"day": 1}', "the answer does not fit its schema at $.day"),
        ("[]", "the answer does not fit its schema at $:"),
    ],
)
def test_words_that_do_not_fit_are_no_answer(text: str, reason: str) -> None:
    """Its own mistake says nothing of a stranger's text, and is told with the place where it is."""
    seen = sight()
    found = said(text, FIELDS, seen=seen)
    assert isinstance(found, Unusable)
    assert found.reason.startswith(reason)
    assert seen.label == INTERNAL


def test_unknown_handle_is_told() -> None:
    """The agent is told which there are."""
    assert said("$h9") == Unusable("there is no '$h9'; there are: $h1, $h2")


def test_fields_are_worth_what_each_is_made_of() -> None:
    """What the agent wrote itself stays its own; a field with a handle is worth what that is, joined with what was seen."""
    found = said('{"day": "1", "text": "see $h1", "amount": "$h2"}', FIELDS, seen=sight(PERSONAL))
    fields = {"day": PERSONAL, "text": PERSONAL.join(UNTRUSTED), "amount": PERSONAL.join(STRANGE_SECRET)}
    assert found == Answer(
        {"day": "1", "text": "see the bill", "amount": 7},
        PERSONAL.join(UNTRUSTED).join(STRANGE_SECRET),
        Inner(PERSONAL, fields),
    )


def test_strange_field_that_does_not_fit_is_nothing() -> None:
    """Whether there is an answer is not up to a stranger: where the text does not fit, there is none in the field."""
    found = said('{"day": "1", "amount": "$h1"}', FIELDS)
    assert isinstance(found, Answer)
    assert found.value == {"day": "1", "amount": None}
    assert found.inner == Inner(INTERNAL, {"day": INTERNAL, "amount": UNTRUSTED})


def test_own_field_that_does_not_fit_is_its_own_mistake() -> None:
    """It is told, and says nothing of what strangers wrote beside it."""
    seen = sight()
    assert said('{"day": 1, "amount": "$h1"}', FIELDS, seen=seen) == Unusable("the answer does not fit its schema")
    assert seen.label == INTERNAL


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        (
            FIELDS | {"anyOf": [{"required": ["text"]}, {"required": ["amount"]}]},
            '{"day": "$h1", "amount": 1}',
            "the bill",
        ),
        (FIELDS | {"properties": {}, "required": []}, '{"day.one": "x", "day": "$h1"}', "the bill"),
    ],
    ids=["fields that hang together", "a key that no path can name"],
)
def test_value_whose_pieces_cannot_be_told_apart_is_worth_the_worst(schema: Any, text: str, value: str) -> None:
    """The whole of it carries the label of what is worth least in it."""
    found = said(text, schema)
    assert isinstance(found, Answer)
    assert found.value["day"] == value
    assert (found.label, found.inner) == (UNTRUSTED, None)


def test_list_with_a_handle_is_worth_what_that_is() -> None:
    """Only fields have labels of their own."""
    assert said('["a", "$h2"]', {"type": "array"}, seen=sight(PERSONAL)) == Answer(
        ["a", 7], PERSONAL.join(STRANGE_SECRET)
    )


def test_that_a_text_does_not_fit_says_something_of_it() -> None:
    """Told that its answer does not fit where it names a text, the agent knows something of the text: that counts as seen."""
    seen = sight()
    assert said('["$h2"]', {"type": "array", "items": {"type": "string"}}, seen=seen) == NO_FIT
    assert seen.label == INTERNAL.join(STRANGE_SECRET)


# --- endorsed -----------------------------------------------------------------------------------------------------------

CLOSED = {
    "type": "object",
    "properties": {"kind": {"enum": ["a", "b"]}, "urgent": {"type": "boolean"}, "why": {"type": "string"}},
    "required": ["kind", "urgent", "why"],
    "additionalProperties": False,
}
STRANGE = STRANGE_SECRET.join(PERSONAL)
RAISED = raised(STRANGE)


def closed(*names: str) -> dict[str, Any]:
    properties = {name: CLOSED["properties"][name] for name in names}  # type: ignore[index]
    return CLOSED | {"properties": properties, "required": list(names)}


def endorsed(value: Any, schema: Any, *policies: str, label: TrustLabel = STRANGE) -> tuple[Answer, list[str]]:
    answer, events = endorsed_answer(Answer(value, label), "clerk", schema, "said", endorser(*policies), "r.1.2")
    assert all((event.kind, event.subject) == ("label.endorsed", "r.1.2") for event in events)
    return answer, [event.data["field"] for event in events]


def test_nothing_is_raised_without_a_policy() -> None:
    """An answer of closed types is a stranger's until policies say otherwise."""
    value = {"kind": "a", "urgent": True}
    assert endorsed(value, closed("kind", "urgent")) == (Answer(value, STRANGE), [])


def test_whole_answer_may_be_endorsed_by_its_name() -> None:
    """One that is a single choice counts as ours, and as secret as it was."""
    assert TrustLabel(Integrity.INTERNAL, SECRET.confidentiality, PERSONAL.categories) == RAISED
    assert endorsed("a", {"enum": ["a", "b"]}, ENDORSES) == (Answer("a", RAISED), ["said"])
    assert endorsed("c", {"enum": ["a", "b"]}, ENDORSES) == (Answer("c", STRANGE), [])


def test_answer_all_of_whose_fields_are_endorsed_is_ours() -> None:
    """Its shape is the schema's, and every field a choice."""
    value = {"kind": "a", "urgent": True}
    assert endorsed(value, closed("kind", "urgent"), ENDORSES) == (Answer(value, RAISED), ["kind", "urgent"])


def test_field_that_is_not_endorsed_stays_a_strangers() -> None:
    """The whole is worth no more than before; the shape and what is endorsed of it are."""
    value = {"kind": "a", "urgent": True, "why": "obey"}
    labels = {"kind": RAISED, "urgent": RAISED, "why": STRANGE}
    assert endorsed(value, CLOSED, ENDORSES) == (Answer(value, STRANGE, Inner(RAISED, labels)), ["kind", "urgent"])
    only = ENDORSES.replace("resource)", 'resource == Field::"kind")')
    found, fields = endorsed(value, CLOSED, only)
    assert found.inner == Inner(RAISED, {"kind": RAISED, "urgent": STRANGE, "why": STRANGE})
    assert fields == ["kind"]


def test_what_is_ours_needs_no_endorsement() -> None:
    """Nothing is put on record for an answer that no stranger had a say in."""
    value = {"kind": "a", "urgent": True}
    for label in (TRUSTED, PERSONAL):
        assert endorsed(value, closed("kind", "urgent"), ENDORSES, label=label) == (Answer(value, label), [])
