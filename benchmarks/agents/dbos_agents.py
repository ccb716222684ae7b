"""Bare DBOS: a workflow a task, a child workflow an agent, a step each model call and each tool call."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any
from uuid import uuid4

from benchmarks.agents.work import ANSWER, ARGUMENTS, RECORD, ROLES, TOOL, Answers, Play, Verdict, turn
from dbos import DBOS, DBOSConfig, SetWorkflowID
from sqlalchemy import Engine, create_engine, event

from stemma.store.engine import sqlite_module


@contextmanager
def workflows(store_url: str) -> Iterator[Play]:
    """Its tables are in the database itself, as it makes them."""
    config: DBOSConfig = {
        "name": "bare",
        "application_version": "1",
        "executor_id": uuid4().hex,
        "enable_otlp": False,
        "log_level": "ERROR",
    }
    engine = None
    if store_url.startswith("sqlite"):
        engine = config["system_database_engine"] = _sqlite_engine(store_url)
    else:
        config["system_database_url"] = store_url
    DBOS(config=config)
    task = _registered()
    ids = count()
    with asyncio.Runner() as runner:

        async def launched() -> None:
            DBOS.launch()

        async def work(text: str, free: asyncio.Semaphore) -> Answers:
            async with free:
                with SetWorkflowID(f"t{next(ids)}"):
                    found: Answers = await task(text)
                    return found

        async def all_of(tickets: Sequence[str], concurrency: int) -> Sequence[Answers]:
            free = asyncio.Semaphore(concurrency)
            return await asyncio.gather(*(work(text, free) for text in tickets))

        runner.run(launched())
        try:
            yield lambda tickets, concurrency: runner.run(all_of(tickets, concurrency))
        finally:
            # It joins threads that may wait for the loop, so the loop has to run meanwhile.
            runner.run(asyncio.to_thread(DBOS.destroy, destroy_registry=True))
            if engine is not None:
                engine.dispose()


def _sqlite_engine(store_url: str) -> Engine:
    """In WAL: as DBOS sets a file up, a step takes twice to twenty times as long."""
    engine = create_engine(store_url, module=sqlite_module(), connect_args={"check_same_thread": False}, pool_size=20)

    @event.listens_for(engine, "connect")
    def _(connection: Any, _record: object) -> None:
        connection.isolation_level = "IMMEDIATE"
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "busy_timeout = 30000", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def _registered() -> Any:
    @DBOS.step(name="model")
    async def model(messages: list[dict[str, Any]]) -> dict[str, Any]:
        if messages[-1]["role"] == "tool":
            return {"role": "assistant", "content": ANSWER}
        return {"role": "assistant", "tool_calls": [{"id": "call-1", "name": TOOL, "arguments": ARGUMENTS}]}

    @DBOS.step(name=TOOL)
    async def look_up(customer: str) -> str:
        return RECORD

    @DBOS.workflow(name="agent")
    async def agent(instructions: str, asked: str) -> dict[str, Any]:
        messages: list[dict[str, Any]] = [
            {"role": "system", "content": instructions},
            {"role": "user", "content": asked},
        ]
        wanted = await model(messages)
        [call] = wanted["tool_calls"]
        found = await look_up(**call["arguments"])
        said = await model([*messages, wanted, {"role": "tool", "id": call["id"], "content": found}])
        return Verdict.model_validate(json.loads(said["content"])).model_dump()

    @DBOS.workflow(name="task")
    async def task(text: str) -> dict[str, Any]:
        known: dict[str, Any] = {}
        for role in ROLES:
            known[role.writes] = await agent(role.instructions, turn(text, known))
        return known

    return task
