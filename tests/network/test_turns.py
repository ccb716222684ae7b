"""A turn in memory: what its agent is shown and told, what it may do with that, and what its words are worth then."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from pydantic_ai.messages import ModelRequest, ModelResponse, RetryFeedbackPart, ToolCallPart, ToolReturnPart
from tests.network.desks import OneModel
from tests.network.monitored import (
    ENDORSES,
    PERSONAL,
    SECRET,
    STRANGE_SECRET,
    Deciding,
    Machine,
    Remembered,
    endorser,
    message,
    network,
    part,
    role,
    tool,
)
from tests.network.speaking import Heard, Speaking

from stemma.core.errors import ModelError, Unauthorized
from stemma.core.frames import framed
from stemma.core.trust import INTERNAL, TRUSTED, UNTRUSTED, TrustLabel
from stemma.guard.endorsement import raised
from stemma.guard.policy import Policy
from stemma.network.agent import Limits, Recall
from stemma.network.bounds import Spent
from stemma.network.caller import ModelCaller
from stemma.network.claiming import Delivery
from stemma.network.conversation import Earlier
from stemma.network.message import Inner, Message
from stemma.network.network import Network, Role, Spawned
from stemma.network.people import Decision, Interceptor, OnTimeout, Question, Verdict
from stemma.network.protection import Shield
from stemma.network.quarantine import NOTE
from stemma.network.run import RunStatus
from stemma.network.tools.schema import ArgumentSchema
from stemma.network.tools.tool import Effect, Tool, ToolFailed, TurnStopped
from stemma.network.turn import FROM_MODEL, Reply
from stemma.network.turns import Turn
from stemma.testing.clock import VirtualClock

TEXT = {"type": "string"}
CLOSED = {
    "type": "object",
    "properties": {"urgent": {"type": "boolean"}, "why": {"type": "string"}},
    "required": ["urgent", "why"],
    "additionalProperties": False,
}
PAY = tool(properties={"iban": TEXT, "text": TEXT}, sensitive=("iban",))
LOOK = tool("look", Effect.READ, properties={"x": TEXT})
BILL = message(part("bill", "obey", UNTRUSTED))
CLERK = role(tools=("pay", "look"))
OURS = INTERNAL.join(FROM_MODEL)


class Listening(Speaking):
    """Says one thing after the other; `told` is what each request ends with, in its frames."""

    def __init__(self, says: Sequence[Any]) -> None:
        waiting = list(says)

        def next_of(_: Heard) -> Any:
            return waiting.pop(0)

        super().__init__({"clerk": next_of})
        self.told: list[list[Any]] = []

    async def request(self, messages: Any, model_settings: Any, parameters: Any) -> Any:
        last = messages[-1]
        assert isinstance(last, ModelRequest)
        told = [part.content for part in last.parts if isinstance(part, ToolReturnPart | RetryFeedbackPart)]
        self.told.append(told)
        return await super().request(messages, model_settings, parameters)


@dataclass
class Desk:
    """The clerk's turn, and all that it needs of the process it is taken in."""

    says: Sequence[Any] = ()
    held: Sequence[Tool | Exception] = ()
    sent: Message = BILL
    plays: Role = CLERK
    decisions: Sequence[Decision] = ()
    policies: Sequence[str] = ()
    done: Mapping[str, Any] = field(default_factory=dict)
    before: Sequence[Earlier] = ()
    more: Mapping[str, Any] = field(default_factory=dict)
    others: Sequence[Tool] = ()
    forbidden: Sequence[str] = ()
    kept_waiting: bool = False

    def __post_init__(self) -> None:
        self.model, self.people, self.journal = Listening(self.says), Deciding(*self.decisions), Remembered(self.done)
        self.clock = VirtualClock()
        self.caller = ModelCaller(OneModel(self.model), self.clock, concurrency=1)
        self.remembered: list[tuple[str, str, str, str, TrustLabel]] = []
        self.actors: list[str] = []
        self.asked_for: list[tuple[str, str]] = []

    async def tools(self, network: Network, role: Role) -> Mapping[str, Tool]:
        for one in self.held:
            if isinstance(one, Exception):
                raise one
        return {one.name: one for one in self.held if isinstance(one, Tool)}

    def colleagues(self, network: Network, role: Role, message: Message) -> Mapping[str, Tool]:
        return {one.name: one for one in self.others}

    async def history(self, role: Role, message: Message) -> Sequence[Earlier]:
        return self.before

    async def decision(self, question: Question) -> Decision:
        return await self.people(question)

    async def remember(self, by: str, scope: str, text: str, source: str, label: TrustLabel) -> None:
        assert self.journal.replies == [], "what is remembered after the answer may be lost"
        self.remembered.append((by, scope, text, source, label))

    async def permit(self, by: str, resource: str) -> None:
        self.asked_for.append((by, resource))
        if resource in self.forbidden:
            raise Unauthorized(by, "use", resource, "it has no role", "grant one")

    def policy(self, network: Network) -> Policy:
        return endorser(*self.policies).policy

    async def actor(self, run: str) -> str:
        self.actors.append(run)
        return "user:ada"

    async def late(self, run: str) -> bool:
        assert run == "r.1"
        return self.kept_waiting

    def shield(self, network: Network) -> Shield:
        return Shield(network.name, network.protects, None)

    async def in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)

    def take(self) -> Reply:
        """The reply, which is the one that was written down."""
        delivery = Delivery(self.sent, "desk", {}, 1, Spent())
        turn = Turn(delivery, network(self.plays, **self.more), self.plays, self.journal, self)
        reply = asyncio.run(turn.take())
        assert self.journal.replies == [reply]
        ended = self.journal.events[-1]
        assert ended.kind == ("message.answered" if reply.problem is None else "message.buried")
        assert reply.label is not None
        assert ended.data == {"agent": "clerk", "label": reply.label.to_json()}
        return reply


