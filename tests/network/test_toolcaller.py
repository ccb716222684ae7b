"""Calling tools on an agent's behalf: on record before it is done, never twice where that matters, and labelled."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from tests.network.monitored import (
    ENDORSES,
    PERSONAL,
    SECRET,
    STRANGE_SECRET,
    Counter,
    Deciding,
    Machine,
    Remembered,
    endorser,
    mediator,
    message,
    network,
    role,
    tool,
)

from stemma.core.trust import INTERNAL, UNTRUSTED, Integrity, TrustLabel
from stemma.guard.ruling import Clearance
from stemma.guard.text import Treatment, inert
from stemma.network.agent import Limits
from stemma.network.message import NOTHING
from stemma.network.people import Decision, Verdict
from stemma.network.protection import OF_PERSON, Protects, Shield
from stemma.network.run import RunStatus
from stemma.network.toolcaller import ToolCaller
from stemma.network.tools.tool import Call, Effect, Labelled, Tool, ToolFailed, TurnStopped
from stemma.network.wanted import Wanted

TEXT, BOOLEAN = {"type": "string"}, {"type": "boolean"}
REJECTED = Decision(Verdict.REJECTED, "bea")
OURS = INTERNAL.join(NOTHING)


def knows(value: str) -> Decision:
    return Decision(Verdict.ANSWERED, "bea", value)


@dataclass
class Desk:
    """The calls of the clerk in one message; `done` are the steps of before."""

    returns: Sequence[Any] = ()
    decisions: Sequence[Decision] = ()
    policies: Sequence[str] = ()
    done: Mapping[str, Any] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        self.machine, self.journal, self.people = (
            Machine(*self.returns),
            Remembered(self.done),
            Deciding(*self.decisions),
        )
        self.vault, self.threads = Counter(), 0
        self.before: list[list[str]] = []
        """What was kept when the tool was called."""
        desk = network(**self.more)
        self.caller = ToolCaller(
            message=message(),
            network=desk,
            role=role(limits=self.limits),
            journal=self.journal,
            mediator=mediator(self.people, asks=endorser(*self.policies), desk=desk, vault=self.vault),
            shield=Shield(desk.name, desk.protects, self.vault),
            decision=self.people,
            in_thread=self.in_thread,
        )

    async def in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        self.threads += 1
        return function(*arguments)

    async def invoked(self, arguments: Mapping[str, Any], call: Call) -> Any:
        self.before.append(list(self.journal.done))
        return await self.machine(arguments, call)

    def tool(self, effect: Effect = Effect.WRITE, name: str = "use", **more: Any) -> Tool:
        made = tool(name, effect, properties={"x": TEXT, "flag": BOOLEAN}, **more)
        return replace(made, invoke=self.invoked)

    def call(
        self, one: Tool, x: Any = "y", label: TrustLabel = INTERNAL, *, decided: TrustLabel = INTERNAL, name: str = "x"
    ) -> Mapping[str, Any]:
        return self.does(one, lambda: Wanted(one, {name: x}, {name: label}), decided)

    def does(self, one: Tool, wanting: Callable[[], Wanted], decided: TrustLabel = INTERNAL) -> Mapping[str, Any]:
        return asyncio.run(self.caller.call("t1-1", one, wanting, decided))


def label_of(done: Mapping[str, Any]) -> TrustLabel:
    return TrustLabel.from_json(done["label"])


def raising(error: Exception) -> Callable[[], Wanted]:
    def wanting() -> Wanted:
        raise error

    return wanting


# --- on record ----------------------------------------------------------------------------------------------------------


def test_effect_is_on_record_before_it_is_done() -> None:
    """A step with the event of the call, then the call, then the step with what came of it."""
    desk = Desk(["booked"])
    assert desk.call(desk.tool())["value"] == "booked"
    assert desk.before == [["t1-1.begun"]]
    assert desk.journal.kinds == [("t1-1.begun", ["tool.called"]), ("t1-1", [])]
    assert desk.journal.done["t1-1"]["value"] == "booked"


def test_endorsements_are_on_record_with_the_call() -> None:
    """Before it, as it hangs on them."""
    desk = Desk(policies=[ENDORSES])
    desk.call(desk.tool(), True, UNTRUSTED, name="flag")
    assert desk.journal.kinds[0] == ("t1-1.begun", ["label.endorsed", "tool.called"])


def test_read_is_on_record_with_its_result() -> None:
    """It leaves nothing behind, so one step does for both."""
    desk = Desk(["found"])
    assert desk.call(desk.tool(Effect.READ))["value"] == "found"
    assert (desk.before, desk.journal.kinds) == ([[]], [("t1-1", ["tool.called"])])


def test_read_that_decides_where_it_goes_is_an_effect() -> None:
    """What it asks for goes out, so that it is on record before."""
    desk = Desk(["found"])
    desk.call(desk.tool(Effect.READ, sensitive=("x",)))
    assert desk.before == [["t1-1.begun"]]


def test_call_that_was_made_is_not_made_again() -> None:
    """The step has what it came to; neither the tool nor anybody else is asked."""
    done = {"value": "booked", "label": INTERNAL.to_json()}
    desk = Desk(done={"t1-1": done})
    assert desk.does(desk.tool(), raising(AssertionError("nobody wants it again"))) == done
    assert (desk.machine.calls, desk.journal.writes) == ([], 0)


def test_call_that_may_not_be_made_is_on_record_as_denied() -> None:
    """The tool is not called; the agent is told why."""
    desk = Desk(decisions=[REJECTED])
    done = desk.call(desk.tool(), "y", STRANGE_SECRET)
    assert done == {"failed": "bea rejected it", "label": STRANGE_SECRET.to_json()}
    assert (desk.machine.calls, desk.journal.kinds) == ([], [("t1-1", ["tool.denied"])])


def test_call_that_makes_no_sense_is_kept_with_its_reason() -> None:
    """With the label of what the reason quotes, or that of the tool where it says none."""
    desk = Desk()
    done = desk.does(desk.tool(), raising(ToolFailed("no such handle", label=STRANGE_SECRET)))
    assert done == {"failed": "no such handle", "label": STRANGE_SECRET.to_json()}
    assert (desk.machine.calls, desk.journal.kinds) == ([], [("t1-1", [])])
    other = Desk()
    one = other.tool(label=PERSONAL, fields={"a": UNTRUSTED})
    assert label_of(other.does(one, raising(ToolFailed("?")))) == PERSONAL.join(UNTRUSTED)


def test_end_of_the_task_is_no_result() -> None:
    """Nothing is kept of a call that stops the turn, whether it is wanted or made."""
    for effect in (Effect.READ, Effect.WRITE):
        desk = Desk([TurnStopped("bound met", ends=RunStatus.CANCELLED)])
        with pytest.raises(TurnStopped, match="bound met") as stopped:
            desk.call(desk.tool(effect))
        assert stopped.value.ends is RunStatus.CANCELLED
        assert "t1-1" not in desk.journal.done
    with pytest.raises(TurnStopped):
        desk.does(desk.tool(), raising(TurnStopped("bound met")))
    assert "t1-1" not in desk.journal.done


# --- labels -------------------------------------------------------------------------------------------------------------


def test_tool_is_told_what_its_call_is_worth() -> None:
    """A key that is the same in every try, whose call it is, and the labels of what was seen and of what decides."""
    desk = Desk()
    one = desk.tool(sensitive=("flag",), clearance=None)
    desk.does(one, lambda: Wanted(one, {"x": "y", "flag": True}, {"x": STRANGE_SECRET, "flag": PERSONAL}), SECRET)
    [(arguments, call)] = desk.machine.calls
    assert arguments == {"x": "y", "flag": True}
    label, decided = SECRET.join(STRANGE_SECRET).join(PERSONAL), SECRET.join(PERSONAL)
    assert call == Call("r.1.2.t1-1", "r.1", "clerk", Path("desk"), label, decided)


def test_result_is_worth_no_more_than_what_was_handed_over() -> None:
    """Nor any part of it: the tool's labels, joined with that of the arguments."""
    desk = Desk([{"a": 1}])
    done = desk.call(desk.tool(Effect.READ, label=PERSONAL, fields={"a": UNTRUSTED}), "y", SECRET)
    assert done["value"] == {"a": 1}
    assert label_of(done) == PERSONAL.join(SECRET)
    assert done["fields"] == {"a": UNTRUSTED.join(SECRET).to_json()}


