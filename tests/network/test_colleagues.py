"""Agents that ask each other, and post to topics, in the middle of their turns."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.messages import ToolCallPart
from tests.network.speaking import Breaks, Heard, Says, Speaking, ask, post, speaking_on

from stemma import Prompt
from stemma.core.trust import INTERNAL, TRUSTED, UNTRUSTED, Confidentiality, Integrity, TrustLabel
from stemma.ledger.scope import Scope
from stemma.network import (
    BatchResult,
    Bounds,
    Condition,
    Interceptor,
    Knowledge,
    Limits,
    Loop,
    Manifest,
    MessageStatus,
    Networks,
    OnTimeout,
    Phase,
    Phases,
    Recall,
    Run,
    RunStatus,
    Step,
    ToolSpec,
    Verdict,
    define_agent,
    define_network,
)
from stemma.network.admission import Address, Turned
from stemma.network.inbox import post as written
from stemma.network.manifest.definition import DefinedAgent
from stemma.network.message import Message, Part, PartKind
from stemma.network.run import Sent
from stemma.network.tools.tool import Effect
from stemma.network.topics import Post, publish

on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)

TICKET = {"ticket": "refund me", "amount": "12"}
SECRET = TrustLabel(Integrity.UNTRUSTED, Confidentiality.SECRET)


def agent(name: str, *reads: str, writes: str = "", **options: Any) -> DefinedAgent:
    """An agent that writes ``<name>_says``, and whose prompt begins with its name."""
    return define_agent(name, Prompt(f"{name}: act."), reads=reads, writes=writes or f"{name}_says", **options)


def desk(*others: DefinedAgent, **changed: Any) -> Manifest:
    """A desk at which `support` asks `billing`; `changed` are its options, those of the network among them."""
    network = {
        name: changed.pop(name) for name in ("bounds", "tools", "interceptors", "inbox", "folder") if name in changed
    }
    return define_network(
        "desk",
        inputs=changed.pop("inputs", tuple(TICKET)),
        agents=[
            agent("support", "ticket", "amount", **({"asks": ("billing",)} | changed)),
            *others,
            *([] if any(one.agent.name == "billing" for one in others) else [agent("billing", "amount", "question")]),
        ],
        flow=["support"],
        model="speaking",
        **network,
    )


def asks_once(question: str, name: str = "billing") -> Says:
    """Asks, then answers with what it was told."""
    return lambda heard: f"told: {heard.told[-1]}" if heard.told else ask(name, question)


def ran(scope: Scope, manifest: Manifest, script: Mapping[str, Says], **options: Any) -> tuple[Networks, Run, Speaking]:
    """One ticket through the network, with the model that spoke in it."""
    model = Speaking(script)
    networks = speaking_on(scope, model)
    return networks, networks.run(manifest, [TICKET], **options).runs[0], model


def sent(networks: Networks, run: Run) -> dict[str, Sent]:
    """The last message to each recipient."""
    return {one.message.recipient: one for one in networks.show(run.id).messages}


def test_agent_asks_another_in_the_middle_of_its_turn(scope: Scope) -> None:
    """The colleague is sent what it reads of the asker's own message and the question, one level below; its answer is told."""
    networks, run, model = ran(scope, desk(), {"support": asks_once("is it due?"), "billing": lambda _: "it is due"})
    assert run.outcome is not None
    assert run.outcome.values == {"support_says": "told: it is due"}
    asked = sent(networks, run)["billing"].message
    assert (asked.sender, asked.depth, asked.data) == ("support", 2, {"amount": "12", "question": "is it due?"})
    assert asked.id.startswith(f"{run.id}.1.t1-1-")
    assert [heard.tools for heard in model.heard] == [("ask",), (), ("ask",)]
    assert run.spent.messages == 2
    assert [entry.subject for entry in scope.ledger.tail(50) if entry.kind == "tool.called"] == [f"{run.id}.1.t1-1"]


@on_sqlite
def test_question_carries_all_that_the_asker_has_read(scope: Scope) -> None:
    """A colleague who reads nothing from outside is told the question with the label of the asker's whole turn."""
    manifest = desk(
        agent("policy", "question"), asks=("policy", "billing"), inputs={"ticket": SECRET, "amount": TRUSTED}
    )
    networks, run, _ = ran(scope, manifest, {"support": asks_once("may I?", "policy"), "policy": lambda _: "yes"})
    asked = sent(networks, run)["policy"].message
    assert SECRET.flows_to(asked.label)
    assert [part.label.integrity for part in asked.parts] == [Integrity.TRUSTED, Integrity.UNTRUSTED]