def call(name: str, **arguments: Any) -> ToolCallPart:
    return ToolCallPart(name, arguments)


def machine(one: Tool, *returns: Any) -> Tool:
    return replace(one, invoke=Machine(*returns))


# --- what it sees, and what its words are worth -------------------------------------------------------------------------


def test_who_can_act_is_shown_handles_and_a_note() -> None:
    """And two tools to work with them; its words stay its own."""
    desk = Desk(["paid"], [PAY, LOOK])
    reply = desk.take()
    heard = desk.model.heard[0]
    assert "obey" not in str(heard)
    assert heard.system == f"clerk: act.\n\n{NOTE}"
    assert heard.tools == ("pay", "look", "extract", "open")
    assert (reply.value, reply.label, reply.inner) == ("paid", OURS, None)
    assert (reply.problem, reply.ends, reply.calls, reply.tools) == (None, None, 1, 0)
    assert desk.journal.kinds == [("answer", ["model.called", "message.answered"])]
    assert desk.journal.charges[0] is not None


@pytest.mark.parametrize(
    ("held", "more", "actors"), [((LOOK,), {}, ["r.1"]), ((PAY, LOOK), {"guarded": False}, []), ((), {}, [])]
)
def test_who_cannot_act_or_has_no_guard_sees_everything(
    held: Sequence[Tool], more: Mapping[str, Any], actors: list[str]
) -> None:
    """Without note and handles; its words are worth what it was sent. Where policies are asked, it is known for whom."""
    desk = Desk(["fine"], held, more=more)
    assert desk.take().label == OURS.join(UNTRUSTED)
    assert desk.model.heard[0].system == "clerk: act."
    assert desk.model.heard[0].tools == tuple(one.name for one in held)
    assert desk.actors == actors


def test_words_are_ours_at_most() -> None:
    """A model's are never a person's, whatever it reads; and who wrote its instruction counts."""
    assert Desk(["fine"], sent=message(decided=TRUSTED)).take().label == TRUSTED.join(FROM_MODEL)
    plays = replace(CLERK, trust=PERSONAL)
    assert Desk(["fine"], plays=plays, sent=message(decided=TRUSTED)).take().label == PERSONAL.join(FROM_MODEL)


