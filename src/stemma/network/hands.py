"""Hands: what a worker has in hand, turns and runs, each in a task of its own; and how it parts with it.

What is in hand here and what the store says is in these hands are held against each other, now and then: either may have
changed without the other.
"""

import asyncio
import logging
from collections.abc import Collection, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from stemma.core.errors import StoreError
from stemma.network.custody import give_back_broken, give_back_unbroken, holder_of, in_hands_of
from stemma.network.dispatch import Dispatch
from stemma.network.durable import LeftUnfinished
from stemma.network.journal import Superseded

Result = TypeVar("Result")

_log = logging.getLogger(__name__)


class Hands:
    """What one process works on. Where it is `patient` what breaks is given back for another try, else it ends the worker."""

    def __init__(self, dispatch: Dispatch, *, patient: bool) -> None:
        self._dispatch = dispatch
        self._patient = patient
        self._working: dict[str, _Work] = {}
        self._strays: set[str] = set()
        self._cut_off = False

    @property
    def ids(self) -> set[str]:
        """The turns and runs that have a place here, worked on already or not."""
        return {*self._dispatch.slots.ids, *self._dispatch.run_slots.ids}

    @property
    def working(self) -> Collection[str]:
        """The ids of the turns and runs that are worked on at this moment."""
        return self._working.keys()

    def drop(self, id: str) -> None:
        """Cuts off what is worked on under this id, if it is here."""
        if (working := self._working.get(id)) is not None:
            working.task.cancel()

    async def worked(self, id: str, run: str, work: Coroutine[Any, Any, Result]) -> Result | None:
        """The result of `work`; None when it was cut off because its run has ended, or its message was taken away.

        What breaks is given back for another try where the worker is patient, and ends the worker where it is not.
        """
        task = asyncio.ensure_future(work)
        self._working[id] = working = _Work(run, task)
        try:
            await asyncio.wait({task})
            return task.result()
        except (Superseded, asyncio.CancelledError) as gone:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
            await self._gone(id, run, gone)
            return None
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - raised again, or given back with its reason
            await self._broken(id, run, error)
            return None
        finally:
            if self._working.get(id) is working:
                del self._working[id]

    async def _gone(self, id: str, run: str, why: BaseException) -> None:
        """Comes back when nothing is left to do about what was cut off."""
        if self._cut_off:
            raise LeftUnfinished from why
        holder = await self._dispatch.read(lambda connection: holder_of(connection, id))
        if holder == self._dispatch.owner and isinstance(why, Superseded):
            # It is in these hands, and what it hangs on is not: its run waits for a message that was cancelled, say.
            await self._broken(id, run, why)
        elif holder is not None:
            raise LeftUnfinished from why

    async def _broken(self, id: str, run: str, error: Exception) -> None:
        if not self._patient:
            raise error
        _log.error("%s broke and is given back", id, exc_info=error)
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        again = await self._dispatch.writer.write(
            lambda tx: give_back_broken(tx, id, self._dispatch.owner, reason), about=run, alone=True
        )
        self._dispatch.wake.set()
        if again:
            raise LeftUnfinished from error

    async def reconcile(self) -> None:
        """Makes what is in hand here and what the store says is in these hands the same.

        What the store no longer says was cancelled, buried or taken away: it is cut off. What only the store says got lost
        between two transactions, with a connection perhaps: it is put back. Either has to be seen twice, since both change
        while they are compared.
        """
        before = self.ids
        kept = await self._dispatch.read(lambda connection: in_hands_of(connection, self._dispatch.owner))
        strays, self._strays = self._strays, before ^ kept
        twice = strays & self._strays
        for id in twice & self._working.keys() - kept:
            self._working[id].task.cancel()
        lost = twice - self.ids - before
        if lost:
            _log.warning("%s was not in hand any more, and is put back", ", ".join(sorted(lost)))
            await self._dispatch.writer.write(lambda tx: give_back_unbroken(tx, lost, self._dispatch.owner), alone=True)
            self._dispatch.wake.set()

    async def finish_turns(self, grace: float) -> None:
        """Lets turns end that do not wait for people, for `grace` seconds; what they lead to waits in inboxes for others."""
        self._dispatch.closed = True
        until = asyncio.get_running_loop().time() + grace
        while self._dispatch.slots.taken and (left := until - asyncio.get_running_loop().time()) > 0:
            tasks = {one.task for id, one in self._working.items() if id != one.run}
            if not tasks:
                break
            await asyncio.wait(tasks, timeout=min(left, 0.2), return_when=asyncio.FIRST_COMPLETED)

    async def put_down(self) -> None:
        """Leaves what is still in hand to others."""
        self._cut_off = True
        tasks = [one.task for one in self._working.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


@dataclass(frozen=True, slots=True)
class _Work:
    run: str
    task: asyncio.Task[Any]
