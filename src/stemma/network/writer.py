"""Writing for many tasks at once: their small transactions are gathered into one, as databases do with commits."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from stemma.core.errors import StoreError
from stemma.ledger.scope import Scope, Transaction
from stemma.network.admission import Address, hold

Result = TypeVar("Result")

_MOST = 64  # writes in one transaction
_ATTEMPTS = 5  # of a write by itself that the database turns away because of others
_TURNED_AWAY = ("40001", "40P01")  # SQLSTATE: serialization failure, deadlock


@dataclass(frozen=True, slots=True)
class _Write:
    work: Callable[[Transaction], Any]
    about: str
    into: Sequence[Address]
    alone: bool
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

    async def write(
        self,
        work: Callable[[Transaction], Result],
        *,
        about: str = "",
        into: Sequence[Address] = (),
        alone: bool = False,
    ) -> Result:
        """What `work` returned, once it is committed. Raises what it raised, with nothing of it written.

        `about` names the run whose row it locks, `into` the inboxes it sends to. Every process takes all the inboxes of a
        transaction first, and then goes through its runs in the order of their names, so that no two wait for each other. A
        write that locks what is no run's goes `alone`; where the database has but one lock, that makes no difference. Writes
        about one run are done in the order in which they were asked for.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Result] = loop.create_future()
        self._waiting.put(_Write(work, about, into, alone and not self._scope.store.is_sqlite, done, loop))
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
            shared = sorted((write for write in writes if not write.alone), key=lambda write: write.about)
            if shared:
                self._carry_out(shared)
            for write in writes:
                if write.alone:
                    self._carry_out([write])
            if ended:
                return

    def _carry_out(self, writes: list[_Write]) -> None:
        try:
            results = written(self._scope, lambda tx: _done(writes, tx), attempts=1)
        except BaseException as error:  # noqa: BLE001 - told to whoever asked for it; whose it is is found out one by one
            if len(writes) > 1 or _was_turned_away(error):
                for write in writes:
                    self._carry_out_alone(write)
            else:
                _settle(writes[0], None, error)
        else:
            for write, result in zip(writes, results, strict=True):
                _settle(write, result, None)

    def _carry_out_alone(self, write: _Write) -> None:
        try:
            (result,) = written(self._scope, lambda tx: _done([write], tx))
        except BaseException as error:  # noqa: BLE001 - told to whoever asked for it
            _settle(write, None, error)
        else:
            _settle(write, result, None)


def _done(writes: Sequence[_Write], transaction: Transaction) -> list[Any]:
    hold(transaction.connection, [address for write in writes for address in write.into])
    return [write.work(transaction) for write in writes]


def written(scope: Scope, work: Callable[[Transaction], Result], *, attempts: int = _ATTEMPTS) -> Result:
    """What `work` returned, in a transaction of its own; done again when the database gave others the way."""
    while True:
        attempts -= 1
        try:
            with scope.write() as transaction:
                return work(transaction)
        except StoreError as error:
            if attempts <= 0 or not _was_turned_away(error):
                raise


def _was_turned_away(error: BaseException) -> bool:
    """Whether the database gave others the way: nothing is wrong with the write, and nothing of it was written."""
    return getattr(getattr(error.__cause__, "orig", None), "sqlstate", None) in _TURNED_AWAY


def _settle(write: _Write, result: Any, error: BaseException | None) -> None:
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