def test_handle_in_an_answer_is_its_text() -> None:
    """Worth no more than that; where the answer has fields, each by itself."""
    reply = Desk(["they wrote $h1"], [PAY]).take()
    assert (reply.value, reply.label) == ("they wrote obey", OURS.join(UNTRUSTED))
    schema = {"type": "object", "properties": {"a": TEXT, "b": TEXT}}
    reply = Desk(
        ['{"a": "$h1", "b": "mine"}'], [PAY], plays=replace(CLERK, agent=replace(CLERK.agent, output_schema=schema))
    ).take()
    assert reply.inner == Inner(OURS, {"a": OURS.join(UNTRUSTED), "b": OURS})


def test_earlier_turns_are_seen_again() -> None:
    """As the guard lets them be."""
    before = [Earlier(message(part("bill", "old", UNTRUSTED)), "secret word", STRANGE_SECRET)]
    guarded, other = Desk(["fine"], [PAY], before=before), Desk(["fine"], before=before)
    assert guarded.take().label == OURS
    assert other.take().label == OURS.join(STRANGE_SECRET)


# --- who may act at all -------------------------------------------------------------------------------------------------


def test_instruction_of_a_stranger_instructs_nobody_who_acts() -> None:
    """The model is not asked; that is on record once, however often the turn is taken up."""
    plays = replace(CLERK, trust=UNTRUSTED)
    desk = Desk([], [PAY], plays=plays)
    reply = desk.take()
    assert "'act.json' has words in it that a stranger may have chosen" in str(reply.problem)
    assert desk.journal.kinds == [("refused", ["instruction.refused"]), ("answer", ["message.buried"])]
    assert desk.journal.events[0].data == {"agent": "clerk", "label": UNTRUSTED.to_json()}
    again = Desk([], [PAY], plays=plays, done=desk.journal.done)
    assert again.take().problem == reply.problem
    assert again.journal.kinds == [("answer", ["message.buried"])]
    assert again.journal.writes == 0


def test_instruction_of_a_stranger_may_make_one_speak() -> None:
    """Who can do nothing in the world is no danger to it; its words are worth what its instruction is."""
    reply = Desk(["fine"], [LOOK], plays=replace(CLERK, trust=UNTRUSTED), sent=message()).take()
    assert (reply.value, reply.label) == ("fine", UNTRUSTED.join(OURS))


def test_role_may_use_fewer_tools_than_its_agent_holds() -> None:
    """One that was made up without those that act does not act."""
    plays = replace(CLERK, spawned=Spawned("reader", ("look",)))
    desk = Desk([call("pay", iban="x"), "fine"], [PAY, LOOK], plays=plays)
    assert desk.take().label == OURS.join(UNTRUSTED)
    assert desk.model.heard[0].tools == ("look",)
    assert desk.model.told[1] == ["error: there is no tool 'pay'; there are: look"]


def test_colleagues_are_tools() -> None:
    """Beside those that the agent holds, and known by their name."""
    ask = machine(tool("ask", Effect.WRITE, properties={"x": TEXT}, labelled=True), "said")
    desk = Desk([call("ask", x="?"), "fine"], [LOOK], others=[ask])
    reply = desk.take()
    assert desk.model.heard[0].tools == ("look", "ask")
    assert reply.tools == 1


def test_tools_that_do_not_start_end_the_turn() -> None:
    """Before the model is asked."""
    desk = Desk(["fine"], [ToolFailed("the server does not start")])
    assert desk.take().problem == "the server does not start"
    assert desk.model.heard == []


