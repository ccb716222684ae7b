"""LangGraph's own agents (`langchain.agents.create_agent`), three nodes of one graph, with its own checkpointers."""

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, contextmanager
from itertools import count, pairwise
from typing import Any, TypedDict

from benchmarks.agents.work import (
    ANSWER,
    ARGUMENTS,
    RECORD,
    ROLES,
    TOOL,
    TOOL_DESCRIPTION,
    Answers,
    Play,
    Role,
    Verdict,
    turn,
)
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import StructuredTool
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, ConnectionPool

_CONNECTIONS = 10
_OPTIONS = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}  # what its savers ask for

os.environ["LANGSMITH_TRACING"] = "false"


class Scripted(BaseChatModel):  # type: ignore[misc]  # its types are not looked at: see pyproject.toml
    """Calls the tool, then answers."""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **options: Any) -> "Scripted":
        return self

    def _generate(self, messages: Sequence[Any], *_: Any, **__: Any) -> ChatResult:
        if isinstance(messages[-1], ToolMessage):
            said = AIMessage(ANSWER)
        else:
            said = AIMessage("", tool_calls=[{"name": TOOL, "args": ARGUMENTS, "id": "call-1", "type": "tool_call"}])
        return ChatResult(generations=[ChatGeneration(message=said)])

    async def _agenerate(self, messages: Sequence[Any], *_: Any, **__: Any) -> ChatResult:
        return self._generate(messages)


@contextmanager
def blocking(store_url: str) -> Iterator[Play]:
    """`SqliteSaver` and `PostgresSaver`: `invoke`, in as many threads as tasks are worked on at a time."""
    with ExitStack() as stack:
        if store_url.startswith("sqlite"):
            saver = stack.enter_context(SqliteSaver.from_conn_string(store_url.removeprefix("sqlite:///")))
            saver.conn.execute("PRAGMA synchronous = NORMAL")
        else:
            pool = ConnectionPool(store_url, max_size=_CONNECTIONS, kwargs=_OPTIONS, open=False)
            saver = PostgresSaver(stack.enter_context(pool))
        saver.setup()
        graph = _graph(saver, _blocking_node)
        threads = count()

        def work(text: str) -> Answers:
            config = {"configurable": {"thread_id": str(next(threads))}}
            return _answers(graph.invoke({"ticket": text}, config, durability="sync"))

        def play(tickets: Sequence[str], concurrency: int) -> Sequence[Answers]:
            with ThreadPoolExecutor(concurrency) as workers:
                return list(workers.map(work, tickets))

        yield play


@contextmanager
def on_a_loop(store_url: str) -> Iterator[Play]:
    """`AsyncSqliteSaver` and `AsyncPostgresSaver`: `ainvoke`, all on one event loop."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()

        async def opened() -> Any:
            if store_url.startswith("sqlite"):
                saver = await stack.enter_async_context(
                    AsyncSqliteSaver.from_conn_string(store_url.removeprefix("sqlite:///"))
                )
                await saver.conn.execute("PRAGMA synchronous = NORMAL")
            else:
                pool = AsyncConnectionPool(store_url, max_size=_CONNECTIONS, kwargs=_OPTIONS, open=False)
                saver = AsyncPostgresSaver(await stack.enter_async_context(pool))
            await saver.setup()
            return saver

        graph = _graph(runner.run(opened()), _loop_node)
        threads = count()

        async def work(text: str, free: asyncio.Semaphore) -> Answers:
            async with free:
                config = {"configurable": {"thread_id": str(next(threads))}}
                return _answers(await graph.ainvoke({"ticket": text}, config, durability="sync"))

        async def all_of(tickets: Sequence[str], concurrency: int) -> Sequence[Answers]:
            free = asyncio.Semaphore(concurrency)
            return await asyncio.gather(*(work(text, free) for text in tickets))

        yield lambda tickets, concurrency: runner.run(all_of(tickets, concurrency))
        runner.run(stack.aclose())


class _State(TypedDict, total=False):
    ticket: str
    category: dict[str, Any]
    checked: dict[str, Any]
    answer: dict[str, Any]


def _graph(saver: Any, node: Callable[[Role], Any]) -> Any:
    graph = StateGraph(_State)
    for role in ROLES:
        graph.add_node(role.name, node(role))
    steps = [START, *(role.name for role in ROLES), END]
    for before, after in pairwise(steps):
        graph.add_edge(before, after)
    return graph.compile(checkpointer=saver)


def _blocking_node(role: Role) -> Any:
    agent = _agent(role)

    def node(state: _State) -> dict[str, Any]:
        return _learned(role, agent.invoke(_asked(state)))

    return node


def _loop_node(role: Role) -> Any:
    agent = _agent(role)

    async def node(state: _State) -> dict[str, Any]:
        return _learned(role, await agent.ainvoke(_asked(state)))

    return node


def _agent(role: Role) -> Any:
    """It has no checkpointer of its own: as a subgraph it takes that of the graph, and keeps each of its steps."""

    def look_up(customer: str) -> str:
        return RECORD

    async def look_up_on_loop(customer: str) -> str:
        return RECORD

    tool = StructuredTool.from_function(look_up, look_up_on_loop, name=TOOL, description=TOOL_DESCRIPTION)
    return create_agent(
        Scripted(disable_streaming=True),
        [tool],
        system_prompt=role.instructions,
        response_format=ProviderStrategy(Verdict),
        name=role.name,
    )


def _asked(state: _State) -> dict[str, Any]:
    known = {name: said for name, said in state.items() if name != "ticket"}
    return {"messages": [{"role": "user", "content": turn(state["ticket"], known)}]}


def _learned(role: Role, ended: Any) -> dict[str, Any]:
    return {role.writes: ended["structured_response"].model_dump()}


def _answers(state: Any) -> Answers:
    return {role.writes: state[role.writes] for role in ROLES}
