"""What stands between a call that an agent wants to make and the tool."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from tests.network.monitored import (
    ENDORSES,
    PERSONAL,
    SECRET,
    STRANGE_SECRET,
    Counter,
    Deciding,
    endorser,
    mediator,
    network,
    tool,
)

from stemma.core.clock import timestamp
from stemma.core.digests import digest
from stemma.core.errors import Unauthorized
from stemma.core.trust import INTERNAL, TRUSTED, UNTRUSTED, Confidentiality, Integrity, TrustLabel
from stemma.guard.binding import binding
from stemma.guard.endorsement import raised
from stemma.guard.policy import facts_from_json
from stemma.guard.ruling import CallFacts, Clearance
from stemma.guard.text import Treatment
from stemma.network.bounds import Bounds
from stemma.network.interception import Rejected
from stemma.network.mediation import Allowed, Denied
from stemma.network.message import NOTHING
from stemma.network.people import Decision, Interceptor, OnTimeout, Question, Verdict
from stemma.network.protection import Protects
from stemma.network.tools.tool import Effect, Tool, ToolFailed
from stemma.network.wanted import Wanted
from stemma.testing.clock import VirtualClock

TEXT, NUMBER = {"type": "string"}, {"type": "number"}
PAY = tool(properties={"iban": TEXT, "amount": NUMBER, "text": TEXT}, sensitive=("iban", "amount"))
POST = tool("post", Effect.EGRESS, properties={"channel": TEXT, "text": TEXT, "more": {}}, sensitive=("channel",))
LARGE = """
@id("large")
forbid (principal, action in Action::"call", resource)
when { context.arguments has amount && context.arguments.amount > 100 };
"""
APPROVED, REJECTED = Decision(Verdict.APPROVED, "bea"), Decision(Verdict.REJECTED, "bea")


def pay(iban: TrustLabel = INTERNAL, *, amount: float = 5, **more: Any) -> Wanted:
    """A payment to an account of that label; from a bill, where a stranger named it."""
    sources = {"iban": ("data 'bill'",) if iban.integrity is Integrity.UNTRUSTED else (), "amount": ()}
    call = Wanted(PAY, {"iban": "DE02", "amount": amount}, {"iban": iban, "amount": INTERNAL}, sources)
    return replace(call, **more)


def edited(**arguments: Any) -> Decision:
    return Decision(Verdict.EDITED, "bea", arguments)


@dataclass
class Desk:
    """Mediation for the clerk of one message. People decide one after the other; `forbidden` are tools it may not use."""

    decisions: Sequence[Decision] = ()
    policies: Sequence[str] = ()
    forbidden: Sequence[str] = ()
    more: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock, self.people, self.endorser = VirtualClock(), Deciding(*self.decisions), endorser(*self.policies)
        self.asked_for: list[str] = []
        desk = network(**self.more)
        self.mediator = mediator(
            self.people, asks=self.endorser, desk=desk, clock=self.clock, permit=self.permit, vault=Counter()
        )

    async def permit(self, one: Tool) -> None:
        self.asked_for.append(one.name)
        if one.name in self.forbidden:
            raise Unauthorized("agent:desk/clerk", "use", one.name, "it has no role", "grant one")

    def allowed(self, call: Wanted, decided: TrustLabel = INTERNAL) -> Allowed:
        return asyncio.run(self.mediator.allowed("t1-1", call, decided))

    def denied(self, call: Wanted, decided: TrustLabel = INTERNAL) -> Denied:
        with pytest.raises(Denied) as denied:
            self.allowed(call, decided)
        event = denied.value.event
        assert (event.kind, event.subject, event.data["verdict"]) == ("tool.denied", "r.1.2.t1-1", "deny")
        return denied.value

    @property
    def question(self) -> Question:
        [question] = self.people.questions
        return question

    @property
    def version(self) -> str:
        return self.endorser.policy.version


# --- allowed and denied -------------------------------------------------------------------------------------------------


def test_own_call_is_allowed_and_on_record() -> None:
    """The event has all that was decided by, with the digest of the arguments in place of their words; nobody is asked."""
    desk, call = Desk(), pay(PERSONAL)
    cleared = replace(call, tool=replace(PAY, clearance=Clearance(categories=frozenset({"pii"}))))
    found = desk.allowed(cleared)
    assert found.call.arguments == {"iban": "DE02", "amount": 5}
    assert found.call.label == PERSONAL.join(INTERNAL)
    assert found.decisive == PERSONAL.join(INTERNAL)
    [event] = found.events
    assert (event.kind, event.subject) == ("tool.called", "r.1.2.t1-1")
    facts = facts_from_json(event.data)
    assert isinstance(facts, CallFacts)
    assert replace(facts, arguments=call.arguments) == CallFacts(
        "desk",
        "clerk",
        "user:ada",
        "pay",
        "spend",
        INTERNAL,
        call.arguments,
        call.labels,
        ("iban", "amount"),
        Clearance(categories=frozenset({"pii"})),
    )
    assert (event.data["verdict"], event.data["version"]) == ("allow", desk.version)
    assert event.data["arguments"] == digest({"iban": "DE02", "amount": 5})
    assert event.data["sources"] == {}
    assert "approval" not in event.data
    assert desk.people.questions == []
    assert desk.asked_for == ["pay"]


def test_label_of_what_decides_is_that_of_the_arguments_that_do() -> None:
    """Of nothing, where the tool has none or none is given; content does not count."""
    call = Wanted(POST, {"channel": "x", "text": "y"}, {"channel": INTERNAL, "text": STRANGE_SECRET})
    cleared = replace(call, tool=replace(POST, clearance=Clearance(Confidentiality.SECRET)))
    assert Desk().allowed(cleared).decisive == INTERNAL.join(NOTHING)
    assert Desk().allowed(Wanted(POST, {}, {})).decisive == NOTHING


def test_reads_are_cleared_for_what_they_are_handed() -> None:
    """A tool of ours that leaves nothing behind may be handed what is personal; one that sends out may not."""
    look = tool("look", Effect.READ, properties={"x": TEXT})
    personal = SECRET.join(PERSONAL)
    assert Desk().allowed(Wanted(look, {"x": "y"}, {"x": PERSONAL}), personal).events[0].kind == "tool.called"
    assert Desk().allowed(Wanted(look, {"x": "y"}, {"x": personal}), INTERNAL).call.label == personal.join(NOTHING)
    desk = Desk([REJECTED])
    desk.denied(Wanted(POST, {"text": "y"}, {"text": PERSONAL}))
    assert "pii" in str(desk.question.facts["why"])


def test_call_that_policies_forbid_is_denied() -> None:
    """Whatever a person would say: nobody is asked. The agent is told the reasons, which count as what was handed over."""
    desk = Desk(policies=[LARGE])
    denied = desk.denied(pay(SECRET, amount=200))
    assert str(denied) == f"'pay' may not be called so: {'; '.join(denied.event.data['reasons'])}"
    assert denied.event.data["policies"] == ["large"]
    assert denied.event.data["arguments"] == digest({"iban": "DE02", "amount": 200})
    assert denied.label == INTERNAL.join(SECRET)
    assert desk.people.questions == []


def test_refusal_is_never_worth_more_than_our_own_words() -> None:
    """A call without arguments says nothing of anybody, and its refusal is still not a person's word."""
    forbid = LARGE.replace("when { context.arguments has amount && context.arguments.amount > 100 }", "")
    denied = Desk(policies=[forbid]).denied(Wanted(PAY, {}, {}))
    assert denied.label == TrustLabel(Integrity.INTERNAL).join(NOTHING)