# --- what it is told ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "fields", "guarded", "told"),
    [
        (UNTRUSTED, {}, True, "$h2"),
        (INTERNAL, {"a": UNTRUSTED}, True, {"a": "$h2"}),
        (INTERNAL, {}, True, {"a": "b"}),
        (UNTRUSTED, {}, False, framed('{"a": "b"}', "look")),
        (INTERNAL, {"a": UNTRUSTED}, False, framed('{"a": "b"}', "look")),
        (INTERNAL, {}, False, {"a": "b"}),
    ],
)
def test_result_is_told_as_the_guard_lets_it_be(
    label: TrustLabel, fields: Mapping[str, TrustLabel], guarded: bool, told: Any
) -> None:
    """Behind handles for who acts, in a frame for who does not; what is ours is told as it is."""
    look = machine(replace(LOOK, label=label, fields=fields), {"a": "b"})
    desk = Desk([call("look", x="y"), "fine"], [look, *([PAY] if guarded else [])], sent=BILL if guarded else message())
    reply = desk.take()
    assert desk.model.told[1] == [told]
    assert reply.tools == 1
    assert reply.calls == 2
    assert desk.journal.kinds == [
        ("m1", ["model.called"]),
        ("t1-1", ["tool.called"]),
        ("answer", ["model.called", "message.answered"]),
    ]


def test_result_counts_as_seen_with_all_its_fields() -> None:
    """What the agent says from there on is worth what it saw of it."""
    look = machine(replace(LOOK, label=PERSONAL, fields={"a": SECRET}), {"a": "b"})
    assert Desk([call("look", x="y"), "fine"], [look, PAY]).take().label == OURS.join(PERSONAL).join(SECRET)


@pytest.mark.parametrize(
    ("label", "guarded", "told"),
    [
        (UNTRUSTED, True, "$h2"),
        (INTERNAL, True, "error: no x"),
        (UNTRUSTED, False, framed("error: no x", "a failure of look")),
        (INTERNAL, False, "error: no x"),
    ],
)
def test_failure_is_told_as_a_result_is(label: TrustLabel, guarded: bool, told: str) -> None:
    """It may quote what strangers wrote."""
    look = machine(LOOK, ToolFailed("no x", label=label))
    desk = Desk([call("look", x="y"), "fine"], [look, *([PAY] if guarded else [])], sent=BILL if guarded else message())
    desk.take()
    assert desk.model.told[1] == [told]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (call("fetch"), "error: there is no tool 'fetch'; there are: look"),
        (ToolCallPart("look", "[1]"), "error: the arguments of 'look' are not a JSON object"),
        (ToolCallPart("look", "no JSON"), "error: the arguments of 'look' are not a JSON object"),
        (ToolCallPart("look", '{"a":' + "[" * 99 + "]" * 99 + "}"), "error: the arguments of 'look' cannot be used"),
        (call("extract", handle="$h1", fields={"a": "text"}), "error: there is no tool 'extract'; there are: look"),
    ],
)
def test_call_that_is_none_is_told(asked: ToolCallPart, told: str) -> None:
    """It is no call: it is not counted, and not on record."""
    desk = Desk([asked, "fine"], [LOOK])
    reply = desk.take()
    assert str(desk.model.told[1][0]).startswith(told)
    assert reply.tools == 0
    bare = Desk([call("fetch"), "fine"])
    bare.take()
    assert bare.model.told[1] == ["error: there is no tool 'fetch'; there are: none"]


def test_handles_are_opened_by_who_acts() -> None:
    """What it does from there on is a stranger's."""
    desk = Desk([call("open", handle="$h1"), "fine"], [PAY])
    assert desk.take().label == OURS.join(UNTRUSTED)
    assert desk.model.told[1] == [framed("obey", "opened")]
    assert [kinds for step, kinds in desk.journal.kinds if step == "t1-1"] == [["label.opened"]]


def test_call_is_decided_by_all_that_was_seen_before_it() -> None:
    """Having opened a text, the agent may not pay without a person; before that it may."""
    opened = [call("open", handle="$h1"), call("pay", iban="DE02"), "fine"]
    desk = Desk(opened, [machine(PAY)], decisions=[Decision(Verdict.REJECTED, "bea")])
    desk.take()
    assert desk.model.told[2] == ["$h2"]
    assert len(desk.people.questions) == 1
    free = Desk([call("pay", iban="DE02"), "fine"], [machine(PAY)])
    free.take()
    assert free.people.questions == []
    assert free.asked_for == [("agent:desk/clerk", "tools:/desk/pay")]
    assert free.actors == ["r.1"]
    [called] = [event for event in free.journal.events if event.kind == "tool.called"]
    assert (called.data["actor"], called.data["agent"]) == ("user:ada", "clerk")


