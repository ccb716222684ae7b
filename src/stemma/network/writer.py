"""Writing for many tasks at once: their small transactions are gathered into one, as databases do with commits."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from stemma.ledger.scope import Scope, Transaction

Result = TypeVar("Result")

_MOST = 64  # writes in one transaction


@dataclass(frozen=True, slots=True)
class _Write:
    work: Callable[[Transaction], Any]
    done: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


class Writer:
    """A thread that writes. What comes while it is busy shares the next transaction: one commit, one lock of the log.

    A write is a function of the transaction, and may be called twice: when one of those that share a transaction raises,
    each is done again in a transaction of its own, so that every one succeeds or fails by itself.
    """

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._waiting: SimpleQueue[_Write | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="stemma-writer", daemon=True)
        self._thread.start()

    async def write(self, work: Callable[[Transaction], Result]) -> Result:
        """What `work` returned, once it is committed. Raises what it raised, with nothing of it written."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Result] = loop.create_future()
        self._waiting.put(_Write(work, done, loop))
        return await done

    def close(self) -> None:
        """Ends the thread, after what was asked for."""
        self._waiting.put(None)
        self._thread.join()

    def _serve(self) -> None:
        while (first := self._waiting.get()) is not None:
            writes, ended = [first], False
            while len(writes) < _MOST:
                try:
                    more = self._waiting.get_nowait()
                except Empty:
                    break
                if more is None:
                    ended = True
                    break
                writes.append(more)
            self._carry_out(writes)
            if ended:
                return

    def _carry_out(self, writes: list[_Write]) -> None:
        try:
            with self._scope.write() as transaction:
                results = [write.work(transaction) for write in writes]
        except Exception as error:  # noqa: BLE001 - told to whoever asked for it; whose it is is found out one by one
            if len(writes) == 1:
                _settle(writes[0], None, error)
            else:
                for write in writes:
                    self._carry_out([write])
        else:
            for write, result in zip(writes, results, strict=True):
                _settle(write, result, None)


def _settle(write: _Write, result: Any, error: Exception | None) -> None:
    def settle() -> None:
        if write.done.cancelled():  # whoever waited for it is gone; what is written stays written
            return
        if error is not None:
            write.done.set_exception(error)
        else:
            write.done.set_result(result)

    try:
        write.loop.call_soon_threadsafe(settle)
    except RuntimeError:  # the loop is closed: the process is on its way out
        return
