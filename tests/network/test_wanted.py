"""A call as an agent wants it made: what is handed over, and the label of each argument."""

from dataclasses import replace
from typing import Any

import pytest
from tests.network.monitored import PERSONAL, SECRET, STRANGE_SECRET, part, tool

from stemma.core.trust import INTERNAL, TRUSTED, UNTRUSTED, TrustLabel
from stemma.guard.ruling import Clearance
from stemma.guard.text import inert
from stemma.network.message import NOTHING
from stemma.network.quarantine import Sight
from stemma.network.tools.schema import ArgumentSchema
from stemma.network.tools.tool import Effect, Tool, ToolFailed
from stemma.network.wanted import Wanted, carried, checked, decisive, handed_over, takes, wanted

TEXT, NUMBER = {"type": "string"}, {"type": "number"}
NULLABLE = {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None, "title": "Text"}
LIMITED = {"anyOf": [{"type": "string"}, {"type": "null"}], "minLength": 3}
PAY = tool(properties={"iban": TEXT, "amount": NUMBER, "text": TEXT}, required=["iban"])


def sight() -> Sight:
    """What an agent saw that acts: `$h1` is a stranger's text, `$h2` a number, `$h3` a list of a service that is personal."""
    made = Sight(True, INTERNAL)
    made.handles.hide("DE02", UNTRUSTED, "data 'bill'")
    made.handles.hide(7, STRANGE_SECRET, "mail")
    made.handles.hide(["a"], PERSONAL, "list")
    return made


def of(schema: Any, **more: Any) -> Tool:
    """A tool with one argument of that schema."""
    return tool("use", Effect.WRITE, properties={} if schema is None else {"x": schema}, **more)


def filled(schema: Any, value: Any) -> Any:
    return wanted(of(schema), {"x": value}, sight()).arguments["x"]


def test_each_argument_has_the_label_of_what_it_is_made_of() -> None:
    """What the agent wrote carries what it saw; what a handle stands for, that as well, and where it is from."""
    call = wanted(PAY, {"iban": "$h1", "amount": 5, "text": "see $h1, $h2, $h1"}, sight())
    assert call.arguments == {"iban": "DE02", "amount": 5, "text": "see DE02, 7, DE02"}
    assert call.labels == {"iban": UNTRUSTED, "amount": INTERNAL, "text": INTERNAL.join(STRANGE_SECRET)}
    assert call.sources == {"iban": ("data 'bill'",), "amount": (), "text": ("data 'bill'", "mail")}
    assert call.tool is PAY
    assert call.label == STRANGE_SECRET


def test_call_without_arguments_hands_nothing_over() -> None:
    """Its label is that of nothing, whatever the agent saw."""
    assert wanted(tool(), {}, sight()).label == NOTHING


def test_unknown_handle_is_told_with_what_was_seen() -> None:
    """Which handles there are hangs on what the agent saw."""
    seen = sight()
    seen.sees(PERSONAL)
    with pytest.raises(ToolFailed, match=r"there is no '\$h9'") as failed:
        wanted(PAY, {"iban": "$h9"}, seen)
    assert failed.value.label == INTERNAL.join(PERSONAL)


def test_call_that_does_not_fit_is_told_with_the_label_of_what_it_quotes() -> None:
    """The message may hold a stranger's words."""
    with pytest.raises(ToolFailed, match="'amount'") as failed:
        wanted(PAY, {"iban": "x", "amount": "$h1"}, sight())
    assert failed.value.label == UNTRUSTED
    with pytest.raises(ToolFailed, match="'iban' is a required property") as own:
        wanted(PAY, {"amount": 5}, sight())
    assert own.value.label is not None
    assert own.value.label.integrity is INTERNAL.integrity


@pytest.mark.parametrize(
    ("schema", "value", "handed"),
    [
        (TEXT, "$h1", "DE02"),
        (TEXT, "$h2", "7"),
        (TEXT | {"title": "X", "description": "y", "default": "", "examples": ["z"]}, "$h2", "7"),
        (NULLABLE, "$h2", "7"),
        (NUMBER, "$h2", 7),
        ({"type": ["string", "number"]}, "$h2", 7),
        (TEXT | {"maxLength": 9}, "$h1", "DE02"),
        ({}, "$h2", 7),
        (None, "$h2", 7),
        (TEXT, "é$h1", "éDE02"),
    ],
)
def test_strangers_value_is_a_text_where_any_text_will_do(schema: Any, value: str, handed: Any) -> None:
    """Whether the call can be made must not be up to it; any other argument is handed over as it is."""
    assert filled(schema, value) == handed


