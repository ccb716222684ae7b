"""Durable workflows: functions that are brought to their end whatever becomes of the process. The only file that knows DBOS.

A workflow is an async function under a name; it runs under an id, and one id runs in one process at a time. When its
process dies, another begins it anew under the same id; what it had done by then it finds in its journal (see
`journal`), which is kept beside the audit log and not with the engine, so that a step and its event are one
transaction.

What a workflow decides, it returns. One that raises is never recorded as ended: it stays unfinished, and can be begun
again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from contextvars import Context, copy_context
from typing import Any, TypeAlias, TypeVar, cast

from dbos import DBOS, DBOSConfig, Serializer, SetWorkflowID
from dbos._core import WorkflowHandleAsyncPolling
from sqlalchemy import Engine

from stemma.core.errors import NotConfigured
from stemma.core.ids import new_id
from stemma.network.codec import JsonCodec
from stemma.network.lease import Lease, lease
from stemma.network.system import SCHEMA, postgresql_url, sqlite_engine, system_file
from stemma.store import Store

Result = TypeVar("Result")
Workflow: TypeAlias = Callable[[str], Awaitable[Any]]
"""Is called with the id that it runs under."""

VERSION = "network-1"
"""Names how workflows and their journals are laid out, not what agents or flows do: a task that waits for a person
outlives any release that keeps it."""

_THREADS = 8  # for what blocks: a store has some fifteen connections for each process


class LeftUnfinished(BaseException):
    """Ends a workflow without a result, to be begun again. DBOS would record an Exception as one, and replay it for ever."""


class Durable:
    """The engine of one process. It serves one call of `serve` at a time, since DBOS keeps its state in globals."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._workflows: dict[str, Callable[[str], Coroutine[Any, Any, Any]]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._outside = Context()
        self._failure: asyncio.Future[None] | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._lease: Lease | None = None
        self._dbos: DBOS | None = None

    @property
    def executor(self) -> str:
        """The name under which this process works; no other ever has it. There while `serve` runs."""
        assert self._lease is not None
        return self._lease.executor

    @property
    def has_peers(self) -> bool:
        """Whether other processes may work on the same store."""
        assert self._lease is not None
        return self._lease.has_peers

    def is_dead(self, executor: str) -> AbstractContextManager[bool]:
        """Whether that process has died. While the block lasts nobody else takes on what it left."""
        assert self._lease is not None
        return self._lease.adopting(executor)

    def check(self) -> None:
        """Raises StoreError when others may have taken this process for dead."""
        assert self._lease is not None
        self._lease.check()

    def serve(self, workflows: Mapping[str, Workflow], main: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """Runs `main` while `workflows` can be asked for, and returns what it returns.

        Raises Conflict when the store is a SQLite file on which another process runs agents, InvalidInput when it is in
        memory, and whatever error a workflow or `main` raised.
        """
        self._lease = lease(self._store)
        try:
            with ThreadPoolExecutor(_THREADS, "stemma") as self._threads:
                return asyncio.run(self._serve(workflows, main))
        finally:
            self._lease.release()

    async def start(self, name: str, id: str, *, again: bool) -> None:
        """Begins workflow `name` under `id`; `again` when a process that is dead now may have begun it before."""
        # In the context of a workflow DBOS would take the new one for its child, whose place in the replay is recorded.
        task = asyncio.get_running_loop().create_task(self._start(name, id, again=again), context=self._outside.copy())
        await task

    async def _start(self, name: str, id: str, *, again: bool) -> None:
        if again:
            await self._put_away(id)
        elif await self._begun(name, id, id):
            return
        # Begun before, as far as the engine knows: by a process that is dead, or in another age (a backup was put back,
        # say). The store is the record, and what was done is in its journal; the engine gets a new name for the rest.
        await self._begun(name, id, new_id(f"{id}~"))

    async def _begun(self, name: str, id: str, workflow_id: str) -> bool:
        """Whether the workflow now runs here; one that the engine knows already does not."""
        with SetWorkflowID(workflow_id):
            handle = await DBOS.start_workflow_async(self._workflows[name], id)
        return not isinstance(handle, WorkflowHandleAsyncPolling)

    async def _put_away(self, id: str) -> None:
        """Marks what dead processes left of a workflow as cancelled, so that the engine does not take it for unfinished."""
        left = await DBOS.list_workflows_async(
            status=["PENDING"], workflow_id_prefix=id, load_input=False, load_output=False
        )
        for found in left:
            if found.workflow_id == id or found.workflow_id.startswith(f"{id}~"):
                await DBOS.cancel_workflow_async(found.workflow_id)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Does `work` beside the workflows, without a record of its own; its error comes out of `serve` as theirs does."""
        assert self._loop is not None
        task = self._loop.create_task(self._beside(work), context=self._outside.copy())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # A task that is cancelled before its first step never comes to await its work.
        task.add_done_callback(lambda _: work.close())

    async def _beside(self, work: Coroutine[Any, Any, Any]) -> None:
        with suppress(LeftUnfinished):
            await self._unfinished_on_error(work)

    async def in_thread(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """What `function` returns, called in a thread that has come to rest before `serve` ends, whatever happens."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    async def _serve(
        self, workflows: Mapping[str, Workflow], main: Callable[[], Coroutine[Any, Any, Result]]
    ) -> Result:
        self._loop, self._outside = asyncio.get_running_loop(), copy_context()
        self._failure = self._loop.create_future()
        engine = sqlite_engine(system_file(self._store)) if self._store.is_sqlite else None
        try:
            await self._launch(engine, workflows)
            return await self._watched(main())
        finally:
            await self._shut_down(engine)
            # Work that is cut off by an interruption fails at the engine that is gone. Nobody waits for that failure any
            # more; looked at once, it is not reported as forgotten behind the interruption's own message.
            if self._failure.done() and not self._failure.cancelled():
                self._failure.exception()

    async def _launch(self, engine: Engine | None, workflows: Mapping[str, Workflow]) -> None:
        # DBOS adds a handler of its own to a logger that has none. It stays reachable for whoever configures logging.
        logger = logging.getLogger("dbos")
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
        _refuse_second_instance()
        assert self._lease is not None
        config: DBOSConfig = {
            "name": "stemma",
            "application_version": VERSION,
            "executor_id": self._lease.executor,
            "serializer": cast(Serializer, JsonCodec()),
            "enable_otlp": False,
            # Nothing here waits for its notifications; but ending takes as long as it sleeps between two looks for them.
            "notification_listener_polling_interval_sec": 0.1,
            "log_level": "ERROR",
        }
        if engine is not None:
            config["system_database_engine"] = engine
        else:
            config |= {"system_database_url": postgresql_url(self._store), "dbos_system_schema": SCHEMA}
        self._dbos = DBOS(config=config)
        self._workflows = {name: self._registered(name, function) for name, function in workflows.items()}
        DBOS.listen_queues([])  # messages and runs wait in the store
        DBOS.launch()

    def _registered(self, name: str, function: Workflow) -> Callable[[str], Coroutine[Any, Any, Any]]:
        async def workflow(id: str) -> Any:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return await self._unfinished_on_error(function(id))

        return DBOS.workflow(name=name)(workflow)

    async def _unfinished_on_error(self, work: Awaitable[Result]) -> Result:
        try:
            return await work
        except Exception as error:
            assert self._failure is not None
            if not self._failure.done():
                self._failure.set_exception(error)
            raise LeftUnfinished from error

    async def _watched(self, main: Coroutine[Any, Any, Result]) -> Result:
        assert self._failure is not None
        task = asyncio.create_task(main)
        try:
            await asyncio.wait((task, self._failure), return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
        if self._failure.done():
            self._failure.result()
        self._failure.cancel()
        return task.result()

    async def _shut_down(self, engine: Engine | None) -> None:
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        # DBOS joins threads that may be waiting for this very loop, so it is shut down from a thread of its own.
        if self._dbos is not None:
            with ThreadPoolExecutor(1) as thread:
                await asyncio.get_running_loop().run_in_executor(thread, lambda: DBOS.destroy(destroy_registry=True))
            self._dbos = None
        if engine is not None:
            engine.dispose()


def _refuse_second_instance() -> None:
    from dbos import _dbos

    if _dbos._dbos_global_instance is not None:
        raise NotConfigured(
            "DBOS already runs in this process and can serve one application at a time; run the agents in another process"
        )