def test_tool_that_the_agent_may_not_use_is_denied_first_of_all() -> None:
    """Whatever policies and people would say; the agent is told what is missing."""
    desk = Desk(forbidden=["pay"], policies=[ENDORSES])
    denied = desk.denied(pay(UNTRUSTED))
    assert str(denied) == "agent:desk/clerk may not use pay: it has no role; grant one"
    assert denied.event.data["reasons"] == ["agent:desk/clerk may not use it"]
    assert (denied.event.data["policies"], denied.event.data["version"]) == ([], desk.version)
    assert denied.event.data["sources"] == {"iban": ["data 'bill'"]}
    assert denied.label == UNTRUSTED
    assert desk.people.questions == []


def test_tool_that_hands_labels_on_is_let_through() -> None:
    """Nothing leaves through it, so neither leave nor policies are asked; it is on record as any."""
    desk = Desk(forbidden=["ask"], policies=[LARGE, ENDORSES])
    ask = tool("ask", Effect.WRITE, properties={"amount": {"type": "boolean"}}, labelled=True)
    found = desk.allowed(Wanted(ask, {"amount": True}, {"amount": STRANGE_SECRET}), UNTRUSTED)
    assert [event.kind for event in found.events] == ["tool.called"]
    assert (found.events[0].data["verdict"], found.events[0].data["version"]) == ("allow", desk.version)
    assert found.call.label == STRANGE_SECRET
    assert desk.asked_for == []


