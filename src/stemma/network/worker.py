"""The worker: what one process does to bring runs to their end. Embedded in `stemma run`, or for itself on a shared database.

It takes on runs and messages, plays the flows of the ones and takes the turns of the others, each as a durable
workflow; takes over what dead processes left; and comes to rest when it is told to, with what it had in hand left for
others.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeVar

from stemma.core.errors import NotConfigured, StoreError
from stemma.core.trust import TRUSTED
from stemma.network.caller import ModelCaller
from stemma.network.conversation import Earlier
from stemma.network.dispatch import BoundMet, Dispatch, Slots, set_within
from stemma.network.durable import Durable, LeftUnfinished
from stemma.network.exchange import RunExchange
from stemma.network.fitness import Fitness
from stemma.network.inbox import Delivery, Posted, earlier, ended_runs, give_back, give_back_one, owners, status_of
from stemma.network.journal import Journal, Superseded, steps_of
from stemma.network.message import CALLER, PERSON, Message, MessageStatus, Part, PartKind
from stemma.network.network import Network, Role
from stemma.network.people import Decision, Question
from stemma.network.records import end_run
from stemma.network.rooms import Rooms, WorkerSettings
from stemma.network.run import Outcome, Run, RunStatus
from stemma.network.state.workspace import workspace_tools
from stemma.network.task import Task, TaskEnded
from stemma.network.tools.tool import Effect, Tool
from stemma.network.tools.toolbox import Toolbox
from stemma.network.topologies import play
from stemma.network.turn import Reply, as_said
from stemma.network.turns import Turn
from stemma.network.writer import Writer

Result = TypeVar("Result")

_log = logging.getLogger(__name__)

_POLL_PEERS = 0.03  # seconds between two looks for what other processes did
_POLL_ALONE = 0.1  # on SQLite only people, and commands, change anything from outside
_RARELY = 0.2  # seconds between two looks for what people and commands did
_TAKEOVER = 0.4  # seconds between two looks for processes that died

WORKSPACE = "workspace"
"""The built-in entry that gives an agent the tools of the run's workspace."""