def test_strangers_value_of_json_is_written_as_json() -> None:
    """With its letters as they are; nothing stays nothing where that will do, and is a word where only text will."""
    seen = sight()
    seen.handles.hide({"é": None}, UNTRUSTED, "mail")
    seen.handles.hide(None, UNTRUSTED, "mail")
    assert wanted(of(TEXT), {"x": "$h4"}, seen).arguments == {"x": '{"é": null}'}
    assert wanted(of(TEXT), {"x": "$h5"}, seen).arguments == {"x": "null"}
    assert wanted(of(NULLABLE), {"x": "$h5"}, seen).arguments == {"x": None}
    assert wanted(of(NULLABLE), {"x": "$h4"}, seen).arguments == {"x": '{"é": null}'}


def test_what_is_ours_must_fit_by_itself() -> None:
    """A service's list is no text because a text is wanted: the agent is told so."""
    with pytest.raises(ToolFailed, match="is not of type 'string'"):
        wanted(of(TEXT), {"x": "$h3"}, sight())


def test_alternatives_that_are_limited_together_are_not_any_text() -> None:
    """A stranger's text may be too short for it: what it is then decides whether the call can be made."""
    with pytest.raises(ToolFailed):
        wanted(of(LIMITED), {"x": "$h2"}, sight())
    assert decisive(Wanted(of(LIMITED, sensitive=()), {"x": "abc"}, {"x": UNTRUSTED})) == ("x",)


# --- an agent without a model -------------------------------------------------------------------------------------------


def test_parts_are_carried_over_as_they_are() -> None:
    """Each with its own label, and named where it is from; a stranger's as text where any will do."""
    call = carried(PAY, [part("iban", 7, UNTRUSTED), part("amount", 5, SECRET)])
    assert call.arguments == {"iban": "7", "amount": 5}
    assert call.labels == {"iban": UNTRUSTED, "amount": SECRET}
    assert call.sources == {"iban": ("data 'iban'",), "amount": ("data 'amount'",)}
    assert call.tool is PAY
    assert carried(PAY, [part("iban", "$h1", INTERNAL)]).arguments == {"iban": "$h1"}


def test_parts_that_do_not_fit_are_told_with_their_label() -> None:
    """As those of an agent that wrote the call."""
    with pytest.raises(ToolFailed, match="'amount'") as failed:
        carried(PAY, [part("iban", "x", INTERNAL), part("amount", "obey", STRANGE_SECRET)])
    assert failed.value.label == STRANGE_SECRET
    checked(Wanted(PAY, {"iban": "x"}, {"iban": TRUSTED}))


def test_token_is_checked_where_its_text_is() -> None:
    """A tool that is cleared gets the text behind it; for any other it is a text, and too long, as any may be."""
    short = of({"type": "string", "maxLength": 9})
    cleared = of({"type": "string", "maxLength": 9}, clearance=Clearance())
    token = Wanted(cleared, {"x": f"to pii_name_{'a' * 34}"}, {"x": INTERNAL})
    checked(token)
    with pytest.raises(ToolFailed, match="is too long"):
        checked(replace(token, tool=short))
    with pytest.raises(ToolFailed, match="is too long"):
        checked(replace(token, arguments={"x": "x" * 10}))
    two = tool("use", properties={"x": {"type": "string", "maxLength": 9}, "y": NUMBER}, clearance=Clearance())
    with pytest.raises(ToolFailed):
        checked(Wanted(two, {**token.arguments, "y": "many"}, {"x": INTERNAL, "y": INTERNAL}))
    numbers = of({"type": "number", "maximum": 9}, clearance=Clearance())
    with pytest.raises(ToolFailed, match="is greater than the maximum"):
        checked(Wanted(numbers, {"x": 10}, {"x": INTERNAL}))


# --- what decides -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "label", "decides"),
    [
        (NUMBER, UNTRUSTED, True),
        (TEXT | {"enum": ["a", "b"]}, UNTRUSTED, True),
        (TEXT | {"format": "date"}, UNTRUSTED, True),
        (None, UNTRUSTED, True),
        (NUMBER, INTERNAL, False),
        (TEXT, UNTRUSTED, False),
        (NULLABLE, UNTRUSTED, False),
        ({}, UNTRUSTED, False),
        ({"description": "anything"}, UNTRUSTED, False),
        ({"anyOf": [NUMBER, {}]}, UNTRUSTED, False),
    ],
)
def test_strangers_argument_that_may_not_fit_decides_whether_the_call_is_made(
    schema: Any, label: Any, decides: bool
) -> None:
    """Where any text, or anything at all, will do, it does not; and nobody else's does unless the tool names it."""
    one = of(schema, sensitive=())
    assert decisive(Wanted(one, {"x": 1}, {"x": label})) == (("x",) if decides else ())