def test_network_without_a_guard_lets_everything_through() -> None:
    """Though what the agent may use at all still holds."""
    desk = Desk(policies=[LARGE, ENDORSES], more={"guarded": False})
    assert desk.allowed(pay(STRANGE_SECRET, amount=200), UNTRUSTED).call.arguments["amount"] == 200
    call = Wanted(POST, {"text": "https://e.org"}, {"text": UNTRUSTED})
    assert desk.allowed(call).call.arguments == {"text": "https://e.org"}
    assert [event.kind for event in desk.allowed(call).events] == ["tool.called"]
    assert desk.people.questions == []
    Desk(forbidden=["pay"], more={"guarded": False}).denied(pay())


# --- people -------------------------------------------------------------------------------------------------------------


def test_person_is_shown_what_the_runtime_knows() -> None:
    """The call with all its arguments, why it waits, whose each is and where from, and how confidential; for thirty days."""
    desk = Desk([APPROVED], more={"bounds": Bounds(approvals=3)})
    call = pay(STRANGE_SECRET.join(PERSONAL))
    desk.allowed(call)
    asked = desk.question
    expires = timestamp(desk.clock.now() + timedelta(days=30))
    assert (asked.id, asked.run, asked.subject) == ("r.1.2.t1-1", "r.1", "r.1.2")
    assert (asked.kind, asked.text) == ("approval", "May 'clerk' call 'pay'?")
    assert (asked.label, asked.most, asked.timeout, asked.on_timeout) == (call.label, 3, None, OnTimeout.REJECT)
    assert asked.expires == expires
    assert asked.binding == binding("pay", call.arguments, call.labels, version=desk.version, expires=expires)
    facts = dict(asked.facts)
    assert "argument 'iban' is untrusted and decides what happens" in facts.pop("why")[0]
    assert facts == {
        "agent": "clerk",
        "tool": "pay",
        "effect": "spend",
        "arguments": {"iban": "DE02", "amount": 5},
        "trust": {"iban": "untrusted", "amount": "internal"},
        "sources": {"iban": ["data 'bill'"]},
        "confidential": {"iban": ["secret", "pii"]},
        "policy": desk.version,
    }


def test_confidentiality_is_told_where_not_everybody_here_may_see_it() -> None:
    """What is public or internal is not worth a word; categories are, in their order."""
    labels = {
        "iban": replace(UNTRUSTED, confidentiality=Confidentiality.PUBLIC),
        "amount": replace(INTERNAL, categories=frozenset({"pii", "health", "a"})),
        "text": SECRET,
    }
    desk = Desk([APPROVED])
    desk.allowed(Wanted(PAY, dict.fromkeys(labels, "x") | {"amount": 1}, labels))
    assert desk.question.facts["confidential"] == {"amount": ["a", "health", "pii"], "text": ["secret"]}


def test_approved_call_is_made_with_its_approval_on_record() -> None:
    """The very call, with the id of what was asked, the labels as they were, and the policies' own verdict."""
    desk, call = Desk([APPROVED]), pay(UNTRUSTED)
    found = desk.allowed(call)
    assert found.call.arguments == call.arguments
    assert found.decisive == UNTRUSTED.join(INTERNAL)
    [event] = found.events
    assert (event.data["approval"], event.data["verdict"]) == ("r.1.2.t1-1", "ask")
    assert event.data["sources"] == {"iban": ["data 'bill'"]}
    assert event.data["labels"]["iban"]["integrity"] == "untrusted"


