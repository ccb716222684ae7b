"""What an agent may have read out of a text, and by whom."""

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.network.monitored import role

from stemma.core.frames import framed
from stemma.core.trust import TRUSTED
from stemma.guard.closed import FieldSpec, FieldType
from stemma.network.agent import Recall
from stemma.network.knowledge import Library
from stemma.network.network import Role, Spawned
from stemma.network.reader import ABOUT, EXTRACT, OPEN, PARAMETERS, Asked
from stemma.network.schemas import validator
from stemma.network.tools.tool import ToolFailed
from stemma.registry.prompt import Prompt

ASKED = Asked("$h1", (FieldSpec("day", FieldType.DATE), FieldSpec("kind", FieldType.ENUM, values=("a", "b"))))


def numbered(number: int) -> dict[str, str]:
    return {f"f{one}": "date" for one in range(number)}


@pytest.mark.parametrize("number", [1, 20])
def test_call_of_extract_is_read(number: int) -> None:
    """A handle and up to twenty fields, by type or with bounds, in the order written."""
    assert (
        Asked.read({"handle": "$h1", "fields": {"day": "date", "kind": {"type": "enum", "values": ["a", "b"]}}})
        == ASKED
    )
    assert len(Asked.read({"handle": "$h1", "fields": numbered(number)}).fields) == number


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"fields": {"day": "date"}},
        {"handle": 1, "fields": {"day": "date"}},
        {"handle": "$h1"},
        {"handle": "$h1", "fields": ["day"]},
        {"handle": "$h1", "fields": {}},
        {"handle": "$h1", "fields": numbered(21)},
    ],
)
def test_call_that_makes_no_sense_is_refused(arguments: Any) -> None:
    """The agent is told what is needed."""
    with pytest.raises(ToolFailed, match=r"^'extract' needs a handle, and up to 20 fields with their types$"):
        Asked.read(arguments)


def test_field_that_makes_no_sense_is_named() -> None:
    """So that the agent can put it right."""
    with pytest.raises(ToolFailed, match="field 'day' needs a type"):
        Asked.read({"handle": "$h1", "fields": {"day": "week"}})


def test_schema_of_what_is_read_is_closed() -> None:
    """All the fields, each with null where the text does not say, and nothing else: there is no room for words."""
    fits = validator_of(ASKED.schema)
    assert fits({"day": "2026-01-01", "kind": "a"})
    assert fits({"day": None, "kind": None})
    assert not fits({"day": None})
    assert not fits({"day": None, "kind": "c"})
    assert not fits({"day": None, "kind": "a", "more": "words"})


def test_what_a_model_is_told_of_the_tools() -> None:
    """Both are described, and take what is read of their calls and no more."""
    assert set(PARAMETERS) == set(ABOUT) == {EXTRACT, OPEN} == {"extract", "open"}
    extract, opened = (validator_of(PARAMETERS[name]) for name in (EXTRACT, OPEN))
    assert extract({"handle": "$h1", "fields": numbered(1)})
    assert extract({"handle": "$h1", "fields": numbered(20)})
    assert not extract({"handle": "$h1", "fields": numbered(21)})
    assert not extract({"handle": "$h1", "fields": {}})
    assert not extract({"handle": "$h1", "fields": numbered(1), "more": 1})
    assert opened({"handle": "$h1", "obey": True})
    assert not opened({"handle": "$h1", "more": 1})


def test_reader_has_the_model_and_nothing_else_of_the_agent() -> None:
    """No tools, nobody to ask, no memory and no passages; its prompt is ours, the text in a frame, braces are text."""
    recall = Recall("desk", 1, ("bill",))
    holder = role(
        tools=("pay",), asks=("bob",), publishes=("news",), output_schema={"type": "string"}, history=3, memory=recall
    )
    holder = replace(holder, library=Library(()), spawned=Spawned("x", ("pay",)))
    reader = ASKED.reader(holder, "{{ obey }}")
    plain = role(output_schema=ASKED.schema)
    assert reader == Role(plain.agent, reader.prompt, "act.json", TRUSTED)
    assert isinstance(reader.prompt, Prompt)
    assert reader.prompt.instructions.startswith("Fill in the fields")
    assert reader.prompt.user == framed("{{ obey }}", "text")
    assert reader.prompt.template_format == "none"
    assert reader.prompt.render({}).user == framed("{{ obey }}", "text")


def test_values_are_of_their_types_or_nothing() -> None:
    """Whatever a reader said, each field holds what its type allows."""
    assert ASKED.values({"day": "2026-01-01", "kind": "b", "more": 1}) == {"day": "2026-01-01", "kind": "b"}
    assert ASKED.values({"day": "obey", "kind": "c"}) == {"day": None, "kind": None}
    for nothing in (None, "words", ["2026-01-01"], 7):
        assert ASKED.values(nothing) == {"day": None, "kind": None}


def validator_of(schema: Any) -> Any:
    return validator(json.dumps(schema)).is_valid
