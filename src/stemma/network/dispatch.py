"""Dispatch: what one process sends, takes on, and waits for.

A message to an agent that this process serves, and has a free hand for, is worked on here at once. Otherwise it waits
in its inbox until some process takes it on. Whoever waits for an answer, or for a person, hears of it from this process
where it happens here, and by looking for it where others are at work.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection

from stemma.core.clock import Clock, timestamp
from stemma.core.errors import StemmaError
from stemma.ledger.scope import Scope, Transaction
from stemma.network.bounds import Bounds
from stemma.network.inbox import Address, Delivery, Posted, Turned, bury, claim, message_waits, send, standing
from stemma.network.journal import Superseded
from stemma.network.message import Message
from stemma.network.people import Decision, Question
from stemma.network.questions import ask, decided, expire, overdue, seconds_waited
from stemma.network.records import claim_runs, run_waits
from stemma.network.run import Run
from stemma.network.writer import Writer

Result = TypeVar("Result")

_FULL_WAIT = 0.05  # seconds before a message is offered again to an inbox that was full


@dataclass
class Slots:
    """How many turns this process takes at once. One that waits for somebody else gives its slot away until it goes on."""

    most: int
    taken: int = 0

    @property
    def free(self) -> int:
        return max(0, self.most - self.taken)

    @contextmanager
    def away(self) -> Iterator[None]:
        self.taken -= 1
        try:
            yield
        finally:
            self.taken += 1


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
    in_thread: Callable[..., Awaitable[Any]]
    """Calls what blocks."""
    serves: Collection[str] | None = None
    batch: str | None = None
    closed: bool = False
    """Whether this process takes nothing on any more."""
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a run has ended here."""
    backlog: bool = False
    """Whether something may wait that there was no room for."""
    _answers: dict[str, asyncio.Future[Posted]] = field(default_factory=dict)
    _decisions: dict[str, asyncio.Future[Decision]] = field(default_factory=dict)
    _questions: dict[str, Question] = field(default_factory=dict)

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
    ) -> Posted:
        """Sends a message, and waits until it is answered, dead or cancelled.

        After `deadline` seconds it is a dead letter, whoever is at work on it. Raises BoundMet when a bound of the run is met,
        Superseded when the run has ended.
        """
        answered = self._answers.setdefault(message.id, asyncio.get_running_loop().create_future())
        try:
            posted = await self._send(message, address, network, bounds=bounds, instead=instead, deadline=deadline)
            if posted.status.is_final:
                return posted
            if deadline is None:
                return await answered
            await asyncio.wait({answered}, timeout=deadline)
            if not answered.done():
                await self.writer.write(lambda tx: bury(tx, message.id, f"no answer within {deadline:g} seconds"))
                # It may have been answered meanwhile: what is written down stands.
                return (await self.read(lambda connection: standing(connection, [message.id])))[message.id]
            return answered.result()
        finally:
            self._answers.pop(message.id, None)

    async def _send(
        self,
        message: Message,
        address: Address,
        network: str,
        *,
        bounds: Bounds,
        instead: Sequence[tuple[Message, Address]],
        deadline: float | None,
    ) -> Posted:
        until = None if deadline is None else timestamp(self.clock.now() + timedelta(seconds=deadline))
        while True:
            owner = self.owner if self.slots.free and not self.closed and self._is_served(address.inbox) else None
            if owner is not None:
                self.slots.taken += 1  # held while it is written down, so that no second message takes it
            posted: Posted | Turned | None = None
            try:
                sending = partial(
                    send, message=message, address=address, bounds=bounds, owner=owner, instead=instead, deadline=until
                )
                posted = await self.writer.write(sending)
            finally:
                mine = isinstance(posted, Posted) and posted.mine
                if owner is not None and not mine:
                    self.slots.taken -= 1
            if isinstance(posted, Posted):
                if posted.mine:
                    await self.deliver(Delivery(message, network, {}, 1, posted.spent))
                else:
                    self.backlog = True
                    self.wake.set()
                return posted
            if posted.why == "bound":
                raise BoundMet(posted.reason)
            if posted.why == "ended":
                raise Superseded(posted.reason)
            await self.clock.sleep(_FULL_WAIT)  # back-pressure: whoever sends waits until there is room

    def _is_served(self, inbox: str) -> bool:
        return self.serves is None or inbox in self.serves

    def freed(self, slots: Slots) -> None:
        """A turn, or a run, has ended here: there is room for another."""
        slots.taken -= 1
        if slots is self.run_slots:
            self.ended.set()
        if self.backlog:
            self.wake.set()

    # --- waiting ------------------------------------------------------------------------------------------------------

    def answered(self, message_id: str, posted: Posted) -> None:
        """Tells whoever waits here for the answer to a message."""
        waiting = self._answers.get(message_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(posted)

    async def decision(self, question: Question) -> Decision:
        """Puts a question before a person, unless it is there, and waits for the decision."""
        known = await self.writer.write(lambda tx: ask(tx, question))
        if known is not None:
            return known
        waiting = self._decisions.setdefault(question.id, asyncio.get_running_loop().create_future())
        self._questions[question.id] = question
        try:
            with self.run_slots.away():
                return await waiting
        finally:
            del self._decisions[question.id], self._questions[question.id]

    def waits_for_people(self, runs: Collection[str]) -> bool:
        """Whether nothing of these runs can go on before a person has answered."""
        asked_by = {question.run for question in self._questions.values()}
        turns = {question.subject for question in self._questions.values()}
        return bool(runs) and self.slots.taken == 0 and asked_by >= set(runs) and turns >= self._answers.keys()

    async def in_time(self, work: Coroutine[Any, Any, None], run: Run, seconds: float | None) -> None:
        """Awaits `work`, the whole of `run`. Raises BoundMet once it has taken so long, waiting for people not counted."""
        task = asyncio.ensure_future(work)
        try:
            while not task.done():
                left = None if seconds is None else seconds - await self._taken(run)
                if left is not None and left <= 0:
                    raise BoundMet(f"the task's bound of {seconds:g} seconds is met")
                await asyncio.wait({task}, timeout=left)
            task.result()
        finally:
            if not task.done():
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
        abroad = [id for id in self._answers if id not in here]
        if abroad:
            for id, posted in (await self.read(lambda connection: standing(connection, abroad))).items():
                self.answered(id, posted)

    async def look(self) -> None:
        """Tells those who wait here what happened elsewhere: answers, dead letters, cancellations, decisions of people."""
        await self.look_abroad(())
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
        while self.slots.free and messages_wait:
            room = self.slots.free
            self.slots.taken += room  # held while they are claimed, so that nothing else takes them
            taken: list[Delivery] = []
            try:
                taken = await self.writer.write(self._claiming(room))
            finally:
                self.slots.taken -= room - len(taken)
            for delivery in taken:
                await self.deliver(delivery)
            if len(taken) < room:
                self.backlog = False
                break
        if runs_wait and (room := self.run_slots.free):
            begun = await self.writer.write(lambda tx: claim_runs(tx, self.owner, most=room, batch=self.batch))
            self.run_slots.taken += len(begun)
            self.backlog = self.backlog or len(begun) == room
            for run, again in begun:
                await self.begin(run, again)

    def _what_waits(self, connection: Connection) -> tuple[bool, bool]:
        return (
            bool(self.slots.free) and message_waits(connection, self.serves, self.batch),
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