def test_call_after_an_answer_that_was_late_waits_for_a_person() -> None:
    """A stranger may have kept somebody waiting: what acts is decided by that, as confidential as before, and no other call."""
    late = Desk(
        [call("look", x="y"), call("pay", iban="DE02"), "fine"],
        [machine(LOOK), machine(PAY)],
        decisions=[Decision(Verdict.REJECTED, "bea")],
        kept_waiting=True,
    )
    assert late.take().label == OURS
    assert late.model.told[1] == ["done"]
    [asked] = late.people.questions
    assert asked.facts["tool"] == "pay"
    [denied] = [event for event in late.journal.events if event.kind == "tool.denied"]
    assert denied.data["decided"] == replace(OURS, integrity=UNTRUSTED.integrity).to_json()
    ask = machine(tool("ask", Effect.WRITE, properties={"x": TEXT}, labelled=True), "said")
    asking = Desk([call("ask", x="?"), "fine"], [PAY], others=[ask], kept_waiting=True)
    asking.take()
    assert isinstance(ask.invoke, Machine)
    assert ask.invoke.calls[0][1].decided == OURS.join(TRUSTED)
    unguarded = Desk([call("pay", iban="x"), "fine"], [machine(PAY)], kept_waiting=True, more={"guarded": False})
    unguarded.take()
    assert unguarded.people.questions == []


def test_tool_that_is_not_permitted_is_not_called() -> None:
    """Whatever policies say."""
    desk = Desk([call("pay", iban="DE02"), "fine"], [PAY], forbidden=["tools:/desk/pay"])
    desk.take()
    assert "may not use tools:/desk/pay" in str(desk.model.told[1])
    assert isinstance(PAY.invoke, Machine)
    assert PAY.invoke.calls == []


def test_several_calls_are_made_in_their_order() -> None:
    """Each a step of its own."""
    both = ModelResponse(parts=[call("look", x="1"), call("look", x="2")], model_name="scripted")

    class Both(Listening):
        async def request(self, messages: Any, model_settings: Any, parameters: Any) -> Any:
            found = await super().request(messages, model_settings, parameters)
            return both if len(self.told) == 1 else found

    desk = Desk(held=[machine(LOOK, "a", "b")], sent=message())
    desk.model = Both(["", "fine"])
    desk.caller = ModelCaller(OneModel(desk.model), desk.clock, concurrency=1)
    assert desk.take().tools == 2
    assert desk.model.told[1] == ["a", "b"]
    assert [step for step, _ in desk.journal.kinds] == ["m1", "t1-1", "t1-2", "answer"]


# --- how it ends --------------------------------------------------------------------------------------------------------


def limited(**limits: Any) -> Role:
    return replace(CLERK, agent=replace(CLERK.agent, limits=Limits(**limits), output_schema=CLOSED))


FINE = '{"urgent": true, "why": "obey"}'


def test_answer_that_does_not_fit_may_be_put_right() -> None:
    """As often as the agent's limits say; the model is told what is wrong."""
    desk = Desk(["no JSON", "{}", FINE], plays=limited(corrections=2))
    reply = desk.take()
    assert reply.value == {"urgent": True, "why": "obey"}
    assert reply.calls == 3
    assert "is not the JSON" in str(desk.model.told[1])
    assert "'urgent' is a required property" in str(desk.model.told[2])
    assert [step for step, _ in desk.journal.kinds] == ["m1", "m2", "answer"]


