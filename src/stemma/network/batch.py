"""Watching a batch: until its runs have ended, with the progress told to who listens."""

import asyncio

from stemma.network.backlog import backlog
from stemma.network.caller import ModelCaller
from stemma.network.dispatch import Dispatch, set_within
from stemma.network.records import Records, open_messages
from stemma.network.run import Listener, RunProgress, RunStatus

_LEAST, _PAUSE = 0.02, 0.2  # seconds between two looks: when runs end all the time, and when none does


class BatchWatch:
    """Watches the runs of one batch."""

    def __init__(self, records: Records, batch: str, caller: ModelCaller, listener: Listener | None) -> None:
        self._records = records
        self._batch = batch
        self._caller = caller
        self._listener = listener
        self._told = -1
        self._rests = False

    async def until_ended(self, dispatch: Dispatch, *, wait: bool) -> None:
        """Comes back when every run, and what they posted, has ended; without `wait`, also when the rest waits for people."""
        while True:
            statuses = await dispatch.in_thread(self._records.statuses, self._batch)
            self._tell(list(statuses.values()))
            left = [run for run, status in statuses.items() if not status.is_final]
            if not left and await self._is_answered(dispatch):
                return
            if not wait and await self._waits_for_people(dispatch):
                return
            await asyncio.sleep(_LEAST)
            await set_within(dispatch.ended, _PAUSE)
            dispatch.ended.clear()

    async def _is_answered(self, dispatch: Dispatch) -> bool:
        """Whether nothing is left of what runs that have ended posted to topics."""
        return not await dispatch.read(lambda connection: open_messages(connection, self._batch))

    async def _waits_for_people(self, dispatch: Dispatch) -> bool:
        """Whether nothing of the batch can go on before a person has answered, whoever works on it."""
        found = await dispatch.read(lambda connection: backlog(connection, dispatch.clock.now(), self._batch))
        # Between two messages of a run there is a moment when nothing of it is on record but a question beside them, so
        # that one look is not enough.
        before, self._rests = self._rests, found.is_over and dispatch.slots.taken == 0
        return before and self._rests

    def _tell(self, statuses: list[RunStatus]) -> None:
        ended = [status for status in statuses if status.is_final]
        if self._listener is None or len(ended) == self._told:
            return
        first, self._told = self._told < 0, len(ended)
        if first and not ended:
            return
        handed_over, completed = ended.count(RunStatus.HANDED_OVER), ended.count(RunStatus.COMPLETED)
        failed = len(ended) - handed_over - completed
        self._listener(RunProgress(len(ended), len(statuses), handed_over, failed, self._caller.calls))