@pytest.mark.parametrize(("reason", "told"), [("", "bea rejected it"), ("too much", "bea rejected it: too much")])
def test_rejected_call_is_denied(reason: str, told: str) -> None:
    """The agent hears who said no, and why where that was said; the log has who."""
    denied = Desk([replace(REJECTED, reason=reason)]).denied(pay(STRANGE_SECRET))
    assert str(denied) == told
    assert denied.event.data["reasons"] == ["bea rejected it"]
    assert denied.label == STRANGE_SECRET


def test_decision_of_strangers_is_asked_about_too() -> None:
    """That a stranger had the call made is enough, whoever wrote its arguments."""
    desk = Desk([APPROVED])
    desk.allowed(pay(), UNTRUSTED)
    assert desk.question.kind == "approval"


@pytest.mark.parametrize(
    "other",
    [
        pay(UNTRUSTED, amount=6),
        pay(INTERNAL),
        pay(UNTRUSTED, tool=replace(PAY, name="repay")),
    ],
    ids=["arguments", "labels", "tool"],
)
def test_approval_of_another_call_lets_nothing_through(other: Wanted) -> None:
    """What was approved is bound to the call, its labels, the policies and its time."""
    desk = Desk()
    expires = timestamp(desk.clock.now() + timedelta(days=30))
    bound = binding(other.tool.name, other.arguments, other.labels, version=desk.version, expires=expires)
    desk.people.decisions.append(replace(APPROVED, binding=bound))
    denied = desk.denied(pay(UNTRUSTED))
    assert denied.event.data["reasons"] == ["what a person approved is another call than this one"]


def test_approval_holds_until_its_time() -> None:
    """To the very moment, and no later; its time cannot be put off."""
    for late, holds in ((0.0, True), (0.001, False)):
        desk, call = Desk(), pay(UNTRUSTED)
        then = timestamp(desk.clock.now())
        bound = binding("pay", call.arguments, call.labels, version=desk.version, expires=then)
        desk.people.decisions.append(replace(APPROVED, binding=bound, expires=then))
        desk.clock.advance(late)
        if holds:
            assert desk.allowed(call).call.arguments == call.arguments
        else:
            assert desk.denied(call).event.data["reasons"] == [f"the approval held until {then}"]
    later = Desk([replace(APPROVED, expires="2030-01-01T00:00:00.000000Z")])
    assert later.denied(pay(UNTRUSTED)).event.data["reasons"] == [
        "what a person approved is another call than this one"
    ]


def test_edited_call_is_made_as_the_person_wrote_it() -> None:
    """What she wrote is hers; the digest on record is that of her arguments."""
    found = Desk([edited(iban="DE99", amount=5)]).allowed(pay(UNTRUSTED))
    assert found.call.arguments == {"iban": "DE99", "amount": 5}
    assert found.call.label == INTERNAL.join(TRUSTED)
    assert found.decisive.integrity is Integrity.INTERNAL
    assert found.events[0].data["arguments"] == digest({"iban": "DE99", "amount": 5})
    assert found.events[0].data["labels"]["iban"]["integrity"] == "trusted"


def test_edited_call_is_still_the_policies_to_forbid() -> None:
    """A person may lift a question, never a prohibition."""
    denied = Desk([edited(iban="DE02", amount=200)], [LARGE]).denied(pay(UNTRUSTED))
    assert denied.event.data["policies"] == ["large"]
    assert denied.event.data["arguments"] == digest({"iban": "DE02", "amount": 200})


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("pay", "a person wrote 'pay' in place of the arguments, which are a JSON object"),
        ({"iban": 7}, "argument 'iban' of tool 'pay' cannot be used"),
    ],
)
def test_edited_call_that_does_not_fit_is_not_made(value: Any, problem: str) -> None:
    """The agent is told what is wrong with it."""
    with pytest.raises(ToolFailed, match=problem) as failed:
        Desk([Decision(Verdict.EDITED, "bea", value)]).allowed(pay(UNTRUSTED))
    assert not isinstance(failed.value, Denied)


def test_edit_of_another_call_is_not_looked_at() -> None:
    """It is bound as an approval is."""
    Desk([replace(edited(iban="DE99"), binding="other")]).denied(pay(UNTRUSTED))


# --- interceptors -------------------------------------------------------------------------------------------------------

LOOKS = Interceptor("tool", "pay", prompt="Pay now?", timeout=60.0, on_timeout=OnTimeout.APPROVE)


