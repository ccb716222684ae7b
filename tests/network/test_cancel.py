"""Cancelling: a run ends with everything under it, whoever works on it, and nothing of it is heard of afterwards."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.network.speaking import Heard, Speaking, speaking_on

from stemma import Prompt
from stemma.core.errors import NotFound
from stemma.ledger.scope import Scope
from stemma.network import (
    Interceptor,
    Manifest,
    MessageStatus,
    Networks,
    Phase,
    Phases,
    RunStatus,
    Step,
    define_agent,
    define_network,
)

NAMES = ("one", "two")


def pair(*interceptors: Interceptor) -> Manifest:
    """Two agents at the same time."""
    agents = [define_agent(name, Prompt(f"{name}: act."), reads=["ticket"], writes=f"{name}_says") for name in NAMES]
    flow = Phases("both", (Phase("both", tuple(Step(name) for name in NAMES), parallel=True),))
    return define_network(
        "desk", inputs=["ticket"], agents=agents, flow=flow, model="speaking", interceptors=interceptors
    )


def ran(scope: Scope, manifest: Manifest, says: Callable[[Networks, Heard], Awaitable[str]]) -> Networks:
    """Runs one ticket whose agents may cancel it."""
    model = Speaking({})
    networks = speaking_on(scope, model)
    model.script = dict.fromkeys(NAMES, lambda heard: says(networks, heard))
    networks.run(manifest, [{"ticket": "help"}])
    return networks


def test_run_is_cancelled_while_its_agents_work(scope: Scope) -> None:
    """Turns under way are cut off, what they say is not recorded, and each message says why it has no answer."""
    both, cut_off = asyncio.Barrier(2), list[str]()

    async def says(networks: Networks, heard: Heard) -> str:
        await both.wait()
        if heard.agent == "one":
            await asyncio.to_thread(networks.cancel, networks.ls()[0].id)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cut_off.append(heard.agent)
            raise
        return "too late"

    networks = ran(scope, pair(), says)
    [run] = networks.ls()
    assert run.status is RunStatus.CANCELLED
    assert run.outcome is not None
    assert (run.outcome.values, run.outcome.reason) == ({}, "cancelled by ada")
    letters = networks.letters.ls()
    assert {letter.status for letter in letters} == {MessageStatus.CANCELLED}
    assert {letter.reason for letter in letters} == {"the run ended: cancelled"}
    assert sorted(cut_off) == ["one", "two"]
    kinds = [entry.kind for entry in scope.ledger.tail()]
    assert (kinds.count("run.finished"), kinds.count("model.called")) == (1, 0)


def test_answer_that_comes_after_the_cancelling_is_not_written(scope: Scope) -> None:
    """A model that answers just then has spoken in vain: the turn is turned away when it wants to write that down."""

    async def says(networks: Networks, heard: Heard) -> str:
        if heard.agent == "one":
            await asyncio.to_thread(networks.cancel, networks.ls()[0].id)
        return "spoke"

    networks = ran(scope, pair(), says)
    [run] = networks.ls()
    assert run.status is RunStatus.CANCELLED
    assert next(one for one in networks.letters.ls() if one.message.recipient == "one").answer is None


def test_cancelled_run_asks_nobody_any_more(scope: Scope) -> None:
    """A question that waits for a person is closed with its run, which is not taken up again."""
    model = Speaking(dict.fromkeys(NAMES, lambda _: "spoke"))
    networks = speaking_on(scope, model)
    manifest = pair(Interceptor("phase", "both"))
    [run] = networks.run(manifest, [{"ticket": "help"}], wait=False).runs
    assert run.status is RunStatus.RUNNING
    networks.cancel(run.id)
    assert networks.questions.ls() == []
    [closed] = networks.questions.ls(every=True)
    assert closed.decision is not None
    assert closed.decision.by == "run"
    assert networks.cancel(run.id).status is RunStatus.CANCELLED, "again changes nothing"
    assert model.heard == []


def test_cancelled_run_is_taken_up_again_with_a_letter(scope: Scope) -> None:
    """Where a dead letter of it is replayed, what was cancelled beside it is asked again, too."""
    silent, hung = [True], asyncio.Event()

    async def says(networks: Networks, heard: Heard) -> str:
        if not silent:
            return f"{heard.agent} spoke"
        if heard.agent == "two":
            hung.set()
            await asyncio.Event().wait()
        await hung.wait()
        if networks.letters.ls(status=MessageStatus.RUNNING, agent="one"):
            asyncio.get_running_loop().call_later(0, asyncio.ensure_future, _cancelled_when_dead(networks))
        return ""

    networks = ran(scope, pair(), says)
    [letter] = networks.letters.ls(status=MessageStatus.DEAD)
    silent.clear()
    networks.letters.replay(letter.message.id)
    [run] = networks.run(pair(), [{"ticket": "help"}]).runs
    assert run.outcome is not None
    assert (run.status, run.outcome.values) == (RunStatus.COMPLETED, {"one_says": "one spoke", "two_says": "two spoke"})


async def _cancelled_when_dead(networks: Networks) -> None:
    while not await asyncio.to_thread(lambda: networks.letters.ls(status=MessageStatus.DEAD)):  # noqa: ASYNC110
        await asyncio.sleep(0)
    await asyncio.to_thread(networks.cancel, networks.ls()[0].id)


def test_run_that_is_not_there(scope: Scope) -> None:
    """Cancelling it says how to list those that are."""
    with pytest.raises(NotFound, match="stemma runs ls"):
        speaking_on(scope, Speaking({})).cancel("none")
