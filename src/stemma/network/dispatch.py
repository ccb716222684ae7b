"""Dispatch: what one process sends, takes on, and waits for.

A message to an agent that this process serves, and has a free hand for, is worked on here at once. Otherwise it waits
in its inbox until some process takes it on. Whoever waits for an answer, or for a person, hears of it from this process
where it happens here, and by looking for it where others are at work.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection

from stemma.core.clock import Clock, timestamp
from stemma.core.errors import StemmaError
from stemma.ledger.scope import Scope, Transaction
from stemma.network.admission import Address, Turned
from stemma.network.bounds import Bounds
from stemma.network.claiming import Delivery, Queue, claim, queue
from stemma.network.inbox import Posted, bury, return_to_sender, send, standing
from stemma.network.journal import Superseded
from stemma.network.message import Message
from stemma.network.people import Decision, Question
from stemma.network.questions import ask, decided, expire, overdue, seconds_waited
from stemma.network.records import claim_runs, run_waits
from stemma.network.run import Run
from stemma.network.slots import Slots
from stemma.network.topics import Post, publish
from stemma.network.writer import Writer

Result = TypeVar("Result")

_FULL_WAIT = 0.05  # seconds before a message is offered again to a full inbox; each time twice as many
_FULL_WAIT_MOST = 1.0


@dataclass
class Dispatch:
    """The traffic of one process.

    `serves` are the inboxes that it takes messages from, None for all; `batch` limits it to one batch.
    """

    scope: Scope
    writer: Writer
    owner: str
    slots: Slots
    run_slots: Slots
    deliver: Callable[[Delivery], Awaitable[None]]
    """Begins the turn that answers a message; comes back when it is begun."""
    begin: Callable[[Run, bool], Awaitable[None]]
    """Begins a run; True when a process that is dead may have begun it before."""
    drop: Callable[[str], None]
    """Cuts the turn of a message off that nobody waits for any more, if it is taken here."""
    in_thread: Callable[..., Awaitable[Any]]
    """Calls what blocks."""
    serves: Collection[str] | None = None
    batch: str | None = None
    closed: bool = False
    """Whether this process takes nothing on any more."""
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a run has ended here."""
    waits: bool = False
    """Whether messages may wait that could be taken on when a turn has ended here."""
    runs_wait: bool = False
    """Whether runs may wait that could be begun when one has ended here."""
    behind: bool = False
    """Whether messages may wait only because there is no room here: those that are sent now come after them."""
    _answers: dict[str, asyncio.Future[Posted]] = field(default_factory=dict)
    _posted: set[str] = field(default_factory=set)
    """Messages waited for here that were left in their inboxes, where others may take them on."""
    _decisions: dict[str, asyncio.Future[Decision]] = field(default_factory=dict)

    @property
    def clock(self) -> Clock:
        return self.scope.clock

    # --- sending ------------------------------------------------------------------------------------------------------

    async def ask(
        self,
        message: Message,
        address: Address,
        network: str,
        *,
        bounds: Bounds,
        instead: Sequence[tuple[Message, Address]] = (),
        deadline: float | None = None,
        asker: str | None = None,
    ) -> Posted:
        """Sends a message, and waits until it is answered, dead or cancelled.

        After `deadline` seconds it is a dead letter, whoever is at work on it. `asker` is the message in whose turn it is sent,
        for one that no flow sends. Raises BoundMet when a bound of the run is met, Superseded when the run, or the asker's
        turn, has ended.
        """
        answered = self._answers.setdefault(message.id, asyncio.get_running_loop().create_future())
        until = None if deadline is None else self.in_seconds(deadline)
        try:
            sending = partial(
                send,
                message=message,
                address=address,
                bounds=bounds,
                by=self.owner,
                instead=instead,
                deadline=until,
                asker=asker,
            )
            posted = await self._send(message, address, network, sending, until)
            if posted.status.is_final:
                return posted
            if not posted.mine:
                self._posted.add(message.id)
            # One that was sent before a restart has the deadline that it was sent with.
            while not answered.done() and (left := self._left(posted.deadline)) != 0:
                await asyncio.wait({answered}, timeout=left)
            if answered.done():
                return answered.result()
            reason = f"no answer within {deadline:g} seconds"
            await self.writer.write(lambda tx: bury(tx, message.id, reason), about=message.run)
            self.drop(message.id)
            # It may have been answered meanwhile: what is written down stands.
            return (await self.read(lambda connection: standing(connection, [message.id])))[message.id]
        finally:
            self._posted.discard(message.id)
            if self._answers.get(message.id) is answered:
                del self._answers[message.id]

    def _left(self, deadline: str | None) -> float | None:
        """The seconds until then, zero when they are over; None for ever."""
        if deadline is None:
            return None
        return max(0.0, (datetime.fromisoformat(deadline) - self.clock.now()).total_seconds())

    async def publish(self, posts: Sequence[Post], *, bounds: Bounds, asker: str) -> None:
        """Sends messages that nobody waits for, all of them or none, in the turn that answers `asker`. Raises as `ask` does."""
        run, pause = posts[0].message.run if posts else "", _FULL_WAIT
        while turned := await self.writer.write(
            lambda tx: publish(tx, posts, bounds=bounds, by=self.owner, asker=asker),
            about=run,
            into=[post.address for post in posts],
        ):
            pause = await self._turned_away(turned, pause)
        self.waits = True
        self.wake.set()

    def in_seconds(self, seconds: float) -> str:
        """The time so many seconds from now, as the store has it."""
        return timestamp(self.clock.now() + timedelta(seconds=seconds))

    async def _send(
        self,
        message: Message,
        address: Address,
        network: str,
        sending: Callable[..., Posted | Turned],
        deadline: str | None,
    ) -> Posted:
        pause = _FULL_WAIT
        while True:
            at_once = self._has_room_for(address.inbox)
            # While it is written down, so that no second message takes the place.
            with self.slots.reserved(int(at_once)):
                posted = await self.writer.write(partial(sending, at_once=at_once), about=message.run, into=(address,))
                if isinstance(posted, Posted) and posted.mine:
                    self.slots.take(message.id)
            if isinstance(posted, Posted):
                if posted.mine:
                    await self.deliver(Delivery(message, network, {}, 1, posted.spent))
                elif not posted.status.is_final:
                    self.waits = True
                    self.behind = self.behind or not self.slots.free
                    self.wake.set()
                return posted
            if posted.why == "full" and self._left(deadline) == 0:
                returning = partial(return_to_sender, message=message, address=address, reason=posted.reason)
                return await self.writer.write(returning, about=message.run)
            pause = await self._turned_away(posted, pause)

    async def _turned_away(self, turned: Turned, pause: float) -> float:
        """Comes back when the message may be offered again, with how long to wait if it is turned away then, too."""
        if turned.why == "bound":
            raise BoundMet(turned.reason)
        if turned.why == "ended":
            raise Superseded(turned.reason)
        await self.clock.sleep(pause)  # back-pressure: whoever sends waits until there is room
        return min(2 * pause, _FULL_WAIT_MOST)

    def _has_room_for(self, inbox: str) -> bool:
        """Whether a message may be worked on here at once. Where others wait for room it does not go before them."""
        return bool(self.slots.free) and not self.behind and not self.closed and self._is_served(inbox)

    def _is_served(self, inbox: str) -> bool:
        return self.serves is None or inbox in self.serves

    def freed(self, slots: Slots, id: str) -> None:
        """A turn, or a run, has ended here: there is room for another."""
        slots.release(id)
        if slots is self.run_slots:
            self.ended.set()
        if self.waits or self.runs_wait:
            self.wake.set()

    # --- waiting ------------------------------------------------------------------------------------------------------

    def answered(self, message_id: str, posted: Posted) -> None:
        """Tells whoever waits here for the answer to a message."""
        waiting = self._answers.get(message_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(posted)

    async def decision(self, question: Question) -> Decision:
        """Puts a question before a person, unless it is there, and waits for the decision."""
        known = await self.writer.write(lambda tx: ask(tx, question), about=question.run)
        if known is not None:
            return known
        waiting = self._decisions.setdefault(question.id, asyncio.get_running_loop().create_future())
        try:
            with self.slots.resting(question.subject), self.run_slots.resting(question.run):
                return await waiting
        finally:
            if self._decisions.get(question.id) is waiting:
                del self._decisions[question.id]

    async def in_time(self, work: Coroutine[Any, Any, None], run: Run, seconds: float | None) -> None:
        """Awaits `work`, the whole of `run`. Raises BoundMet once it has taken so long, waiting for people not counted."""
        if seconds is None:
            await work
            return
        task: asyncio.Task[None] | None = None
        try:
            while task is None or not task.done():
                left = seconds - await self._taken(run)
                if left <= 0:
                    raise BoundMet(f"the task's bound of {seconds:g} seconds is met")
                task = task or asyncio.ensure_future(work)  # not before: an earlier process may have taken all the time
                await asyncio.wait({task}, timeout=left)
            task.result()
        finally:
            if task is None:
                work.close()
            elif not task.done():
                task.cancel()
                await asyncio.wait({task})

    async def _taken(self, run: Run) -> float:
        now = self.clock.now()
        begun = now if run.started_at is None else datetime.fromisoformat(run.started_at)
        waited = await self.read(lambda connection: seconds_waited(connection, run.id, now))
        return (now - begun).total_seconds() - waited

    # --- looking ------------------------------------------------------------------------------------------------------

    async def look_abroad(self, here: Collection[str]) -> None:
        """Tells those who wait here for messages that others work on, all but those of `here`, what became of them."""
        await self._hear_of([id for id in self._posted if id not in here])

    async def _hear_of(self, ids: Sequence[str]) -> None:
        if ids:
            for id, posted in (await self.read(lambda connection: standing(connection, ids))).items():
                self.answered(id, posted)

    async def look(self) -> None:
        """Tells those who wait here what happened elsewhere: answers, dead letters, cancellations, decisions of people."""
        await self._hear_of(list(self._answers))
        if not self.slots.free and not self.closed:
            ready = await self.read(lambda connection: queue(connection, self.serves, self.batch)) is Queue.READY
            self.behind = self.behind or ready
        if self._decisions:
            if await self.read(lambda connection: overdue(connection, timestamp(self.clock.now()))):
                await self.writer.write(expire)
            for id, decision in (
                await self.read(lambda connection: decided(connection, list(self._decisions)))
            ).items():
                waiting = self._decisions.get(id)
                if waiting is not None and not waiting.done():
                    waiting.set_result(decision)

    async def take_on(self) -> None:
        """Takes on what waits, as far as there is room."""
        if self.closed or not (self.slots.free or self.run_slots.free):
            return
        messages_wait, runs_wait = await self.read(self._what_waits)
        if messages_wait is not None:
            self.waits = messages_wait is not Queue.EMPTY
            self.behind = messages_wait is Queue.READY
        while self.behind and (room := self.slots.free):
            with self.slots.reserved(room):  # while they are claimed, so that nothing else takes the places
                taken = await self.writer.write(self._claiming(room), alone=True)
                for delivery in taken:
                    self.slots.take(delivery.message.id)
            for delivery in taken:
                await self.deliver(delivery)
            self.behind = len(taken) == room
        if runs_wait and (room := self.run_slots.free):
            claiming = partial(claim_runs, owner=self.owner, most=room, batch=self.batch)
            begun = await self.writer.write(claiming, alone=True)
            for run, _ in begun:
                self.run_slots.take(run.id)
            self.runs_wait = len(begun) == room
            for run, again in begun:
                await self.begin(run, again)

    def _what_waits(self, connection: Connection) -> tuple[Queue | None, bool]:
        return (
            queue(connection, self.serves, self.batch) if self.slots.free else None,
            bool(self.run_slots.free) and run_waits(connection, self.batch),
        )

    def _claiming(self, room: int) -> Callable[[Transaction], list[Delivery]]:
        return lambda tx: claim(tx, self.owner, most=room, serves=self.serves, batch=self.batch)

    async def read(self, query: Callable[[Connection], Result]) -> Result:
        """What `query` finds."""

        def read() -> Result:
            with self.scope.read() as connection:
                return query(connection)

        result: Result = await self.in_thread(read)
        return result


class BoundMet(StemmaError):
    """A bound of the run leaves no room for what was about to be done."""


async def set_within(event: asyncio.Event, seconds: float) -> bool:
    """Whether `event` is set, waiting at most so long. In Python 3.11 `asyncio.wait_for` can lose a cancellation."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()
