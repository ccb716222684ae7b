"""What a tool is, as the guard goes by it: what decides, whether it acts, what it may be handed, and whether it may repeat."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.network.monitored import PERSONAL, SECRET, tool

from stemma.core.trust import INTERNAL, UNTRUSTED, Confidentiality
from stemma.guard.ruling import Clearance
from stemma.network.run import RunStatus
from stemma.network.tools.invoking import check_arguments
from stemma.network.tools.tool import Call, Effect, ToolFailed, ToolSpec, TurnStopped

PROPERTIES = {"a": {"type": "string"}, "b": {"type": "string"}}
ACTING = (Effect.WRITE, Effect.EGRESS, Effect.SPEND)


def made(effect: Effect, **more: Any) -> Any:
    return tool("use", effect, properties=PROPERTIES, **more)


def test_all_arguments_of_an_effect_decide_unless_it_says_which() -> None:
    """And none of a read."""
    for effect in ACTING:
        assert made(effect).decisive == ("a", "b")
        assert made(effect, sensitive=("b",)).decisive == ("b",)
        assert made(effect, sensitive=()).decisive == ()
        assert replace(made(effect), parameters={"type": "object"}).decisive == ()
    assert made(Effect.READ).decisive == ()
    assert made(Effect.READ, sensitive=("a",)).decisive == ("a",)


def test_tool_acts_that_leaves_something_behind_or_lets_something_out() -> None:
    """A read does where what it asks for decides; one that hands labels on never does."""
    assert all(made(effect).acts and made(effect, sensitive=()).acts for effect in ACTING)
    assert not made(Effect.READ).acts
    assert made(Effect.READ, sensitive=("a",)).acts
    assert not any(made(effect, labelled=True).acts for effect in Effect)


def test_what_a_tool_may_be_handed() -> None:
    """What it says; else nothing secret or personal where it leaves, and anything where it stays here."""
    everything = SECRET.join(PERSONAL)
    own = Clearance(Confidentiality.PUBLIC)
    for effect in Effect:
        assert made(effect, clearance=own).cleared_for(everything) == own
    for effect in (Effect.EGRESS, Effect.SPEND):
        assert made(effect).cleared_for(everything) == Clearance()
    for effect in (Effect.READ, Effect.WRITE):
        assert made(effect).cleared_for(everything) == Clearance(Confidentiality.SECRET, PERSONAL.categories)


def test_only_what_has_no_second_effect_may_be_repeated() -> None:
    """A read, and what says so."""
    assert made(Effect.READ).may_repeat
    for effect in ACTING:
        assert not made(effect).may_repeat
        assert made(effect, idempotent=True).may_repeat


def test_manifest_speaks_over_the_tool() -> None:
    """What it says takes the place of what the tool says of itself; what it leaves out does not, nothing and none included."""
    one = made(
        Effect.WRITE,
        label=INTERNAL,
        idempotent=True,
        timeout=5.0,
        fields={"a": UNTRUSTED},
        sensitive=("a",),
        clearance=Clearance(),
    )
    assert ToolSpec("use", "python").over(one) == one
    said = ToolSpec(
        "use",
        "python",
        effect=Effect.READ,
        label=UNTRUSTED,
        idempotent=False,
        timeout=1.0,
        fields={},
        sensitive=(),
        clearance=Clearance(Confidentiality.PUBLIC),
    )
    assert said.over(one) == replace(
        one,
        effect=Effect.READ,
        label=UNTRUSTED,
        idempotent=False,
        timeout=1.0,
        fields={},
        sensitive=(),
        clearance=Clearance(Confidentiality.PUBLIC),
    )


def test_nothing_is_assumed_of_a_call_or_a_tool() -> None:
    """Without labels a call is a stranger's; without words of its own a tool may not repeat, and hands on no labels."""
    call = Call("k", "r", "a", Path())
    assert (call.label, call.decided) == (UNTRUSTED, UNTRUSTED)
    plain = made(Effect.WRITE)
    assert (plain.idempotent, plain.labelled, plain.timeout) == (False, False, 30.0)


def test_failures_carry_what_they_say() -> None:
    """Why, the label of that, and for the end of a turn how the whole task ends."""
    failed = ToolFailed("no", label=SECRET)
    assert (str(failed), failed.label, ToolFailed("no").label) == ("no", SECRET, None)
    stopped = TurnStopped("bound", ends=RunStatus.FAILED)
    assert stopped.label is None
    assert (str(stopped), stopped.ends, TurnStopped("bound").ends) == ("bound", RunStatus.FAILED, RunStatus.STOPPED)


def test_schema_is_checked_without_fetching_anything() -> None:
    """Arguments that do not fit are named; a reference to elsewhere is not followed."""
    check_arguments(made(Effect.READ), {"a": "x"})
    with pytest.raises(ToolFailed, match="argument 'a'"):
        check_arguments(made(Effect.READ), {"a": 1})
    remote = replace(made(Effect.READ), parameters={"$ref": "http://example.org/schema"})
    with pytest.raises(ToolFailed, match="cannot be called"):
        check_arguments(remote, {})
