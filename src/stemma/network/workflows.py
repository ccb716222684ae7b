"""The two durable workflows: a run, whose id is the run's; and an agent's answer, whose id is the message's."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence

from stemma.network.caller import ModelCaller
from stemma.network.durable import Durable
from stemma.network.message import Message
from stemma.network.network import Role
from stemma.network.pipeline import pipeline
from stemma.network.records import Records
from stemma.network.run import Listener, Run, RunProgress, RunStatus
from stemma.network.turn import Reply
from stemma.store import Store

VERSION = "pipeline-1"
"""Names what the workflows do, in which order. Whoever changes that changes the name, and leaves begun runs to the release
that began them; whoever changes anything else keeps it, so that a run may outlive an upgrade."""


class Workflows:
    """What one process does for one batch: starts its runs, and answers the messages that they send."""

    def __init__(self, store: Store, records: Records, caller: ModelCaller) -> None:
        self._durable = Durable(store, version=VERSION, types={"reply": Reply})
        self._records = records
        self._caller = caller
        self._sent: dict[str, tuple[Message, Role]] = {}

    def serve(self, batch: str, runs: Sequence[Run], *, concurrency: int, progress: Listener | None) -> None:
        """Brings every run of the batch to its end, `concurrency` of them at a time."""
        self._durable.serve(
            {"run": self._run, "answer": self._answer},
            lambda: self._drive(batch, runs, concurrency=concurrency, progress=progress),
        )

    async def _run(self, run_id: str) -> str:
        run, network = await self._durable.in_thread(self._records.begin, run_id)
        outcome, last = await pipeline(network, run_id, run.request, self._ask)
        await self._durable.in_thread(self._records.finish, run_id, outcome, last)
        return outcome.status.value

    async def _ask(self, role: Role, message: Message) -> Reply:
        await self._durable.in_thread(self._records.send, message)
        self._sent[message.id] = message, role
        reply: Reply = await self._durable.result("answer", message.id)
        return reply

    async def _answer(self, message_id: str) -> Reply:
        sent = self._sent.pop(message_id, None)
        if sent is None:  # by another process
            sent = await self._durable.in_thread(self._records.delivery, message_id)
        message, role = sent
        reply = await self._durable.step("model", self._caller.ask, role, message)
        await self._durable.in_thread(self._records.answered, message, role, reply)
        return reply

    async def _drive(self, batch: str, runs: Sequence[Run], *, concurrency: int, progress: Listener | None) -> None:
        await self._durable.adopt(f"{batch}.")
        tally = _Tally(runs, self._caller, progress)
        begun = [run.id for run in runs if run.status is RunStatus.RUNNING]
        waiting = iter([run.id for run in runs if run.status is RunStatus.WAITING])
        ended = asyncio.Event()
        async with asyncio.TaskGroup() as watch:
            watch.create_task(self._durable.adopt_until(ended, f"{batch}."))
            async with asyncio.TaskGroup() as starters:
                for run_id in begun:  # adopted, or running elsewhere: waiting for one keeps none from starting
                    starters.create_task(self._end(iter([run_id]), tally))
                for _ in range(concurrency):
                    starters.create_task(self._end(waiting, tally))
            ended.set()

    async def _end(self, run_ids: Iterator[str], tally: "_Tally") -> None:
        for run_id in run_ids:
            tally.add(RunStatus(await self._durable.result("run", run_id)))


class _Tally:
    """Counts the runs of a batch that have ended, and tells who listens."""

    def __init__(self, runs: Sequence[Run], caller: ModelCaller, listener: Listener | None) -> None:
        self._ended = Counter(run.status for run in runs if run.status.is_final)
        self._total = len(runs)
        self._caller = caller
        self._listener = listener

    def add(self, status: RunStatus) -> None:
        self._ended[status] += 1
        if self._listener is not None:
            handed_over, failed = self._ended[RunStatus.HANDED_OVER], self._ended[RunStatus.FAILED]
            self._listener(RunProgress(self._ended.total(), self._total, handed_over, failed, self._caller.calls))