@on_sqlite
def test_answer_carries_its_own_label(scope: Scope, tmp_path: Path) -> None:
    """What a colleague read in its turn labels what the asker says after it, whatever the asker read itself."""
    (tmp_path / "tools.py").write_text("def bills() -> str:\n    '''The bills.'''\n    return 'x'\n")
    look = ToolSpec("bills", "python", {"function": "tools.py:bills"}, effect=Effect.READ, label=SECRET)
    billing = agent("billing", "question", tools=("bills",))
    manifest = desk(billing, inputs=dict.fromkeys(TICKET, TRUSTED), tools=(look,), folder=tmp_path)

    def looks(heard: Heard) -> Any:
        return "paid" if heard.told else ToolCallPart("bills", {})

    _, run, _ = ran(scope, manifest, {"support": asks_once("paid?"), "billing": looks})
    assert run.outcome is not None
    assert SECRET.flows_to(run.outcome.labels["support_says"])


@on_sqlite
def test_earlier_turns_label_what_is_said_after_them(scope: Scope, tmp_path: Path) -> None:
    """An agent that sees its own earlier turn again says nothing more trusted than what it had read in that one."""
    (tmp_path / "tools.py").write_text("def bills() -> str:\n    '''The bills.'''\n    return 'x'\n")
    look = ToolSpec("bills", "python", {"function": "tools.py:bills"}, effect=Effect.READ, label=SECRET)
    agents = [
        agent("support", "ticket", asks=("billing",)),
        agent("second", "ticket", asks=("billing",)),
        agent("billing", "question", tools=("bills",), history=1),
    ]
    flow = Phases("all", (Phase("one", (Step("support"),)), Phase("two", (Step("second"),), depends_on=("one",))))
    manifest = define_network(
        "desk",
        inputs={"ticket": TRUSTED},
        agents=agents,
        flow=flow,
        model="speaking",
        tools=(look,),
        folder=tmp_path,
    )

    def billing(heard: Heard) -> Any:
        return "paid" if heard.told or "since" in heard.user else ToolCallPart("bills", {})

    script = {"support": asks_once("paid?"), "second": asks_once("since when?"), "billing": billing}
    _, run, _ = ran(scope, manifest, script)
    assert run.outcome is not None
    assert SECRET.flows_to(run.outcome.labels["second_says"])


@on_sqlite
@pytest.mark.parametrize(
    ("billing", "says", "reason"),
    [
        (
            agent("billing", "question", limits=Limits(corrections=0), output_schema={"enum": ["yes"]}),
            "no",
            "not the JSON",
        ),
        (agent("billing", "question", limits=Limits(deadline=0.05)), None, "no answer within 0.05 seconds"),
    ],
)
def test_colleague_without_an_answer(scope: Scope, billing: DefinedAgent, says: str | None, reason: str) -> None:
    """The asker is told why, with the label of what the colleague had read, and goes on; the question is a dead letter."""

    async def never() -> str:
        await asyncio.Event().wait()
        return ""

    networks, run, _ = ran(scope, desk(billing), {"support": asks_once("due?"), "billing": lambda _: says or never()})
    assert run.status is RunStatus.COMPLETED
    assert run.outcome is not None
    assert run.outcome.values["support_says"].startswith("told: error: billing has no answer: ")
    assert reason in run.outcome.values["support_says"]
    assert sent(networks, run)["billing"].status is MessageStatus.DEAD


@on_sqlite
def test_value_that_is_not_known_yet(scope: Scope) -> None:
    """A colleague who needs what the asker may lack, and lacks, is not asked; the asker is told what is missing."""
    first = agent("support", "ticket", "late?", asks=("billing",))
    others = [agent("billing", "late", "question"), agent("clerk", "ticket", writes="late")]
    manifest = define_network(
        "desk",
        inputs=["ticket"],
        agents=[first, *others],
        flow=Loop("rounds", (Step("support"), Step("clerk")), Condition({"late": "x"}), 1),
        model="speaking",
    )
    _, run, _ = ran(scope, manifest, {"support": asks_once("due?"), "clerk": lambda _: "x"})
    assert run.outcome is not None
    assert run.outcome.values["support_says"] == "told: error: billing needs 'late', which is not known yet"