def intercepted(decision: Decision, asks: Interceptor = LOOKS, *policies: str) -> Desk:
    return Desk([decision], policies, more={"interceptors": (asks,)})


def test_person_who_wants_to_look_is_asked() -> None:
    """Even where policies would let the call through: in her words, as long as she said, as often as it comes to that."""
    desk = intercepted(APPROVED)
    found = desk.allowed(pay())
    asked = desk.question
    assert (asked.kind, asked.text, asked.timeout, asked.most) == ("tool", "Pay now?", 60.0, None)
    assert asked.on_timeout is OnTimeout.APPROVE
    assert asked.expires == timestamp(desk.clock.now() + timedelta(days=30, seconds=60))
    assert asked.facts["why"] == ["the manifest asks a person before tool 'pay'"]
    assert asked.facts["trust"] == dict.fromkeys(asked.facts["arguments"], "internal")
    assert found.events[0].data["approval"] == asked.id
    assert found.events[0].data["verdict"] == "allow"


def test_one_question_does_for_both() -> None:
    """Where policies want a person too she is asked once, with all that they object to, and in default words."""
    desk = intercepted(APPROVED, Interceptor("tool", "clerk/pay"))
    desk.allowed(pay(UNTRUSTED))
    asked = desk.question
    assert (asked.kind, asked.text, asked.timeout) == ("tool", "May 'clerk' call 'pay'?", None)
    assert asked.expires == timestamp(desk.clock.now() + timedelta(days=30))
    assert {"why", "trust", "sources", "confidential", "policy"} < set(asked.facts)


def test_person_looks_at_what_strangers_may_have_chosen() -> None:
    """Asked about one account only, she is asked too where a stranger named it; not where we named another."""
    only = replace(LOOKS, when={"iban": "DE99"})
    assert intercepted(APPROVED, only).allowed(pay()).events[0].data.get("approval") is None
    desk = intercepted(APPROVED, only)
    desk.allowed(pay(UNTRUSTED))
    assert desk.question.kind == "tool"
    ours = intercepted(APPROVED, replace(LOOKS, when={"iban": "DE02"}))
    ours.allowed(pay())
    assert ours.question.kind == "tool"


def test_interceptor_comes_after_the_policies() -> None:
    """Nobody is asked about what is forbidden."""
    desk = intercepted(APPROVED, LOOKS, LARGE)
    desk.denied(pay(amount=200))
    assert desk.people.questions == []


@pytest.mark.parametrize(
    ("by", "asks", "fails"),
    [
        ("clock", replace(LOOKS, on_timeout=OnTimeout.FAIL), True),
        ("clock", LOOKS, False),
        ("bea", replace(LOOKS, on_timeout=OnTimeout.FAIL), False),
        ("clock", replace(LOOKS, name="other", on_timeout=OnTimeout.FAIL), False),
    ],
)
def test_silence_ends_the_task_where_the_manifest_says_so(by: str, asks: Interceptor, fails: bool) -> None:
    """Anybody's no, and silence elsewhere, is a call that is not made."""
    desk = intercepted(replace(REJECTED, by=by), asks)
    if not fails:
        assert str(desk.denied(pay(UNTRUSTED))) == f"{by} rejected it"
        return
    with pytest.raises(Rejected, match="nobody answered 'Pay now\\?' in time") as rejected:
        desk.allowed(pay(UNTRUSTED))
    assert rejected.value.fails


# --- endorsed arguments -------------------------------------------------------------------------------------------------

BOOK = tool(
    "book",
    Effect.WRITE,
    properties={"urgent": {"type": "boolean"}, "kind": {"enum": ["a", "b"]}, "text": TEXT},
    sensitive=("urgent", "kind", "text", "absent"),
)


def book(**arguments: Any) -> Wanted:
    return Wanted(BOOK, arguments, dict.fromkeys(arguments, STRANGE_SECRET))