def test_result_with_labels_of_its_own_has_those() -> None:
    """In the place of the tool's, and no more than what was handed over either."""
    desk = Desk([Labelled({"a": 1}, UNTRUSTED, {"a": PERSONAL})])
    done = desk.call(desk.tool(Effect.READ, fields={"b": UNTRUSTED}), "y", SECRET)
    assert done["value"] == {"a": 1}
    assert label_of(done) == UNTRUSTED.join(SECRET)
    assert done["fields"] == {"a": PERSONAL.join(SECRET).to_json()}


def test_tool_that_hands_labels_on_is_believed() -> None:
    """What was handed to it need not show in what it gives."""
    desk = Desk([Labelled("x", PERSONAL, {"a": UNTRUSTED})])
    done = desk.call(desk.tool(labelled=True), "y", STRANGE_SECRET)
    assert done == {"value": "x", "label": PERSONAL.to_json(), "fields": {}}
    plain = Desk(["x\u200b"])
    done = plain.call(plain.tool(labelled=True, label=UNTRUSTED), "y", STRANGE_SECRET)
    assert done == {"value": "x\u200b", "label": UNTRUSTED.to_json(), "fields": {}}


def test_failure_is_worth_no_more_than_a_result() -> None:
    """Whether a call failed, and how, says something of what was handed over, and of what the tool was told."""
    desk = Desk([ToolFailed("no"), ToolFailed("no", label=PERSONAL), ValueError("no")])
    one = desk.tool(Effect.READ, label=INTERNAL, fields={"a": UNTRUSTED})
    labels = []
    for _ in range(3):
        desk.journal.done.clear()
        labels.append(label_of(desk.call(one, "y", SECRET)))
    assert labels == [UNTRUSTED.join(SECRET), PERSONAL.join(SECRET), UNTRUSTED.join(SECRET)]


