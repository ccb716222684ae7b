"""pydantic-ai's agents in memory: what the turn costs when nothing of it is kept."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from benchmarks.agents.work import ANSWER, ARGUMENTS, RECORD, ROLES, TOOL, Answers, Play, Role, Verdict, turn
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.profiles import ModelProfile


@contextmanager
def in_memory(store_url: str) -> Iterator[Play]:
    """Keeps nothing; `store_url` is not looked at."""
    agents = {role.writes: _agent(role) for role in ROLES}

    async def work(text: str, free: asyncio.Semaphore) -> Answers:
        async with free:
            known: dict[str, Any] = {}
            for name, agent in agents.items():
                known[name] = (await agent.run(turn(text, known))).output.model_dump()
            return known

    async def all_of(tickets: Sequence[str], concurrency: int) -> Sequence[Answers]:
        free = asyncio.Semaphore(concurrency)
        return await asyncio.gather(*(work(text, free) for text in tickets))

    with asyncio.Runner() as runner:
        yield lambda tickets, concurrency: runner.run(all_of(tickets, concurrency))


def scripted() -> FunctionModel:
    """Calls the tool, then answers."""

    async def says(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        if any(isinstance(part, ToolReturnPart) for part in messages[-1].parts):
            return ModelResponse(parts=[TextPart(ANSWER)])
        return ModelResponse(parts=[ToolCallPart(TOOL, ARGUMENTS)])

    return FunctionModel(says, profile=ModelProfile(supports_json_schema_output=True))


def _agent(role: Role) -> Agent[None, Verdict]:
    agent = Agent(scripted(), instructions=role.instructions, output_type=NativeOutput(Verdict))

    @agent.tool_plain(name=TOOL)
    async def look_up(customer: str) -> str:
        """The record of a customer, as text."""
        return RECORD

    return agent
