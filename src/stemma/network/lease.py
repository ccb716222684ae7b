"""The lease: who may run agents on a store, and whose unfinished work is up for adoption.

A process that runs agents holds its lease as long as it lives; the operating system or the database takes it back when the
process dies, however that happens. No clock is involved, so a process that was merely paused is never taken for dead.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from stemma.core.errors import Conflict, StoreError, StoreReadOnly
from stemma.core.ids import new_id
from stemma.network.system import system_file
from stemma.store import Store


class Lease(Protocol):
    """What a running process holds. `executor` names the process; no two ever share one."""

    executor: str
    has_peers: bool
    """Whether other processes may run agents on this store at the same time."""

    def adopting(self, executor: str) -> AbstractContextManager[bool]:
        """Whether that process is dead. While the block lasts nobody else adopts what it left."""

    def check(self) -> None:
        """Raises StoreError when it was lost, so that others may have taken over what this process works on."""

    def release(self) -> None: ...


def lease(store: Store) -> Lease:
    """Takes the lease on `store`. Raises Conflict when it allows one process and another has it."""
    if store.is_sqlite:
        return FileLease(system_file(store).with_suffix(".lock"))
    return AdvisoryLease(store.engine.connect())


class FileLease:
    """SQLite: one process at a time, by a lock on a file beside the database."""

    has_peers = False

    def __init__(self, path: Path) -> None:
        self.executor = new_id("x")
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StoreReadOnly(
                f"cannot write {str(path)!r} ({error.strerror}), which keeps two processes from running the same agents; "
                "make its folder writable"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(self._file, 32).decode(errors="replace").strip() or "unknown"
            os.close(self._file)
            raise Conflict(
                f"another process (pid {holder}) runs agents on the store beside {str(path)!r}, and SQLite takes one at a "
                "time; wait for it to end, or use a store on postgresql://"
            ) from error
        os.truncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    @contextmanager
    def adopting(self, executor: str) -> Iterator[bool]:
        yield executor != self.executor

    def check(self) -> None:
        """See `Lease.check`. The operating system takes a lock back from nobody who lives."""

    def release(self) -> None:
        os.close(self._file)


class AdvisoryLease:
    """PostgreSQL: any number of processes, each holding a session advisory lock that is named after it."""

    has_peers = True

    def __init__(self, connection: Connection) -> None:
        self.executor = new_id("x")
        self._connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        self._session = self._pid()
        self._try(self.executor)

    @contextmanager
    def adopting(self, executor: str) -> Iterator[bool]:
        # A session is given its own lock again and again, so the question would always be answered yes.
        if executor == self.executor or not self._try(executor):
            yield False
            return
        try:
            yield True
        finally:
            self._connection.execute(text("select pg_advisory_unlock(:key)"), {"key": _key(executor)})

    def check(self) -> None:
        """See `Lease.check`. A session that has ended took the lock with it, and a new one does not have it."""
        try:
            lost = self._pid() != self._session
        except DBAPIError as error:
            raise self._lost() from error
        if lost:
            raise self._lost()

    def release(self) -> None:
        with suppress(DBAPIError):  # a session that is gone has given it back
            self._connection.execute(text("select pg_advisory_unlock(:key)"), {"key": _key(self.executor)})
        # The pool keeps a closed connection's session, and would hand it on.
        self._connection.invalidate()
        self._connection.close()

    def _lost(self) -> StoreError:
        return StoreError(
            f"the store ended the session in which {self.executor!r} works, so that others go on with what it had in hand; "
            "start it again"
        )

    def _pid(self) -> Any:
        return self._connection.execute(text("select pg_backend_pid()")).scalar()

    def _try(self, executor: str) -> bool:
        return bool(
            self._connection.execute(text("select pg_try_advisory_lock(:key)"), {"key": _key(executor)}).scalar()
        )


def _key(executor: str) -> int:
    return int.from_bytes(hashlib.sha256(f"stemma {executor}".encode()).digest()[:8], signed=True)
