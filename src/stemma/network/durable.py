"""Durable workflows: functions whose finished steps survive the process. The only file that knows DBOS.

A workflow is an async function under a name; it runs under an id, and one id runs once however often it is asked for. What
it does outside of steps must come out the same when it is done again. The result of a step is written down when the step
ends; whoever goes on after a crash reads it there. A step that had ended when the process died, but was not yet written
down, is done once more.

What a workflow decides, it returns. An error that it raises is never recorded as its result: the workflow stays unfinished,
the error comes out of `Durable.serve`, and the next process goes on after the last finished step.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeAlias, TypeVar, cast

from dbos import DBOS, DBOSConfig, Serializer, SetWorkflowID
from sqlalchemy import Engine

from stemma.core.errors import Conflict, NotConfigured
from stemma.network.codec import JsonCodec
from stemma.network.lease import Lease, lease
from stemma.network.system import SCHEMA, postgresql_url, sqlite_engine, system_file
from stemma.store import Store

Result = TypeVar("Result")
Workflow: TypeAlias = Callable[[str], Awaitable[Any]]
"""Is called with the id that it runs under."""

_POLL = 0.02  # seconds between two looks for a result that another task or process brings; DBOS waits a whole one
_TAKEOVER = 0.5  # seconds between two looks for peers that died
_THREADS = 8  # for what blocks: a store has some fifteen connections for each process
_ADOPTED = "stemma_adopted"  # the queue through which workflows of dead processes come back


class _LeftUnfinished(BaseException):
    """Ends a workflow without a result. DBOS would record an Exception as one, and replay it for ever."""


class Durable:
    """The engine of one process. It serves one call of `serve` at a time, since DBOS keeps its state in globals.

    `version` names what the workflows do, in which order; a workflow begun under another version is not touched.
    `types` are the records that steps may return, by the names they are written down under.
    """

    def __init__(self, store: Store, *, version: str, types: Mapping[str, type[Any]]) -> None:
        self._store = store
        self._version = version
        self._codec = JsonCodec(types)
        self._workflows: dict[str, Callable[[str], Coroutine[Any, Any, Any]]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._failure: asyncio.Future[None] | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._lease: Lease | None = None
        self._dbos: DBOS | None = None

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

    async def result(self, name: str, id: str) -> Any:
        """The result of workflow `name` under `id`: begun here, or awaited when it was begun before.

        Inside a workflow this is a child workflow, and its result a step.
        """
        with SetWorkflowID(id):
            handle = await DBOS.start_workflow_async(self._workflows[name], id)
        return await handle.get_result(polling_interval_sec=_POLL)

    async def step(self, name: str, function: Callable[..., Awaitable[Result]], *arguments: Any) -> Result:
        """What `function` returned the first time that this workflow came to this step."""

        async def attempt() -> Result:
            return await self._unfinished_on_error(function(*arguments))

        return await DBOS.run_step_async({"name": name}, attempt)

    async def in_thread(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """What `function` returns, called in a thread that has come to rest before `serve` ends, whatever happens."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    async def adopt(self, prefix: str) -> int:
        """Goes on with the unfinished workflows, of ids beginning with `prefix`, whose process is dead; returns how many.

        Raises Conflict when some were begun by a version of the workflows that this process does not know.
        """
        assert self._lease is not None
        left: dict[str, list[str]] = defaultdict(list)
        for found in await DBOS.list_workflows_async(
            status=["PENDING", "ENQUEUED"], workflow_id_prefix=prefix, load_input=False, load_output=False
        ):
            if found.app_version != self._version:
                raise Conflict(
                    f"{found.workflow_id!r} was begun by another release (workflows {found.app_version}, these are "
                    f"{self._version}) and can only be finished by that one; finish it there, or begin anew"
                )
            if found.status == "PENDING" and found.executor_id is not None:
                left[found.executor_id].append(found.workflow_id)
        return sum([await self.in_thread(self._adopt_from, executor, ids) for executor, ids in left.items()])

    async def adopt_until(self, done: asyncio.Event, prefix: str) -> None:
        """Keeps adopting while this process waits for workflows that peers run. Returns at once where there are no peers."""
        assert self._lease is not None
        while self._lease.has_peers and not done.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(done.wait(), _TAKEOVER)
                return
            await self.adopt(prefix)

    def _adopt_from(self, executor: str, ids: list[str]) -> int:
        assert self._lease is not None
        with self._lease.adopting(executor) as dead:
            if not dead:
                return 0
            # DBOS has a public call only for all workflows of an executor. The executor is part of the condition, so of two
            # processes that adopt at the same time one does, and the other changes nothing.
            assert self._dbos is not None
            system = self._dbos._sys_db
            return sum(system.reenqueue_for_recovery(id, [executor], _ADOPTED) for id in ids)

    async def _serve(
        self, workflows: Mapping[str, Workflow], main: Callable[[], Coroutine[Any, Any, Result]]
    ) -> Result:
        self._failure = asyncio.get_running_loop().create_future()
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
            "application_version": self._version,
            "executor_id": self._lease.executor,
            "serializer": cast(Serializer, self._codec),
            "enable_otlp": False,
            "log_level": "ERROR",
        }
        if engine is not None:
            config["system_database_engine"] = engine
        else:
            config |= {"system_database_url": postgresql_url(self._store), "dbos_system_schema": SCHEMA}
        self._dbos = DBOS(config=config)
        self._workflows = {name: self._registered(name, function) for name, function in workflows.items()}
        DBOS.launch()
        await DBOS.register_queue_async(_ADOPTED, polling_interval_sec=0.05)

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
            raise _LeftUnfinished from error

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