class Worker:
    """One worker. `serve` blocks; `stop` ends it from a signal handler or another thread."""

    def __init__(self, rooms: Rooms, caller: ModelCaller, settings: WorkerSettings) -> None:
        self.caller = caller
        self._rooms = rooms
        self._settings = settings
        self._durable = Durable(rooms.scope.store)
        self._runs: dict[str, tuple[Run, bool]] = {}
        self._working: dict[str, _Work] = {}
        self._toolboxes: dict[str, Toolbox] = {}
        self._fits: dict[str, Fitness] = {}
        self._outcomes: dict[str, asyncio.Future[Outcome]] = {}
        self._items = count(1)
        self._stop: Callable[[], None] = lambda: None
        self._told_to_stop = False
        self._cut_off = False

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
        batch, item = self._settings.batch or self._durable.executor, next(self._items)
        run = await self._dispatch.writer.write(
            lambda tx: self._rooms.records.open_run(tx, batch, item, network, request, owner=self._dispatch.owner)
        )
        self._dispatch.run_slots.taken += 1
        self._outcomes[run.id] = ended = asyncio.get_running_loop().create_future()
        await self._begin(run, False)
        return run.id, ended

    def cancel(self, run_id: str) -> None:
        """Ends a run, and everything under it."""
        self._rooms.records.cancel(run_id)
        self._dispatch.wake.set()

    # --- the loop -----------------------------------------------------------------------------------------------------

    async def _main(self, until: "Callable[[Worker], Any]") -> None:
        loop = asyncio.get_running_loop()
        stopping = asyncio.Event()

        def stop() -> None:
            loop.call_soon_threadsafe(stopping.set)

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
            self._durable.in_thread,
            serves=self._settings.serves,
            batch=self._settings.batch,
        )
        _log.info("worker %s started", self._durable.executor)
        async with AsyncExitStack() as self._life:
            self._life.callback(writer.close)
            await self._take_over()
            watch = [asyncio.create_task(self._look()), asyncio.create_task(self._keep_taking_over())]
            work = asyncio.create_task(until(self))
            ends = asyncio.create_task(stopping.wait())
            try:
                await asyncio.wait({work, ends, *watch}, return_when=asyncio.FIRST_COMPLETED)
                if ends.done():
                    _log.info("worker %s takes on nothing more", self._durable.executor)
                    await self._finish_turns()
            finally:
                self._stop = lambda: None  # the loop is about to be closed
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
                await self._cancel_ended()
            elif self._durable.has_peers:
                await dispatch.look_abroad(self._working)
            await set_within(dispatch.wake, pause)

    async def _keep_taking_over(self) -> None:
        while True:
            await asyncio.sleep(_TAKEOVER)
            if self._durable.has_peers:
                await self._take_over()

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
            with self._rooms.scope.write() as transaction:
                return give_back(transaction, owner)

    async def _cancel_ended(self) -> None:
        """Cuts off what is under way here for runs that were cancelled from outside."""
        if not self._working:
            return
        runs = {one.run for one in self._working.values()}
        ended = await self._dispatch.read(lambda connection: ended_runs(connection, runs))
        for one in list(self._working.values()):
            if one.run in ended:
                one.task.cancel()

    async def _finish_turns(self) -> None:
        """Lets turns end that do not wait for people; what they lead to waits in inboxes for others."""
        self._dispatch.closed = True
        until = asyncio.get_running_loop().time() + self._settings.grace
        while self._dispatch.slots.taken and (left := until - asyncio.get_running_loop().time()) > 0:
            tasks = {one.task for id, one in self._working.items() if id != one.run}
            if not tasks:
                break
            await asyncio.wait(tasks, timeout=min(left, 0.2), return_when=asyncio.FIRST_COMPLETED)

    async def _put_down(self) -> None:
        """Leaves what is still in hand to others."""
        self._cut_off = True
        tasks = [one.task for one in self._working.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # --- runs ---------------------------------------------------------------------------------------------------------

    async def _begin(self, run: Run, again: bool) -> None:
        self._runs[run.id] = run, again
        await self._durable.start("run", run.id, again=again)

    async def _run(self, run_id: str) -> str | None:
        begun = self._runs.pop(run_id, None)
        if begun is None:
            raise LeftUnfinished  # begun again by the engine without having been claimed: whoever claims it goes on
        try:
            return await self._worked(run_id, run_id, self._play(*begun))
        finally:
            self._dispatch.freed(self._dispatch.run_slots)

    async def _play(self, run: Run, again: bool) -> str:
        network = await self._network(run.network)
        done = await self._dispatch.read(lambda connection: steps_of(connection, run.id)) if again else {}
        journal = Journal(self._dispatch.writer, run.id, run.id, self._dispatch.owner, done)
        exchange = RunExchange(
            self._dispatch,
            network,
            journal,
            self._rooms.briefs,
            await self._fitness(network),
            self._rooms.memories,
            self._has_effects,
        )
        known = {name: Part(PartKind.DATA, name, run.request[name], label) for name, label in network.inputs.items()}
        task = Task(run.id, run.id, network, known, exchange)
        outcome, last = await _outcome(task, network, self._dispatch, run)
        ended = await self._dispatch.writer.write(
            lambda tx: end_run(tx, run.id, outcome, owner=self._dispatch.owner, last=last)
        )
        if not ended:
            raise Superseded(f"run {run.id!r} has ended, or is in other hands")
        if (waiting := self._outcomes.pop(run.id, None)) is not None:
            waiting.set_result(outcome)
        return outcome.status.value

    async def _fitness(self, network: Network) -> Fitness:
        if network.digest not in self._fits:
            self._fits[network.digest] = await self._durable.in_thread(self._rooms.fitness, network)
        return self._fits[network.digest]

    # --- turns --------------------------------------------------------------------------------------------------------

    async def _deliver(self, delivery: Delivery) -> None:
        # A turn needs no workflow of its own: whoever takes its message on goes on with its journal.
        self._durable.spawn(self._turn(delivery))

    async def _turn(self, delivery: Delivery) -> None:
        reply: Reply | None = None
        try:
            reply = await self._worked(delivery.message.id, delivery.message.run, self._take(delivery))
        finally:
            # Before anybody hears of the answer: whoever waits for it may send the next message to the same slot.
            self._dispatch.freed(self._dispatch.slots)
        if reply is not None:
            posted = Posted(MessageStatus.ANSWERED, reply=reply, recipient=delivery.message.recipient)
            self._dispatch.answered(delivery.message.id, posted)

    async def _take(self, delivery: Delivery) -> Reply:
        message = delivery.message
        network = await self._network(delivery.network)
        role = await self._role(network, message)
        journal = Journal(
            self._dispatch.writer, message.id, message.run, self._dispatch.owner, dict(delivery.steps), delivery.spent
        )
        reply = await Turn(delivery, network, role, journal, self).take()
        await self._remember(role, message, reply)
        return reply

    async def _network(self, digest: str) -> Network:
        known = self._rooms.records.known_network(digest)
        return known if known is not None else await self._durable.in_thread(self._rooms.records.network, digest)

    async def _role(self, network: Network, message: Message) -> Role:
        """The role as the message has it: with the prompt that another agent wrote for it, if one did."""
        role = network.role(message.recipient)
        persona = message.parts[0].value
        if role.prompt is None or persona["digest"] == role.prompt.digest:
            return role
        prompt = await self._durable.in_thread(self._rooms.briefs.prompt, persona["digest"])
        return Role(role.agent, prompt, persona["prompt"], message.parts[0].label, role.library)

    async def _remember(self, role: Role, message: Message, reply: Reply) -> None:
        """Keeps what the agent is to remember across tasks; once for each message and name."""
        recall = role.agent.memory
        if recall is None or reply.problem is not None or reply.label is None:
            return
        values = dict(message.data) | {role.agent.writes: reply.value}
        for name in recall.keeps:
            if text := as_said(values.get(name, "")).strip():
                await self._durable.in_thread(self._keep, recall.scope, text, f"{message.id}/{name}", reply)

    def _keep(self, scope: str, text: str, source: str, reply: Reply) -> None:
        assert reply.label is not None
        self._rooms.memories.remember(scope, text, source=source, label=reply.label)

    # --- what a turn needs --------------------------------------------------------------------------------------------

    async def tools(self, network: Network, role: Role) -> Mapping[str, Tool]:
        """The tools that the role holds, and the one that it only calls."""
        names = [*role.agent.tools, *([role.agent.calls] if role.agent.calls else [])]
        if not names:
            return {}
        found = dict(await (await self._toolbox(network)).tools([name for name in names if name != WORKSPACE]))
        if WORKSPACE in names:
            found |= workspace_tools(self._rooms.workspace)
        return found

    async def _toolbox(self, network: Network) -> Toolbox:
        key = f"{network.digest} {network.folder}"
        if key not in self._toolboxes:
            self._toolboxes[key] = await self._life.enter_async_context(Toolbox(network.tools, network.folder))
        return self._toolboxes[key]

    async def _has_effects(self, network: Network, role: Role) -> bool:
        return any(tool.effect is not Effect.READ for tool in (await self.tools(network, role)).values())

    async def history(self, role: Role, message: Message) -> Sequence[Earlier]:
        """See `turns.Surroundings`."""
        if not role.agent.history:
            return ()
        found = await self._dispatch.read(lambda connection: earlier(connection, message, role.agent.history))
        return [Earlier(one, value) for one, value in found]

    async def decision(self, question: Question) -> Decision:
        """See `turns.Surroundings`."""
        with self._dispatch.slots.away():
            return await self._dispatch.decision(question)

    # --- workflows ----------------------------------------------------------------------------------------------------

    async def _worked(self, id: str, run: str, work: Coroutine[Any, Any, Result]) -> Result | None:
        """The result of `work`; None when it was cut off because its run has ended, or its message was taken away."""
        task = asyncio.ensure_future(work)
        self._working[id] = _Work(run, task)
        try:
            await asyncio.wait({task})
            return task.result()
        except (Superseded, asyncio.CancelledError) as gone:
            task.cancel()
            status = "" if self._cut_off else await self._dispatch.read(lambda connection: status_of(connection, id))
            if status in ("", "waiting", "running"):
                raise LeftUnfinished from gone
            return None
        except (StoreError, NotConfigured):
            raise
        except Exception as error:
            if not self._settings.patient:
                raise
            _log.exception("%s broke and is given back", id)
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
            await self._dispatch.writer.write(lambda tx: give_back_one(tx, id, self._dispatch.owner, reason))
            raise LeftUnfinished from error
        finally:
            del self._working[id]


@dataclass(frozen=True, slots=True)
class _Work:
    run: str
    task: asyncio.Task[Any]


async def _outcome(task: Task, network: Network, dispatch: Dispatch, run: Run) -> tuple[Outcome, Message | None]:
    """How the run ends, and the message that tells the caller, or the person who takes over."""
    try:
        await dispatch.in_time(play(network.flow, task), run, network.bounds.seconds)
    except TaskEnded as end:
        if end.status is not RunStatus.HANDED_OVER:
            return _ended(task, end.status, end.reason), None
        note = Part(PartKind.INSTRUCTION, "reason", end.reason, TRUSTED)
        return _ended(task, end.status, end.reason), _last(task, PERSON, [note, *task.known.values()])
    except BoundMet as met:
        return _ended(task, RunStatus.STOPPED, str(met)), None
    return _ended(task, RunStatus.COMPLETED, None), _last(task, CALLER, list(task.learned.values()))


def _last(task: Task, recipient: str, parts: list[Part]) -> Message:
    return Message.compose(
        task.next_id(), task.run, sender=task.sender, recipient=recipient, parts=parts, decided_by=task.decisive
    )


def _ended(task: Task, status: RunStatus, reason: str | None) -> Outcome:
    return Outcome(
        status,
        {name: part.value for name, part in task.learned.items()},
        {name: part.label for name, part in task.learned.items()},
        reason,
    )