@pytest.mark.parametrize(
    ("corrections", "told"), [(0, ""), (1, " (it was told so 1 time)"), (2, " (it was told so 2 times)")]
)
def test_answer_that_never_fits_is_none(corrections: int, told: str) -> None:
    """The reason is that of the last one; every word that was said is on record, and all that was read counts."""
    desk = Desk(["{}"] * 5, plays=limited(corrections=corrections))
    reply = desk.take()
    assert reply.problem == f"the answer does not fit its schema at $: 'urgent' is a required property{told}"
    assert reply.calls == corrections + 1
    assert reply.label == OURS.join(UNTRUSTED)
    assert [step for step, _ in desk.journal.kinds] == [*(f"m{n + 1}" for n in range(corrections + 1)), "answer"]
    assert reply.ends is None


def test_turn_without_end_is_ended() -> None:
    """After as many rounds as the agent's limits say."""
    desk = Desk(
        [call("look", x="y")] * 5, [LOOK], plays=replace(CLERK, agent=replace(CLERK.agent, limits=Limits(iterations=2)))
    )
    reply = desk.take()
    assert reply.problem == "it had no answer after 2 rounds of its control loop"
    assert (reply.calls, reply.tools) == (2, 2)


def test_failure_of_who_saw_nothing_says_something_of_the_message() -> None:
    """Why there is no answer may hang on all that was sent, seen or not."""
    desk = Desk([ModelError("away")], [PAY], sent=message(part("bill", "x", STRANGE_SECRET)))
    reply = desk.take()
    assert reply.problem == "away"
    assert reply.label == OURS.join(STRANGE_SECRET).join(TRUSTED)


@pytest.mark.parametrize("ends", [RunStatus.STOPPED, RunStatus.CANCELLED])
def test_tool_may_end_the_whole_task(ends: RunStatus) -> None:
    """With the reason; it is no failure that the agent could go on from."""
    desk = Desk([call("look", x="y"), "fine"], [machine(LOOK, TurnStopped("bound met", ends=ends))])
    reply = desk.take()
    assert (reply.problem, reply.ends) == ("bound met", ends)
    assert len(desk.model.heard) == 1


# --- people -------------------------------------------------------------------------------------------------------------

ASKS = Interceptor("message", "clerk", on_timeout=OnTimeout.FAIL)


def passed(
    decision: Decision, *, says: str = FINE, plays: Role | None = None, asks: Interceptor = ASKS
) -> tuple[Reply, Desk]:
    desk = Desk([says], decisions=[decision], plays=plays or limited(), more={"interceptors": (asks,)})
    return desk.take(), desk


def test_person_lets_an_answer_go() -> None:
    """The model's words are kept before she is asked, so that they are there when she has made up her mind."""
    reply, desk = passed(Decision(Verdict.APPROVED, "bea"))
    assert reply.value == {"urgent": True, "why": "obey"}
    [asked] = desk.people.questions
    assert (asked.id, asked.kind) == ("r.1.2.answer", "message")
    assert asked.facts == {"agent": "clerk", "answer": {"urgent": True, "why": "obey"}}
    assert asked.label == OURS.join(UNTRUSTED)
    assert desk.journal.kinds == [("m1", ["model.called"]), ("answer", ["message.answered"])]


def test_answer_that_is_let_go_is_worth_what_it_was() -> None:
    """Piece by piece."""
    schema = {"type": "object", "properties": {"a": TEXT, "b": TEXT}}
    plays = replace(CLERK, agent=replace(CLERK.agent, output_schema=schema))
    desk = Desk(
        ['{"a": "$h1", "b": "mine"}'],
        [PAY],
        plays=plays,
        decisions=[Decision(Verdict.APPROVED, "bea")],
        more={"interceptors": (ASKS,)},
    )
    assert desk.take().inner == Inner(OURS, {"a": OURS.join(UNTRUSTED), "b": OURS})


def test_person_writes_another_answer() -> None:
    """Which fits the schema as the model's would; it is worth no more than the one that she read."""
    reply, _ = passed(Decision(Verdict.EDITED, "bea", {"urgent": False, "why": ""}))
    assert (reply.value, reply.label) == ({"urgent": False, "why": ""}, OURS.join(UNTRUSTED))
    reply, _ = passed(Decision(Verdict.EDITED, "bea", "words"))
    assert str(reply.problem).startswith(
        "what a person wrote in its place can not be used: the answer does not fit its schema"
    )


