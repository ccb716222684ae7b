"""The worker: what one process does to bring runs to their end. Embedded in `stemma run`, or for itself on a shared database.

It takes on runs and messages, plays the flows of the ones and takes the turns of the others, each as a durable
workflow; takes over what dead processes left; and comes to rest when it is told to, with what it had in hand left for
others.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from itertools import count
from typing import Any, TypeVar

from stemma.core.errors import StemmaError
from stemma.network.caller import ModelCaller
from stemma.network.claiming import Delivery
from stemma.network.custody import (
    give_back,
    owners,
    uncount,
)
from stemma.network.dispatch import Dispatch, set_within
from stemma.network.durable import Durable, LeftUnfinished
from stemma.network.ending import ending
from stemma.network.endorser import Endorser
from stemma.network.equipment import Equipment
from stemma.network.exchange import RunExchange
from stemma.network.hands import Hands
from stemma.network.inbox import Posted
from stemma.network.journal import Journal, Superseded, steps_of
from stemma.network.message import MessageStatus, Part, PartKind
from stemma.network.network import Network
from stemma.network.records import end_run
from stemma.network.rooms import Rooms, WorkerSettings
from stemma.network.run import Outcome, Run
from stemma.network.slots import Slots
from stemma.network.task import Task
from stemma.network.turn import Reply
from stemma.network.turns import Turn
from stemma.network.writer import Writer, written

Result = TypeVar("Result")

_log = logging.getLogger(__name__)

_POLL_PEERS = 0.035  # seconds between two looks for what other processes did
_POLL_ALONE = 0.04  # on SQLite only people, and commands, change anything from outside
_RARELY = 0.2  # seconds between two looks for what people and commands did
_WATCH = 5.0  # seconds between two looks for alarms
_PUT_OFF = 12  # times that a look is put off at most while there is work
_TAKEOVER = 0.4  # seconds between two looks for processes that died


class WorkerStopped(StemmaError):
    """The worker came to rest before a run had ended that it was asked about. Another goes on with it."""


class Worker:
    """One worker. `serve` blocks; `stop` ends it from a signal handler or another thread."""

    def __init__(self, rooms: Rooms, caller: ModelCaller, settings: WorkerSettings) -> None:
        self.caller = caller
        self._rooms = rooms
        self._settings = settings
        self._durable = Durable(rooms.scope.store)
        self._runs: dict[str, tuple[Run, bool]] = {}
        self._outcomes: dict[str, asyncio.Future[Outcome]] = {}
        self._items = count(1)
        self._stop: Callable[[], None] = lambda: None
        self._hurry: Callable[[], None] = lambda: None
        self._told_to_stop = False

    def serve(self, until: "Callable[[Worker], Any]") -> None:
        """Works until the coroutine function `until`, called with this worker, comes back, or `stop` is called."""
        self._durable.serve({"run": self._run}, lambda: self._main(until))

    def stop(self) -> None:
        """Takes on nothing more, ends the turns in hand as far as the grace allows, and leaves the rest to others."""
        self._told_to_stop = True
        self._stop()

    @property
    def dispatch(self) -> Dispatch:
        """The traffic of this process. There while `serve` runs."""
        return self._dispatch

    async def open(self, network: Network, request: Mapping[str, str]) -> tuple[str, Awaitable[Outcome]]:
        """Begins a run of one item here and now; its id, and how it ends. Durable when this comes back."""
        request = self._rooms.shield(network).item(request, network.inputs)
        batch, item = self._settings.batch or self._durable.executor, next(self._items)
        records, owner = self._rooms.records, self._dispatch.owner
        await self._durable.in_thread(records.keep, network)
        run = await self._dispatch.writer.write(
            lambda tx: records.open_run(tx, batch, item, network, request, owner=owner)
        )
        self._dispatch.run_slots.take(run.id)
        self._outcomes[run.id] = ended = asyncio.get_running_loop().create_future()
        await self._begin(run, False)
        return run.id, ended

    def cancel(self, run_id: str) -> None:
        """Ends a run, and everything under it. May be called from any thread."""
        self._rooms.records.cancel(run_id)
        self._hurry()

    # --- the loop -----------------------------------------------------------------------------------------------------

    async def _main(self, until: "Callable[[Worker], Any]") -> None:
        loop = asyncio.get_running_loop()
        stopping = asyncio.Event()

        def stop() -> None:
            loop.call_soon_threadsafe(stopping.set)

        def hurry() -> None:
            loop.call_soon_threadsafe(self._dispatch.wake.set)

        self._stop = stop
        if self._told_to_stop:
            return
        writer = Writer(self._rooms.scope)
        slots, run_slots = Slots(self._settings.concurrency), Slots(self._settings.concurrency * self._settings.runs)
        self._dispatch = Dispatch(
            self._rooms.scope,
            writer,
            self._durable.executor,
            slots,
            run_slots,
            self._deliver,
            self._begin,
            self._drop,
            self._durable.in_thread,
            serves=self._settings.serves,
            batch=self._settings.batch,
        )
        self._hands = Hands(self._dispatch, patient=self._settings.patient)
        _log.info("worker %s started", self._durable.executor)
        self._hurry = hurry
        async with AsyncExitStack() as life:
            life.callback(writer.close)
            self._equipment = Equipment(self._rooms, self.caller, self._dispatch, life)
            await self._take_over()
            watching = (self._look(), self._keep_taking_over(), self._keep_watching())
            watch = [asyncio.create_task(one) for one in watching]
            work = asyncio.create_task(until(self))
            ends = asyncio.create_task(stopping.wait())
            try:
                await asyncio.wait({work, ends, *watch}, return_when=asyncio.FIRST_COMPLETED)
                if ends.done():
                    _log.info("worker %s takes on nothing more", self._durable.executor)
                    await self._hands.finish_turns(self._settings.grace)
            finally:
                self._stop = self._hurry = lambda: None  # the loop is about to be closed
                for task in (work, ends, *watch):
                    task.cancel()
                results = await asyncio.gather(work, ends, *watch, return_exceptions=True)
                await self._put_down()
        _log.info("worker %s stopped", self._durable.executor)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _look(self) -> None:
        dispatch, pause = self._dispatch, _POLL_PEERS if self._durable.has_peers else _POLL_ALONE
        loop, rarely = asyncio.get_running_loop(), 0.0
        while True:
            dispatch.wake.clear()
            await dispatch.take_on()
            if loop.time() >= rarely:
                rarely = loop.time() + _RARELY
                await dispatch.look()
                await self._hands.reconcile()
                await self._tell_ended(self._outcomes.keys() - self._hands.ids)
            elif self._durable.has_peers:
                await dispatch.look_abroad(self._hands.working)
            await set_within(dispatch.wake, pause)

    async def _keep_taking_over(self) -> None:
        while True:
            await asyncio.sleep(_TAKEOVER)
            if self._durable.has_peers:
                await self._durable.in_thread(self._durable.check)
                await self._take_over()

    async def _keep_watching(self) -> None:
        """Has the watch over alarms look at what ended, where nothing is in hand that it could slow down, or once a while."""
        put_off = 0
        while True:
            await asyncio.sleep(_WATCH)
            put_off += 1
            if self._dispatch.slots.taken and put_off < _PUT_OFF:
                continue
            put_off = 0
            try:
                await self._durable.in_thread(self._rooms.watch.look)
            except Exception:  # noqa: BLE001 - told; nothing that is decided hangs on it, and it looks at the same again
                _log.exception("the watch over alarms could not look")

    async def _take_over(self) -> None:
        """Puts back what dead processes were working on, for whoever comes first."""
        for owner in await self._dispatch.read(owners):
            if (
                owner != self._durable.executor
                and (number := await self._durable.in_thread(self._give_back, owner)) > 0
            ):
                _log.info("took over %d from worker %s, which is dead", number, owner)
                self._dispatch.wake.set()

    def _give_back(self, owner: str) -> int:
        with self._durable.is_dead(owner) as dead:
            if not dead:
                return 0
            return written(self._rooms.scope, lambda transaction: give_back(transaction, owner))

    async def _put_down(self) -> None:
        """Leaves what is still in hand to others."""
        await self._hands.put_down()
        for run, waiting in self._outcomes.items():
            if not waiting.done():
                waiting.set_exception(WorkerStopped(f"the worker was stopped before run {run!r} had ended"))
        await self._dispatch.writer.write(lambda tx: uncount(tx, self._dispatch.owner), alone=True)

    # --- runs ---------------------------------------------------------------------------------------------------------

    async def _begin(self, run: Run, again: bool) -> None:
        self._runs[run.id] = run, again
        await self._durable.start("run", run.id, again=again)

    async def _run(self, run_id: str) -> str | None:
        begun = self._runs.pop(run_id, None)
        if begun is None:
            raise LeftUnfinished  # begun again by the engine without having been claimed: whoever claims it goes on
        try:
            return await self._hands.worked(run_id, run_id, self._play(*begun))
        finally:
            self._dispatch.freed(self._dispatch.run_slots, run_id)

    async def _play(self, run: Run, again: bool) -> str:
        equipment, dispatch = self._equipment, self._dispatch
        network = await equipment.network(run.network)
        done = await dispatch.read(lambda connection: steps_of(connection, run.id)) if again else {}
        journal = Journal(dispatch.writer, run.id, run.id, dispatch.owner, done)
        exchange = RunExchange(
            dispatch,
            network,
            journal,
            self._rooms.briefs,
            await equipment.fitness(network),
            self._rooms.memories,
            equipment.acting,
            Endorser(network.name, equipment.policy(network), run.actor),
        )
        known = {name: Part(PartKind.DATA, name, run.request[name], label) for name, label in network.inputs.items()}
        task = Task(run.id, run.id, network, known, exchange)
        outcome, last = await ending(task, network, dispatch, run, self._rooms.shield(network))
        ended = await dispatch.writer.write(
            lambda tx: end_run(tx, run.id, outcome, owner=dispatch.owner, last=last), about=run.id
        )
        if not ended:
            raise Superseded(f"run {run.id!r} has ended, or is in other hands")
        self._tell(run.id, outcome)
        return outcome.status.value

    async def _tell_ended(self, runs: set[str]) -> None:
        """Tells those who wait for runs that ended elsewhere, or were cancelled."""
        for id in runs:
            outcome = (await self._durable.in_thread(self._rooms.records.get, id)).outcome
            if outcome is not None:
                self._tell(id, outcome)

    def _tell(self, run: str, outcome: Outcome) -> None:
        waiting = self._outcomes.pop(run, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(outcome)

    # --- turns --------------------------------------------------------------------------------------------------------

    async def _deliver(self, delivery: Delivery) -> None:
        # A turn needs no workflow of its own: whoever takes its message on goes on with its journal.
        self._durable.spawn(self._turn(delivery))

    def _drop(self, message_id: str) -> None:
        self._hands.drop(message_id)

    async def _turn(self, delivery: Delivery) -> None:
        reply: Reply | None = None
        try:
            reply = await self._hands.worked(delivery.message.id, delivery.message.run, self._take(delivery))
        finally:
            # Before anybody hears of the answer: whoever waits for it may send the next message to the same slot.
            self._dispatch.freed(self._dispatch.slots, delivery.message.id)
        if reply is not None:
            posted = Posted(MessageStatus.ANSWERED, reply=reply, recipient=delivery.message.recipient)
            self._dispatch.answered(delivery.message.id, posted)

    async def _take(self, delivery: Delivery) -> Reply:
        message, equipment, dispatch = delivery.message, self._equipment, self._dispatch
        network = await equipment.network(delivery.network)
        role = await equipment.role(network, message)
        done = dict(delivery.steps)
        journal = Journal(dispatch.writer, message.id, message.run, dispatch.owner, done, delivery.spent)
        return await Turn(delivery, network, role, journal, equipment).take()