def test_argument_of_a_closed_type_may_be_endorsed() -> None:
    """Each choice with an event of its own, before that of the call; then nobody is asked about it."""
    desk = Desk(policies=[ENDORSES])
    found = desk.allowed(book(urgent=True, kind="a"))
    assert [(event.kind, event.subject) for event in found.events] == [
        ("label.endorsed", "r.1.2.t1-1"),
        ("label.endorsed", "r.1.2.t1-1"),
        ("tool.called", "r.1.2.t1-1"),
    ]
    assert [event.data["field"] for event in found.events[:2]] == ["urgent", "kind"]
    assert found.events[0].data["agent"] == "clerk"
    assert found.call.label == raised(STRANGE_SECRET).join(NOTHING)
    assert found.decisive == raised(STRANGE_SECRET).join(NOTHING)
    assert found.events[2].data["labels"]["urgent"]["integrity"] == "internal"


@pytest.mark.parametrize("arguments", [{"text": "x"}, {"urgent": "yes"}, {"kind": "c"}, {"urgent": True, "text": "x"}])
def test_other_arguments_are_not(arguments: Mapping[str, Any]) -> None:
    """A text can hold anything, and what does not fit its type is none; a person is asked about those."""
    desk = Desk([APPROVED], [ENDORSES])
    found = desk.allowed(book(**arguments))
    assert [event.kind for event in found.events] == ["label.endorsed"] * (len(arguments) - 1) + ["tool.called"]
    assert desk.question.facts["trust"] == {
        name: "internal" if len(arguments) > 1 and name == "urgent" else "untrusted" for name in arguments
    }


def test_argument_that_decides_nothing_is_not_endorsed() -> None:
    """It stays a stranger's, and does no harm as such."""
    free = replace(BOOK, sensitive=("kind",))
    found = Desk([APPROVED], [ENDORSES]).allowed(
        Wanted(free, {"kind": "a", "urgent": True}, {"kind": UNTRUSTED, "urgent": UNTRUSTED})
    )
    assert [event.data["field"] for event in found.events[:-1]] == ["kind"]
    assert found.call.label.integrity is Integrity.UNTRUSTED


def test_tool_that_describes_no_arguments_has_none_endorsed() -> None:
    """Of which type they are is not known."""
    bare = Tool("book", "", {"type": "object"}, BOOK.invoke, Effect.WRITE, INTERNAL, sensitive=("x",))
    found = Desk([APPROVED], [ENDORSES]).allowed(Wanted(bare, {"x": True}, {"x": UNTRUSTED}))
    assert [event.kind for event in found.events] == ["tool.called"]


# --- what may not leave -------------------------------------------------------------------------------------------------

KEY = "ghp_" + "a1B2" * 9
REDACTS = {"protects": Protects(out={"secret": Treatment.REDACT})}
NOTE = tool(
    "note",
    Effect.EGRESS,
    properties={"to": TEXT, "text": TEXT, "key": {"type": "string", "pattern": "^ghp_"}},
    sensitive=("to",),
)


def note(label: TrustLabel = INTERNAL, **arguments: Any) -> Wanted:
    return Wanted(NOTE, arguments, dict.fromkeys(arguments, label))


def test_call_with_what_may_not_leave_is_denied() -> None:
    """Before policies and people are asked about it, and whatever they would say; the reason has none of it."""
    desk = Desk([APPROVED], more={"protects": Protects()})
    denied = desk.denied(note(to="x", text=f"use {KEY}"))
    assert "in argument 'text' is not let out" in denied.event.data["reasons"][0]
    assert KEY not in str(denied)
    assert desk.people.questions == []
    assert desk.asked_for == ["note"]


def test_what_is_taken_out_is_on_record_by_kind() -> None:
    """Policies and people see the call as it leaves; where nothing was taken out, nothing is said of it."""
    desk = Desk(more=REDACTS)
    found = desk.allowed(note(to="x", text=f"use {KEY}"))
    assert KEY not in str(found.call)
    [event] = found.events
    assert list(event.data["protected"]) == ["text"]
    assert event.data["arguments"] == digest(dict(found.call.arguments))
    assert "protected" not in desk.allowed(note(to="x", text="use it")).events[0].data
    theirs = Desk([APPROVED], more={"protects": Protects()}).allowed(note(UNTRUSTED, to="x", text=KEY))
    assert list(theirs.events[0].data["protected"]) == ["text"]


def test_call_that_does_not_fit_without_it_is_not_made() -> None:
    """The agent is told so."""
    with pytest.raises(ToolFailed, match="argument 'key'"):
        Desk(more=REDACTS).allowed(note(to="x", key=KEY))