def test_result_that_is_too_long_is_a_failure() -> None:
    """By the limit of the agent."""
    desk = Desk(["x" * 98, "x" * 99], limits=Limits(max_result_chars=100))
    one = desk.tool(Effect.READ)
    assert desk.call(one)["value"] == "x" * 98
    desk.journal.done.clear()
    assert "at most 100 are passed on" in desk.call(one)["failed"]


# --- clean and inert ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "fields", "value"),
    [(UNTRUSTED, {}, "hidden"), (INTERNAL, {"a": UNTRUSTED}, "hidden"), (INTERNAL, {}, "hid\u200bden")],
)
def test_what_strangers_wrote_comes_in_clean(label: TrustLabel, fields: Mapping[str, TrustLabel], value: str) -> None:
    """The whole result, where any part of it may be theirs."""
    desk = Desk([{"a": "hid\u200bden"}])
    assert desk.call(desk.tool(Effect.READ, label=label, fields=fields))["value"] == {"a": value}


def test_what_strangers_say_of_a_failure_comes_in_clean() -> None:
    """As a result does, whether the network protects anything or not."""
    desk = Desk([ToolFailed("hid\u200bden")])
    assert desk.call(desk.tool(Effect.READ, label=UNTRUSTED))["failed"] == "hidden"


def test_result_that_the_network_does_not_let_in_is_a_failure() -> None:
    """It says what for, never with the words."""
    desk = Desk([{"name": "Ada"}], more={"protects": Protects(fields={"name": Treatment.BLOCK})})
    done = desk.call(desk.tool(Effect.READ), "y", SECRET)
    assert done["failed"].startswith("what 'use' returned is not let in: ")
    assert "Ada" not in done["failed"]
    assert label_of(done) == OURS.join(SECRET)


def test_strangers_text_leaves_inert() -> None:
    """From a network with a guard; what is kept and decided about is the text as it was."""
    for guarded, text in ((True, inert("https://e.org", "untrusted")), (False, "https://e.org")):
        desk = Desk(more={"guarded": guarded})
        desk.call(desk.tool(Effect.EGRESS, sensitive=()), "https://e.org", UNTRUSTED)
        [(arguments, _)] = desk.machine.calls
        assert arguments == {"x": text}


# --- tokens -------------------------------------------------------------------------------------------------------------

PII = Clearance(categories=frozenset({"pii"}))
SPEAKS = {"protects": Protects(tenant="acme", kinds={"secret": Treatment.BLOCK})}
KEY = "ghp_" + "a1B2" * 9


@pytest.mark.parametrize("effect", [Effect.READ, Effect.EGRESS])
def test_cleared_tool_is_handed_what_stands_behind_tokens(effect: Effect) -> None:
    """It alone: what is kept are tokens, and what it says of them is hidden again; what blocks has a thread of its own."""
    desk = Desk(["told Ada", ToolFailed("no ADA here")], more=SPEAKS)
    token = desk.vault.token("name", "Ada")
    one = desk.tool(effect, clearance=PII, sensitive=())
    done = desk.call(one, f"Dear {token}")
    assert [arguments["x"] for arguments, _ in desk.machine.calls] == ["Dear Ada"]
    assert done["value"] == f"told {token}"
    assert label_of(done) == OURS.join(OF_PERSON)
    assert desk.machine.calls[0][1].label == OURS.join(OF_PERSON)
    assert desk.threads == 1
    desk.journal.done.clear()
    assert desk.call(one, f"Dear {token}")["failed"] == f"no {token} here"
    assert "Ada" not in str(desk.journal.order).replace("ADA", "Ada")


