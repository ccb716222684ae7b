"""What one process sends and waits for: no answer is lost, no place leaks, and a full inbox holds nobody up for ever."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.network.posting import ROOMY, Post

from stemma.core.trust import UNTRUSTED
from stemma.ledger.scope import Scope
from stemma.network import Bounds, MessageStatus
from stemma.network.admission import Address
from stemma.network.claiming import Delivery
from stemma.network.dispatch import BoundMet, Dispatch
from stemma.network.inbox import Posted, answer, bury
from stemma.network.journal import Superseded
from stemma.network.run import Run
from stemma.network.slots import Slots
from stemma.network.turn import Reply
from stemma.network.writer import Writer
from stemma.testing.clock import VirtualClock

on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
YES = Reply("yes", UNTRUSTED)


async def until(holds: Callable[[], bool]) -> None:
    """Lets others go on until it holds; the process ends the waiting."""
    while not holds():  # noqa: ASYNC110 - most of what is waited for, nothing tells of
        await asyncio.sleep(0)


class Process:
    """One process with `hands` for turns; what it takes on is in `delivered`, what it cuts off in `dropped`."""

    def __init__(self, post: Post, *, hands: int = 0, clock: VirtualClock | None = None) -> None:
        self.post, self.clock = post, clock
        self.delivered: list[Delivery] = []
        self.dropped: list[str] = []
        self.hands = hands

    def run(self, work: Callable[[Dispatch], Awaitable[Any]]) -> Any:
        """What `work` comes to with the traffic of this process."""

        async def main() -> Any:
            scope = self.post.scope if self.clock is None else replace(self.post.scope, clock=self.clock)
            writer = Writer(scope)
            self.dispatch = Dispatch(
                scope,
                writer,
                self.post.owner,
                Slots(self.hands),
                Slots(0),
                self._deliver,
                self._begin,
                self.dropped.append,
                asyncio.to_thread,
            )
            try:
                async with asyncio.timeout(20):
                    return await work(self.dispatch)
            finally:
                writer.close()

        return asyncio.run(main())

    async def _deliver(self, delivery: Delivery) -> None:
        self.delivered.append(delivery)

    async def _begin(self, run: Run, again: bool) -> None:
        raise AssertionError("it plays no runs")

    def ask(
        self, name: str, *, capacity: int = ROOMY, deadline: float | None = None, **bounds: int
    ) -> Awaitable[Posted]:
        """What becomes of a message to the clerk."""
        address = Address("desk/clerk", None, capacity)
        message = self.post.message(name)
        return self.dispatch.ask(message, address, "n", bounds=Bounds(**bounds), deadline=deadline)

    def answer(self, name: str, owner: str) -> None:
        """Writes the answer down, as another process would."""
        with self.post.scope.write() as tx:
            assert answer(tx, self.post.message(name), YES, owner=owner)


def test_full_inbox_holds_the_sender_up_until_there_is_room(scope: Scope) -> None:
    """The message is offered again, less and less often, and is in the inbox as soon as one of those there is taken on."""
    post, clock = Post(scope), VirtualClock()
    post.send("before", capacity=1)
    process = Process(post, clock=clock)

    async def work(dispatch: Dispatch) -> Posted:
        asking = asyncio.ensure_future(process.ask("a", capacity=1))
        await until(lambda: len(clock.slept) >= 8)
        await asyncio.to_thread(post.claim, owner="you")
        await until(lambda: bool(post.claim(owner="you")))
        await asyncio.to_thread(process.answer, "a", "you")
        await dispatch.look_abroad(())
        return await asking

    posted = process.run(work)
    assert (posted.status, posted.reply) == (MessageStatus.ANSWERED, YES)
    assert clock.slept[:6] == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0]
    assert max(clock.slept) == 1.0


def test_nobody_waits_for_room_beyond_the_deadline(scope: Scope) -> None:
    """A message that no inbox took in its time is a dead letter with that reason; nothing waits for it any more."""
    post, clock = Post(scope), VirtualClock()
    post.send("before", capacity=1)
    process = Process(post, clock=clock)
    posted = process.run(lambda _: process.ask("a", capacity=1, deadline=5))
    assert posted.status is MessageStatus.DEAD
    assert posted.reason == "the inbox of 'desk/clerk' holds 1 waiting messages and takes no more"
    assert 5 <= sum(clock.slept) < 7


def test_answer_that_is_there_before_anybody_waits(scope: Scope) -> None:
    """A flow that is replayed has the answer of a message that was answered before, whoever did."""
    post = Post(scope)
    post.send("a")
    post.claim(owner="you")
    process = Process(post)
    process.answer("a", "you")
    assert process.run(lambda _: process.ask("a")).reply == YES


def test_answer_found_abroad_reaches_whoever_waits(scope: Scope) -> None:
    """What others answered, buried or cancelled is found by looking, and by nobody twice."""
    post = Post(scope)
    process = Process(post)

    async def work(dispatch: Dispatch) -> list[Posted]:
        asking = [asyncio.ensure_future(process.ask(name)) for name in "ab"]
        taken: list[Delivery] = []

        def claims() -> bool:
            taken.extend(post.claim(2, owner="you"))
            return len(taken) == 2

        await until(claims)
        await asyncio.to_thread(process.answer, "a", "you")
        with post.scope.write() as tx:
            bury(tx, post.message("b").id, "enough")
        while not all(one.done() for one in asking):
            await dispatch.look_abroad(())
            await asyncio.sleep(0)
        return [one.result() for one in asking]

    answered, buried = process.run(work)
    assert answered.reply == YES
    assert (buried.status, buried.reason) == (MessageStatus.DEAD, "enough")


def test_deadline_ends_the_waiting_and_the_turn(scope: Scope) -> None:
    """Once it is over the message is dead, whoever works on it, and a turn of it that is taken here is cut off."""
    post = Post(scope)
    process = Process(post, hands=1)
    posted = process.run(lambda _: process.ask("a", deadline=0.05))
    assert (posted.status, posted.reason) == (MessageStatus.DEAD, "no answer within 0.05 seconds")
    assert process.dropped == [post.message("a").id]


def test_free_hand_takes_it_at_once_and_only_then(scope: Scope) -> None:
    """With one hand the first message is worked on here, the second waits, and is taken on when the hand is free again."""
    post = Post(scope)
    process = Process(post, hands=1)
    names = [post.message(name).id for name in "ab"]

    async def work(dispatch: Dispatch) -> None:
        asking = [asyncio.ensure_future(process.ask(name)) for name in "ab"]
        await until(lambda: dispatch.waits)
        await dispatch.take_on()
        assert [one.message.id for one in process.delivered] == names[:1]
        assert (dispatch.slots.taken, dispatch.slots.free, dispatch.behind) == (1, 0, True)
        for name, one in zip("ab", names, strict=True):
            await asyncio.to_thread(process.answer, name, post.owner)
            dispatch.freed(dispatch.slots, one)
            dispatch.answered(one, Posted(MessageStatus.ANSWERED, reply=YES))
            await dispatch.take_on()
        assert [one.message.id for one in process.delivered] == names
        assert [posted.reply for posted in await asyncio.gather(*asking)] == [YES, YES]
        assert (dispatch.slots.taken, dispatch.waits, dispatch.behind) == (0, False, False)

    process.run(work)


def test_who_waits_longer_goes_first(scope: Scope) -> None:
    """Where messages wait for room here, one that is sent now does not take the next free hand before them."""
    post = Post(scope)
    post.send("waiting", "other")
    process = Process(post, hands=1)

    async def work(dispatch: Dispatch) -> None:
        dispatch.slots.take("busy")
        await dispatch.look()
        assert dispatch.behind
        dispatch.freed(dispatch.slots, "busy")
        asking = asyncio.ensure_future(process.ask("a"))
        await until(lambda: dispatch.waits)
        await dispatch.take_on()
        assert [one.message.id for one in process.delivered] == [post.message("waiting").id]
        asking.cancel()
        await asyncio.wait({asking})

    process.run(work)


@on_sqlite
def test_bound_and_end_of_the_run_are_told_apart(scope: Scope) -> None:
    """What the run may not send any more stops it; what a run that is in other hands sends is not its sender's to send."""
    post = Post(scope)
    process = Process(post)
    with pytest.raises(BoundMet, match="bound of 0 messages"):
        process.run(lambda _: process.ask("a", messages=0))
    post.owner = "a ghost"
    with pytest.raises(Superseded):
        process.run(lambda _: process.ask("a"))