def test_who_waits_keeps_nobody_from_working(scope: Scope) -> None:
    """With one turn at a time, and one replica each, a chain of questions is answered: who waits gives its place away."""
    chain = [
        agent("billing", "question", asks=("ledger",), replicas=1),
        agent("ledger", "question", asks=("bank",), replicas=1),
        agent("bank", "question", replicas=1),
    ]
    script = {"support": asks_once("due?"), "billing": asks_once("due?", "ledger"), "ledger": asks_once("due?", "bank")}
    _, run, _ = ran(scope, desk(*chain), script | {"bank": lambda _: "yes"}, concurrency=1)
    assert run.outcome is not None
    assert run.outcome.values == {"support_says": "told: told: told: yes"}


@on_sqlite
@pytest.mark.parametrize(
    ("bounds", "reason"),
    [
        (Bounds(depth=3), "bound of 3 messages below each other is met"),
        (Bounds(messages=2), "bound of 2 messages is met"),
        (Bounds(calls=2), "bound of 2 model calls is met"),
    ],
)
def test_question_beyond_a_bound_stops_the_task(scope: Scope, bounds: Bounds, reason: str) -> None:
    """Agents that ask themselves over and over come to an end at the bounds of the task, and everything under it with them."""
    manifest = desk(agent("billing", "question", asks=("billing",)), bounds=bounds)
    networks, run, _ = ran(scope, manifest, {"support": asks_once("due?"), "billing": asks_once("due?")})
    assert run.status is RunStatus.STOPPED
    assert run.outcome is not None
    assert reason in str(run.outcome.reason)
    assert run.spent.messages <= bounds.depth
    assert all(one.status.is_final for one in networks.show(run.id).messages)


@on_sqlite
def test_one_turn_sends_no_more_than_its_fan_out(scope: Scope) -> None:
    """Questions of one turn count against the bound, those of other turns of the same agent do not."""
    script: dict[str, Says] = {
        "support": lambda heard: ask("billing", f"question {len(heard.told)}"),
        "billing": lambda _: "yes",
    }
    _, run, _ = ran(scope, desk(bounds=Bounds(fan_out=2)), script)
    assert run.outcome is not None
    assert run.outcome.reason == "the task's bound of 2 messages sent in one turn is met"
    assert run.spent.messages == 3


@on_sqlite
def test_colleague_remembers_and_searches_as_usual(scope: Scope, tmp_path: Path) -> None:
    """The question is what it searches its folder and its memory for, as it would for any value that it reads."""
    (tmp_path / "help").mkdir()
    (tmp_path / "help" / "bills.md").write_text("# Bills\n\nBills are due in May.\n\n# Cards\n\nCards are blue.\n")
    billing = agent(
        "billing",
        "question",
        knowledge=Knowledge("help", 1, ("question",), INTERNAL),
        memory=Recall("bills", 1, ("question",), ("billing_says",)),
    )
    manifest = desk(billing, folder=tmp_path)
    script = {"support": asks_once("when are bills due?"), "billing": lambda _: "bills are due in May"}
    networks, _, _ = ran(scope, manifest, script)
    again = networks.run(manifest, [TICKET], new=True).runs[0]
    asked = sent(networks, again)["billing"].message
    assert [passage["heading"] for passage in asked.data["context"]] == ["Bills"]
    assert asked.data["memory"] == ["bills are due in May"]


@on_sqlite
def test_person_may_be_asked_before_a_question(scope: Scope) -> None:
    """`ask` is a tool like others: an interceptor may stand before it, and what the person writes is what is asked."""
    manifest = desk(interceptors=(Interceptor("tool", "support/ask"),))
    model = Speaking({"support": asks_once("due?"), "billing": lambda _: "yes"})
    networks = speaking_on(scope, model)
    [run] = networks.run(manifest, [TICKET], wait=False).runs
    [waiting] = networks.questions.ls()
    networks.questions.decide(
        waiting.question.id, Verdict.EDITED, value={"agent": "billing", "question": "since when?"}
    )
    [run] = networks.run(manifest, [TICKET]).runs
    assert sent(networks, run)["billing"].message.data["question"] == "since when?"


@on_sqlite
def test_agents_that_are_up_ask_each_other(scope: Scope) -> None:
    """A message to one agent of a network that is up may set off questions; a colleague may be asked from outside, too."""
    model = Speaking({"support": asks_once("due?"), "billing": lambda heard: f"heard {heard.user.splitlines()[-1]}"})
    with speaking_on(scope, model).up(desk(), concurrency=1) as live:
        assert live.request("support", deadline=10, **TICKET) == "told: heard question: due?"
        assert live.request("billing", deadline=10, amount="3", question="why?") == "heard question: why?"