def test_what_a_person_writes_leaves_by_the_same_rules() -> None:
    """Nobody's edit lets a secret out."""
    asked = note(UNTRUSTED, to="x", text=KEY)
    denied = Desk([edited(to="x", text=KEY)], more={"protects": Protects()}).denied(asked)
    assert "is not let out" in str(denied)
    found = Desk([edited(to=KEY)], more=REDACTS).allowed(asked)
    assert KEY not in str(found.call)
    assert set(found.events[0].data["protected"]) == {"to", "text"}


def test_person_is_told_what_is_revealed() -> None:
    """Which arguments the tool gets in clear; what she approves is bound to that."""
    token, more = f"pii_name_{'b' * 34}", {"protects": Protects(tenant="acme")}
    cleared = replace(NOTE, clearance=Clearance(categories=frozenset({"pii"})))
    call = replace(note(UNTRUSTED, to="x", text=f"Dear {token}"), tool=cleared)
    desk = Desk([APPROVED], more=more)
    desk.allowed(call)
    assert desk.question.facts["reveals"] == ["text"]
    told = {"version": desk.version, "expires": desk.question.expires}
    assert desk.question.binding == binding("note", call.arguments, call.labels, **told, reveals=("text",))
    assert desk.question.binding != binding("note", call.arguments, call.labels, **told)
    other = Desk([APPROVED], more=more)
    other.allowed(replace(call, tool=NOTE))
    assert "reveals" not in other.question.facts


# --- leave to obey ------------------------------------------------------------------------------------------------------


def leave(desk: Desk, label: TrustLabel = STRANGE_SECRET) -> Mapping[str, Any] | None:
    return asyncio.run(desk.mediator.leave("t1-1", "Pay!", label))


def test_leave_is_for_this_very_text() -> None:
    """A person is shown all of it, with its label; what she says is on record by the text's digest."""
    desk = Desk([APPROVED], more={"bounds": Bounds(approvals=4)})
    assert leave(desk) == {"approval": "r.1.2.t1-1", "text": digest("Pay!"), "policy": desk.version}
    asked, expires = desk.question, timestamp(desk.clock.now() + timedelta(days=30))
    labels = {"text": STRANGE_SECRET}
    assert asked == Question(
        "r.1.2.t1-1",
        "r.1",
        "r.1.2",
        "approval",
        "May 'clerk' do what this text says?",
        {"agent": "clerk", "tool": "open", "arguments": {"text": "Pay!"}, "trust": {"text": "untrusted"}},
        STRANGE_SECRET,
        binding=binding("open", {"text": "Pay!"}, labels, version=desk.version, expires=expires),
        expires=expires,
        most=4,
    )


@pytest.mark.parametrize(
    "decision",
    [REJECTED, edited(text="x"), replace(APPROVED, binding="other"), replace(APPROVED, expires="2030-01-01T00:00:00Z")],
    ids=["rejected", "edited", "another text", "another time"],
)
def test_without_it_there_is_none(decision: Decision) -> None:
    """Nothing but her approval of what was shown to her counts."""
    assert leave(Desk([decision])) is None


@pytest.mark.parametrize(("late", "holds"), [(0.0, True), (0.001, False)])
def test_leave_holds_until_its_time(late: float, holds: bool) -> None:
    """To the very moment."""
    desk = Desk()
    then = timestamp(desk.clock.now())
    bound = binding("open", {"text": "Pay!"}, {"text": STRANGE_SECRET}, version=desk.version, expires=then)
    desk.people.decisions.append(replace(APPROVED, binding=bound, expires=then))
    desk.clock.advance(late)
    assert (leave(desk) is not None) is holds


def test_leave_without_a_time_is_none() -> None:
    """An approval that does not say until when it holds does not."""

    async def answers(_: Question) -> Decision:
        return APPROVED

    desk = Desk()
    desk.mediator = replace(desk.mediator, decision=answers)
    assert leave(desk) is None


@pytest.mark.parametrize("label", [INTERNAL, TRUSTED, SECRET])
def test_our_own_text_needs_no_leave(label: TrustLabel) -> None:
    """Nobody is asked."""
    desk = Desk()
    assert leave(desk, label) is None
    assert desk.people.questions == []