@pytest.mark.parametrize(
    ("written", "counts"),
    [(" better words\n", "better words"), (7, "7"), ({"a": [1]}, '{"a": [1]}')],
    ids=["text", "number", "object"],
)
def test_person_writes_words_for_words(written: Any, counts: str) -> None:
    """Of an agent without a schema the answer is a text, as the model's is, whatever she writes it as."""
    reply, _ = passed(Decision(Verdict.EDITED, "bea", written), says="words", plays=CLERK)
    assert reply.value == counts


def test_blank_that_a_person_writes_is_no_answer() -> None:
    """Any more than one of the model's would be."""
    reply, _ = passed(Decision(Verdict.EDITED, "bea", " "), says="words", plays=CLERK)
    assert str(reply.problem).startswith("what a person wrote in its place can not be used: ")


def test_person_is_told_what_she_may_write() -> None:
    """What fits the agent's schema; for one without, anything that is not blank."""
    _, desk = passed(Decision(Verdict.APPROVED, "bea"))
    assert [question.takes for question in desk.people.questions] == [CLOSED]
    _, desk = passed(Decision(Verdict.APPROVED, "bea"), says="words", plays=CLERK)
    [words] = [ArgumentSchema(question.takes or {}) for question in desk.people.questions]
    assert words.misfit("words") is None
    assert words.misfit(" \n") is not None


def test_person_rejects_an_answer() -> None:
    """Then there is none; her silence ends the task where the manifest says so."""
    reply, _ = passed(Decision(Verdict.REJECTED, "bea"))
    assert (reply.problem, reply.ends) == ("bea rejected it", None)
    reply, _ = passed(Decision(Verdict.REJECTED, "clock"))
    assert reply.ends is RunStatus.FAILED


def test_person_is_asked_by_what_the_answer_holds() -> None:
    """An answer without fields has none to go by."""
    _, desk = passed(Decision(Verdict.APPROVED, "bea"), asks=replace(ASKS, when={"why": "obey"}))
    assert len(desk.people.questions) == 1
    _, desk = passed(Decision(Verdict.APPROVED, "bea"), asks=replace(ASKS, when={"why": "other"}))
    assert desk.people.questions == []
    plain = Desk(["fine"], more={"interceptors": (replace(ASKS, when={"why": "obey"}),)})
    assert plain.take().value == "fine"


# --- endorsed and remembered --------------------------------------------------------------------------------------------


def test_closed_answer_of_a_reader_may_be_endorsed() -> None:
    """Where policies say so: with an event, before the answer's own; not for an agent that acts, nor without a guard."""
    desk = Desk([FINE], plays=limited(), policies=[ENDORSES])
    reply = desk.take()
    whole = OURS.join(UNTRUSTED)
    assert (reply.label, reply.inner) == (whole, Inner(raised(whole), {"urgent": raised(whole), "why": whole}))
    assert desk.journal.kinds == [("answer", ["model.called", "label.endorsed", "message.answered"])]
    assert desk.journal.events[1].data["actor"] == "user:ada"
    assert desk.journal.events[1].subject == "r.1.2"
    unguarded = Desk([FINE], plays=limited(), policies=[ENDORSES], more={"guarded": False})
    assert unguarded.take().inner is None
    assert unguarded.actors == []
    acting = Desk([call("open", handle="$h1"), FINE], [PAY], plays=limited(), policies=[ENDORSES])
    assert acting.take().inner is None