@on_sqlite
def test_silence_that_fails_a_colleague_fails_the_task(scope: Scope) -> None:
    """What ends the whole task in a colleague's turn ends it through all who wait for that turn, in the same way."""
    asking = Interceptor("message", "billing", timeout=0.01, on_timeout=OnTimeout.FAIL)
    _, run, _ = ran(scope, desk(interceptors=(asking,)), {"support": asks_once("due?"), "billing": lambda _: "yes"})
    assert run.status is RunStatus.FAILED
    assert run.outcome is not None
    assert "in time" in str(run.outcome.reason)


@pytest.mark.parametrize("who", ["support", "billing"])
def test_question_is_asked_once_whatever_dies(scope: Scope, who: str) -> None:
    """The asker, taken up again after a crash, finds the same message; the colleague's answer is never paid for twice."""
    after_answer = Breaks(lambda heard: f"told: {heard.told[-1]}")
    billing = Breaks(lambda _: "it is due", times=int(who == "billing"))

    def support(heard: Heard) -> Any:
        return after_answer(heard) if heard.told and who == "support" else asks_once("due?")(heard)

    networks = speaking_on(scope, Speaking({"support": support, "billing": billing}))
    with pytest.raises(RuntimeError, match="the process died here"):
        networks.run(desk(), [TICKET])
    result = networks.run(desk(), [TICKET])
    assert result.resumed == 1
    assert result.runs[0].outcome is not None
    assert result.runs[0].outcome.values == {"support_says": "told: it is due"}
    assert [one.message.recipient for one in networks.show(result.runs[0].id).messages] == [
        "support",
        "billing",
        "caller",
    ]
    assert billing.asked == 1 + (who == "billing")


# --- topics -----------------------------------------------------------------------------------------------------------

TOPICS = {"news": ("archive", "press")}
SUBSCRIBERS = (agent("archive", "ticket", "posted"), agent("press", "posted"))


def posts_once(heard: Heard) -> Any:
    return f"told: {heard.told[-1]}" if heard.told else post("news", "it is paid")


def runs_with_late_press(scope: Scope, press: Says) -> Callable[[], BatchResult]:
    """Runs the newsroom once, each time that it is called; its `press` says nothing until the run has ended."""
    script: dict[str, Says] = {"support": posts_once}
    networks = speaking_on(scope, Speaking(script))

    def run() -> BatchResult:
        ended = asyncio.Event()

        async def late(heard: Heard) -> Any:
            async with asyncio.timeout(10):
                await ended.wait()
            return press(heard)

        script["press"] = late
        return networks.run(newsroom(agent("press", "posted")), [TICKET], progress=lambda _: ended.set())

    return run


def newsroom(*subscribers: DefinedAgent, **changed: Any) -> Manifest:
    others = subscribers or SUBSCRIBERS
    return define_network(
        "desk",
        inputs=tuple(TICKET),
        agents=[agent("support", "ticket", "amount", publishes=("news",)), *others],
        flow=["support"],
        model="speaking",
        topics={"news": tuple(one.agent.name for one in others)},
        **changed,
    )


def test_post_goes_to_every_subscriber_and_nobody_waits(scope: Scope) -> None:
    """The run completes with what its flow wrote, what was posted is answered after it, and all is charged to the run."""
    script: dict[str, Says] = {"support": posts_once, "archive": lambda _: "kept", "press": lambda _: "printed"}
    networks, run, _ = ran(scope, newsroom(), script)
    assert run.outcome is not None
    assert run.outcome.values == {"support_says": "told: posted to news, for archive, press"}
    there = sent(networks, run)
    assert there["archive"].message.data == {"ticket": "refund me", "posted": "it is paid"}
    assert [there[name].answer["value"] for name in ("archive", "press") if there[name].answer] == ["kept", "printed"]  # type: ignore[index]
    assert {there[name].message.id for name in ("archive", "press")} == {
        f"{run.id}.1.t1-1-archive",
        f"{run.id}.1.t1-1-press",
    }
    assert (run.spent.messages, run.spent.calls) == (3, 4)


