"""A network that is up: one-way messages, topics, requests with a deadline; and what its callers hear when it goes down."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from tests.network.speaking import Heard, Says, Speaking, speaking_on

from stemma import Prompt
from stemma.core.errors import InvalidInput, NotFound
from stemma.core.trust import Integrity
from stemma.ledger.scope import Scope
from stemma.network import Interceptor, Manifest, MessageStatus, Networks, RunStatus, define_agent, define_network
from stemma.network.live import LiveNetwork, NoAnswer
from stemma.network.worker import WorkerStopped

on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
SOON = 20.0  # seconds: far more than anything here takes


def desk(*interceptors: Interceptor) -> Manifest:
    agents = [
        define_agent("one", Prompt("one: act."), reads=["ticket"], writes="one_says"),
        define_agent("two", Prompt("two: act."), reads=["ticket", "one_says?"], writes="two_says"),
        define_agent("three", Prompt("three: act."), reads=["ticket", "one_says"], writes="three_says"),
    ]
    return define_network(
        "desk",
        inputs=["ticket"],
        agents=agents,
        flow=["one", "three"],
        model="speaking",
        topics={"news": ("one", "two")},
        interceptors=interceptors,
    )


def up(scope: Scope, script: dict[str, Says] | None = None, *interceptors: Interceptor) -> tuple[Networks, LiveNetwork]:
    spoken: dict[str, Says] = {name: (lambda heard: f"{heard.agent} spoke") for name in ("one", "two", "three")}
    networks = speaking_on(scope, Speaking(spoken | (script or {})))
    return networks, networks.up(desk(*interceptors))


async def never(_: Heard) -> str:
    await asyncio.Event().wait()
    return ""


def test_request_is_answered(scope: Scope) -> None:
    """The value of one agent comes back; what is given from outside is untrusted, and the task is on record as any is."""
    networks, live = up(scope)
    with live:
        assert live.request("one", ticket="help", deadline=SOON) == "one spoke"
        assert live.request("two", ticket="help", deadline=SOON) == "two spoke"
    [run, _] = networks.ls()
    assert run.status is RunStatus.COMPLETED
    first = networks.show(run.id).messages[0].message
    assert first.label.integrity is Integrity.UNTRUSTED


def test_message_is_sent_and_nobody_waits(scope: Scope) -> None:
    """It is durable when the call returns; who looks later finds how it ended, and the whole flow can be sent too."""
    networks, live = up(scope)
    with live:
        sent, whole = live.send("one", ticket="help"), live.run(ticket="help")
        assert networks.show(sent.id).run.id == sent.id
        assert sent.result(SOON).values == {"one_says": "one spoke"}
        assert list(whole.result(SOON).values) == ["one_says", "three_says"]


def test_topic_reaches_every_subscriber(scope: Scope) -> None:
    """A post goes to those who subscribe, a broadcast to those who can read it."""
    _, live = up(scope)
    with live:
        assert live.publish("news", ticket="help").result(SOON).values == {
            "one_says": "one spoke",
            "two_says": "two spoke",
        }
        assert list(live.broadcast(ticket="help").result(SOON).values) == ["one_says", "two_says"]


@on_sqlite
@pytest.mark.parametrize(
    ("wrong", "error", "told"),
    [
        (
            lambda live: live.publish("gossip", ticket="x"),
            NotFound,
            "has no topic 'gossip'; its topics are: news",
        ),
        (lambda live: live.broadcast(weather="x"), InvalidInput, "no agent of network 'desk' reads just weather"),
        (lambda live: live.send("one"), InvalidInput, "'ticket' is missing"),
        (lambda live: live.send("nobody", ticket="x"), NotFound, "has no agent 'nobody'"),
    ],
)
def test_wrong_use_sends_nothing(
    scope: Scope, wrong: Callable[[LiveNetwork], Any], error: type[Exception], told: str
) -> None:
    """What cannot reach anybody is refused, with what there is."""
    networks, live = up(scope)
    with live, pytest.raises(error, match=told):
        wrong(live)
    assert networks.ls() == []


def test_request_beyond_its_deadline_is_cancelled(scope: Scope) -> None:
    """The caller goes on, and so does the network: the task ends with everything under it, and its hand is free again."""
    networks, live = up(scope, {"one": never})
    with live:
        with pytest.raises(TimeoutError):
            live.request("one", ticket="help", deadline=0.05)
        assert live.request("two", ticket="help", deadline=SOON) == "two spoke"
        [cancelled] = [run for run in networks.ls() if run.status is RunStatus.CANCELLED]
    assert networks.letters.ls(run=cancelled.id)[0].status is MessageStatus.CANCELLED


def test_whoever_waits_hears_of_a_cancellation(scope: Scope) -> None:
    """A task that somebody else cancels does not leave its caller waiting."""
    networks, live = up(scope, {"one": never})
    with live:
        sent = live.send("one", ticket="help")
        networks.cancel(sent.id)
        assert sent.result(SOON).status is RunStatus.CANCELLED


@on_sqlite
def test_agent_without_an_answer_is_said(scope: Scope) -> None:
    """A request that fails says why; one broken turn does not bring the others down."""
    script: dict[str, Says] = {"one": lambda _: "", "two": lambda _: ValueError("nobody foresaw this")}
    _, live = up(scope, script)
    with live:
        with pytest.raises(NoAnswer, match="the model answered with nothing"):
            live.request("one", ticket="help", deadline=SOON)
        with pytest.raises(NoAnswer, match="it broke 5 times"):
            live.request("two", ticket="help", deadline=SOON)
        assert live.send("one", ticket="help").result(SOON).status is RunStatus.FAILED


def test_network_that_goes_down_leaves_nobody_waiting(scope: Scope) -> None:
    """What waits for a person is left to others who work on the store; whoever waits, or sends more, hears that it is down."""
    networks, live = up(scope, {}, Interceptor("message", "one"))
    with live:
        sent = live.send("one", ticket="help")
        heard: list[BaseException] = []

        def waits() -> None:
            try:
                sent.result(SOON)
            except BaseException as error:  # noqa: BLE001 - looked at below
                heard.append(error)

        waiting = threading.Thread(target=waits)
        waiting.start()
    waiting.join(SOON)
    assert [type(error) for error in heard] == [WorkerStopped]
    with pytest.raises(WorkerStopped, match="'desk' is down"):
        live.send("one", ticket="help")
    assert networks.show(sent.id).run.status is RunStatus.RUNNING