def test_values_are_remembered_with_what_they_are_worth() -> None:
    """What was read for the answer counts for all of them; an empty one is not worth remembering."""
    recall = Recall("desk", 1, ("bill",), keeps=("bill", "said", "note", "gone"))
    plays = replace(CLERK, agent=replace(CLERK.agent, memory=recall))
    sent = message(part("bill", {"a": 1}, PERSONAL), part("note", "  ", INTERNAL))
    desk = Desk(["fine"], plays=plays, sent=sent)
    label = desk.take().label
    assert label == OURS.join(PERSONAL)
    assert desk.remembered == [
        ("agent:desk/clerk", "desk", '{"a": 1}', "r.1.2/bill", label),
        ("agent:desk/clerk", "desk", "fine", "r.1.2/said", label),
    ]
    assert desk.journal.kinds == [("m1", ["model.called"]), ("answer", ["message.answered"])]
    keeps = replace(CLERK, agent=replace(CLERK.agent, memory=Recall("desk", 1, ("bill",))))
    assert Desk(["fine"], plays=keeps).take().value == "fine"


# --- an agent without a model -------------------------------------------------------------------------------------------

CALLS = replace(CLERK, agent=replace(CLERK.agent, calls="look", reads=("x",)), prompt=None)


def test_agent_without_a_model_hands_over_what_it_reads() -> None:
    """Nothing else of the message; its answer is worth what went in and what came out, field by field."""
    look = machine(replace(LOOK, label=PERSONAL, fields={"a": SECRET}), {"a": "b"})
    desk = Desk([], [look], plays=CALLS, sent=message(part("x", "y", INTERNAL), part("bill", "z", INTERNAL)))
    reply = desk.take()
    assert isinstance(look.invoke, Machine)
    assert [arguments for arguments, _ in look.invoke.calls] == [{"x": "y"}]
    assert reply.value == {"a": "b"}
    assert reply.label == PERSONAL.join(SECRET).join(INTERNAL).join(TRUSTED)
    assert (reply.calls, reply.tools) == (0, 1)
    assert desk.journal.kinds == [("t1-1", ["tool.called"]), ("answer", ["message.answered"])]


def test_nothing_is_added_where_no_model_speaks() -> None:
    """What a person asked of a person's service is a person's."""
    look = machine(replace(LOOK, label=TRUSTED), "b")
    desk = Desk([], [look], plays=CALLS, sent=message(part("x", "y", TRUSTED), decided=TRUSTED))
    assert desk.take().label == TRUSTED
    assert isinstance(look.invoke, Machine)
    assert look.invoke.calls[0][1].decided == TRUSTED


def test_its_failure_is_worth_what_the_call_was() -> None:
    """What was handed over and what came back."""
    look = machine(LOOK, ToolFailed("no y", label=STRANGE_SECRET))
    reply = Desk([], [look], plays=CALLS, sent=message(part("x", "y", PERSONAL))).take()
    assert reply.problem == "no y"
    assert reply.label == STRANGE_SECRET.join(PERSONAL).join(TRUSTED)


def test_its_result_fits_the_schema() -> None:
    """As a model's answer must."""
    closed = replace(CALLS, agent=replace(CALLS.agent, output_schema=CLOSED))
    sent = message(part("x", "y", INTERNAL))
    good = Desk([], [machine(LOOK, {"urgent": True, "why": ""})], plays=closed, sent=sent, policies=[ENDORSES]).take()
    assert good.value == {"urgent": True, "why": ""}
    assert good.inner is None
    text = Desk([], [machine(LOOK, FINE)], plays=closed, sent=sent).take()
    assert text.value == {"urgent": True, "why": "obey"}
    bad = Desk([], [machine(LOOK, "words")], plays=closed, sent=sent).take()
    assert "is not the JSON" in str(bad.problem)


def test_its_call_that_acts_is_mediated() -> None:
    """What strangers chose waits for a person as any call does, and is decided by who had the turn taken."""
    plays = replace(CALLS, agent=replace(CALLS.agent, calls="pay", reads=("iban",)))
    desk = Desk(
        [],
        [PAY],
        plays=plays,
        sent=message(part("iban", "x", UNTRUSTED)),
        decisions=[Decision(Verdict.REJECTED, "bea")],
    )
    assert desk.take().problem == "bea rejected it"
    ours = Desk([], [machine(PAY)], plays=plays, sent=message(part("iban", "x", INTERNAL)))
    assert ours.take().value == "done"
    assert ours.people.questions == []