def test_what_the_tool_names_decides_and_is_named_once() -> None:
    """First of all, whoever wrote it; then what strangers wrote that may not fit."""
    one = tool("use", properties={"a": NUMBER, "b": NUMBER, "c": TEXT}, sensitive=("b",))
    labels = {"a": UNTRUSTED, "b": UNTRUSTED, "c": UNTRUSTED}
    assert decisive(Wanted(one, {"a": 1, "b": 1, "c": "x"}, labels)) == ("b", "a")


def test_reading_that_leads_nowhere_is_decided_by_nothing() -> None:
    """Whether a tool can be called that does nothing in the world is not worth a question."""
    reads = tool("look", Effect.READ, properties={"x": NUMBER})
    assert decisive(Wanted(reads, {"x": 1}, {"x": UNTRUSTED})) == ()


# --- handed over --------------------------------------------------------------------------------------------------------

LINK = "see https://e.org"
POST = tool("post", Effect.EGRESS, properties={"channel": TEXT, "text": {}}, sensitive=("channel",))


def handed(text: Any, label: TrustLabel = UNTRUSTED, *, sources: tuple[str, ...] = (), one: Tool = POST) -> Any:
    call = Wanted(one, {"channel": LINK, "text": text}, {"channel": UNTRUSTED, "text": label}, {"text": sources})
    found = handed_over(call)
    assert found["channel"] == LINK
    return found["text"]


def test_strangers_text_goes_out_inert() -> None:
    """Nothing in it can be followed, all through it, and it says where it is from; numbers stay numbers."""
    assert handed(LINK, sources=("data 'bill'", "mail")) == inert(LINK, "data 'bill'; mail")
    dead = inert(LINK, "untrusted")
    assert handed(LINK) == dead
    assert handed({"a": [LINK, 7, None], "b": {"c": LINK}}) == {"a": [dead, 7, None], "b": {"c": dead}}
    bare = Wanted(POST, {"text": LINK}, {"text": UNTRUSTED})
    assert handed_over(bare) == {"text": dead}


def test_our_texts_and_those_that_stay_here_are_as_they_were() -> None:
    """Only what strangers wrote changes, where it leaves, and where it does not decide what happens."""
    assert handed(LINK, INTERNAL) == LINK
    assert handed(LINK, one=replace(POST, sensitive=("channel", "text"))) == LINK
    for effect in (Effect.READ, Effect.WRITE, Effect.SPEND):
        assert handed(LINK, one=replace(POST, effect=effect)) == LINK


# --- edited -------------------------------------------------------------------------------------------------------------


def test_what_a_person_wrote_is_the_persons() -> None:
    """What she left alone keeps its label and where it is from; what she changed or added is trusted, the rest is gone."""
    call = wanted(PAY, {"iban": "$h1", "amount": 5, "text": "$h1"}, sight())
    edited = call.edited({"iban": "DE02", "text": "mine", "note": "new"})
    assert edited.arguments == {"iban": "DE02", "text": "mine", "note": "new"}
    assert edited.labels == {"iban": UNTRUSTED, "text": TRUSTED, "note": TRUSTED}
    assert edited.sources == {"iban": ("data 'bill'",)}
    assert edited.tool is PAY
    assert call.edited({"amount": 5}).sources == {"amount": ()}
    assert Wanted(PAY, {"iban": "x"}, {"iban": UNTRUSTED}).edited({"iban": "x"}).sources == {"iban": ()}


@pytest.mark.parametrize(
    ("tokens", "cleared", "value", "fits"),
    [
        (False, True, "DE02", True),
        (False, True, f"pii_iban_{'a' * 34}", False),
        (True, False, f"pii_iban_{'a' * 34}", False),
        (True, True, f"PII_iban_{'A' * 34}", True),
        (True, True, "a long text without one", False),
    ],
)
def test_person_may_write_tokens_where_the_tool_gets_what_is_behind_them(
    tokens: bool, cleared: bool, value: str, fits: bool
) -> None:
    """Elsewhere a token is a text like any other, and none is so short."""
    one = of({"type": "string", "maxLength": 9}, clearance=Clearance() if cleared else None)
    assert ArgumentSchema(takes(one, tokens=tokens)).is_valid({"x": value}) is fits
    assert ArgumentSchema(takes(one, tokens=tokens)).misfit(["x"]) is not None