def test_other_tools_are_handed_the_tokens() -> None:
    """Nothing has to be looked up for those."""
    desk = Desk(more=SPEAKS)
    token = desk.vault.token("name", "Ada")
    desk.call(desk.tool(Effect.EGRESS, sensitive=()), token)
    assert desk.machine.calls[0][0] == {"x": token}
    assert desk.threads == 0


def test_what_stands_behind_a_strangers_tokens_leaves_inert_too() -> None:
    """It is as much a stranger's as the text around it."""
    desk = Desk(more=SPEAKS)
    token = desk.vault.token("name", "https://e.org")
    desk.call(desk.tool(Effect.EGRESS, clearance=PII, sensitive=()), f"see {token}", UNTRUSTED)
    assert desk.machine.calls[0][0] == {"x": inert("see https://e.org", "untrusted")}


def test_call_with_a_token_that_was_erased_is_denied() -> None:
    """Before it is on record as made; the agent is told what is missing."""
    desk = Desk(more=SPEAKS)
    token = desk.vault.token("name", "Ada")
    desk.vault.gone.add(token)
    done = desk.call(desk.tool(Effect.EGRESS, clearance=PII), token)
    assert "what stood behind a token in argument 'x' was erased" in done["failed"]
    assert (desk.machine.calls, desk.journal.kinds) == ([], [("t1-1", ["tool.denied"])])


def test_failure_that_quotes_what_is_not_let_in_says_so() -> None:
    """It fails all the same."""
    desk = Desk([ToolFailed(f"no {KEY}")], more=SPEAKS)
    done = desk.call(desk.tool(Effect.READ), "y", SECRET)
    assert done == {"failed": "why it failed is not let in", "label": OURS.join(SECRET).to_json()}


# --- cut off ------------------------------------------------------------------------------------------------------------


def test_call_that_may_be_repeated_is_made_again() -> None:
    """Under the same key and without another event; nobody is asked."""
    for one in ({"effect": Effect.WRITE, "idempotent": True}, {"effect": Effect.READ, "sensitive": ("x",)}):
        desk = Desk(["booked"], done={"t1-1.begun": {}})
        assert desk.call(desk.tool(**one))["value"] == "booked"
        assert desk.machine.calls[0][1].key == "r.1.2.t1-1"
        assert desk.journal.kinds == [("t1-1", [])]
        assert desk.people.questions == []


def test_person_says_that_it_happened() -> None:
    """Then it is not made again; what she found is what the agent is told."""
    desk = Desk(decisions=[knows("yes")], done={"t1-1.begun": {}})
    done = desk.call(desk.tool(label=PERSONAL), "y", SECRET)
    assert done == {"value": "use was carried out, as bea found", "label": PERSONAL.join(SECRET).to_json()}
    assert (desk.machine.calls, desk.journal.kinds) == ([], [("t1-1", [])])
    [asked] = desk.people.questions
    assert (asked.id, asked.run, asked.subject, asked.kind) == ("r.1.2.t1-1.uncertain", "r.1", "r.1.2", "uncertain")
    assert asked.choices == ("yes", "no")
    assert asked.facts["key"] == "r.1.2.t1-1"
    assert (asked.facts["arguments"], asked.facts["trust"]) == ({"x": "y"}, {"x": "trusted"})
    assert asked.facts["confidential"] == {"x": ["secret"]}
    assert asked.label.integrity is Integrity.TRUSTED


def test_person_says_that_it_did_not() -> None:
    """Then it is made, which is another effect with an event of its own."""
    desk = Desk(["booked"], [knows("no")], done={"t1-1.begun": {}})
    assert desk.call(desk.tool())["value"] == "booked"
    assert desk.before == [["t1-1.begun", "t1-1.begun.2"]]
    assert desk.journal.kinds == [("t1-1.begun.2", ["tool.called"]), ("t1-1", [])]


def test_each_time_is_asked_about() -> None:
    """A process that died twice leaves two questions, the second about the second time."""
    desk = Desk(["booked"], [knows("no")], done={"t1-1.begun": {}, "t1-1.begun.2": {}, "t1-2.begun": {}})
    desk.call(desk.tool())
    assert desk.people.questions[0].id == "r.1.2.t1-1.uncertain.2"
    assert desk.journal.kinds[0] == ("t1-1.begun.3", ["tool.called"])


def test_nobody_knows() -> None:
    """Then it is not made again, and the agent is told that."""
    desk = Desk(decisions=[REJECTED], done={"t1-1.begun": {}})
    done = desk.call(desk.tool(label=PERSONAL), "y", SECRET)
    assert done == {"failed": "nobody knows whether 'use' was carried out", "label": PERSONAL.join(SECRET).to_json()}
    assert desk.machine.calls == []