def test_what_was_posted_outlives_the_run(scope: Scope) -> None:
    """A process that dies behind the end of the run leaves nothing undone: the batch goes on with what was posted."""
    press = Breaks(lambda _: "printed", times=2)
    run_it = runs_with_late_press(scope, press)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="the process died here"):
            run_it()
    result = run_it()
    assert result.resumed == 1
    networks = speaking_on(scope, Speaking({}))
    [run] = networks.ls()
    assert press.asked == 3
    assert run.status is RunStatus.COMPLETED
    assert sent(networks, run)["press"].status is MessageStatus.ANSWERED


@on_sqlite
def test_subscriber_may_ask_when_the_run_is_complete(scope: Scope) -> None:
    """A turn that outlives its run sends messages of its own, within the run's bounds."""
    press = agent("press", "posted", asks=("legal",))
    manifest = define_network(
        "desk",
        inputs=tuple(TICKET),
        agents=[agent("support", "ticket", publishes=("news",)), press, agent("legal", "question")],
        flow=["support"],
        model="speaking",
        topics={"news": ("press",)},
    )
    script: dict[str, Says] = {"support": posts_once, "press": asks_once("may we?", "legal"), "legal": lambda _: "yes"}
    networks, run, _ = ran(scope, manifest, script, concurrency=1)
    answer = sent(networks, run)["press"].answer
    assert answer is not None
    assert answer["value"] == "told: yes"
    assert sent(networks, run)["legal"].message.depth == 3


@on_sqlite
def test_post_that_nobody_can_use_is_a_dead_letter(scope: Scope) -> None:
    """A subscriber without a usable answer fails alone: the run is complete, and the message can be looked at."""
    press = agent("press", "posted", limits=Limits(corrections=0), output_schema={"enum": ["yes"]})
    networks, run, _ = ran(scope, newsroom(press), {"support": posts_once, "press": lambda _: "no"})
    assert run.status is RunStatus.COMPLETED
    [letter] = networks.letters.ls(status=MessageStatus.DEAD)
    assert letter.message.recipient == "press"
    assert "not the JSON" in str(letter.reason)


@on_sqlite
def test_cancelling_a_run_that_is_complete_cancels_what_it_posted(scope: Scope) -> None:
    """Everything under a task can be ended, though the flow itself has ended."""
    press = Breaks(lambda _: "printed", times=1000)
    with pytest.raises(RuntimeError, match="the process died here"):
        runs_with_late_press(scope, press)()
    networks = speaking_on(scope, Speaking({}))
    run = networks.cancel(networks.ls()[0].id)
    assert run.status is RunStatus.COMPLETED
    assert sent(networks, run)["press"].status is MessageStatus.CANCELLED


def test_post_is_in_every_inbox_or_in_none(scope: Scope) -> None:
    """Where one subscriber's inbox is full, or a bound leaves room for one of two, nothing is sent; again, nothing twice."""
    networks, run, _ = ran(
        scope, newsroom(), {"support": lambda _: "done", "archive": lambda _: "", "press": lambda _: ""}
    )
    asker = f"{run.id}.9"

    def message(id: str, to: str) -> Message:
        part = Part(PartKind.DATA, "posted", "it is paid", UNTRUSTED)
        return Message.compose(id, run.id, sender="support", recipient=to, parts=[part])

    posts = [
        Post(message(f"{asker}.t1-1-{name}", name), Address(f"desk/{name}", None, 1)) for name in ("archive", "press")
    ]
    with scope.write() as tx:
        written(tx, message(asker, "support"), status=MessageStatus.RUNNING, inbox="desk/support", owner="me")
        written(tx, message(f"{run.id}.8", "press"), status=MessageStatus.WAITING, inbox="desk/press")
    with scope.write() as tx:
        full = publish(tx, posts, bounds=Bounds(), by="me", asker=asker)
    assert isinstance(full, Turned)
    assert full.why == "full"
    roomy = [Post(one.message, Address(one.address.inbox, None, 9)) for one in posts]
    with scope.write() as tx:
        met = publish(tx, roomy, bounds=Bounds(messages=run.spent.messages + 1), by="me", asker=asker)
    assert isinstance(met, Turned)
    assert met.why == "bound"
    with scope.write() as tx:
        other = publish(tx, roomy, bounds=Bounds(), by="somebody else", asker=asker)
    assert isinstance(other, Turned)
    assert other.why == "ended"
    assert not networks.letters.ls(run=run.id, agent="archive")
    for _ in range(2):
        with scope.write() as tx:
            assert publish(tx, roomy, bounds=Bounds(), by="me", asker=asker) is None
    assert len(networks.letters.ls(run=run.id, agent="archive")) == 1
    assert networks.show(run.id).run.spent.messages == run.spent.messages + 2
