"""Sandboxed code: Python that a model wrote, run by `pydantic-monty` in a process of its own that has nothing to reach.

No files, no network, no environment, no clock but the worker's; every limit is set here, since most are off by default.
"""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from stemma.core.trust import INTERNAL
from stemma.network.tools.invoking import as_json, shortened
from stemma.network.tools.options import options_of, wrong
from stemma.network.tools.tool import Call, Effect, Tool, ToolFailed, ToolSpec

if TYPE_CHECKING:
    from pydantic_monty import AsyncMonty, MontyRuntimeError, MontySyntaxError

_MEGABYTE = 1_000_000
_ENDING = 5.0
"""Seconds beyond a program's own until its process is killed, and a call that waits for a free process gives up."""

_FLOOD = 40
"""Bytes for every character that may be printed, at which a program is stopped. Below it, it is told how much it printed."""

_DESCRIPTION = """\
Runs a short Python program and returns {{"value": the last expression's value, "printed": what it printed}}. \
{seconds:g} seconds, {memory_mb} MB, no files, no network; of the standard library math, re, json, datetime, random, csv. \
The values of `inputs` are variables of the program."""


@dataclass(frozen=True, slots=True)
class CodeOptions:
    """What one program may take: `seconds` of running, as many of sleeping, `memory_mb` million bytes, and `max_output_chars`
    characters of its value as JSON and of what it prints, each. `processes` programs run at once.

    `on_failure` says what becomes of a program that fails. A model is told, and mends it: "raise". For an agent that only
    calls the tool that would be the end; with "return" the reason is its result, as ``failed``, for others to read.
    """

    seconds: float = 2.0
    memory_mb: int = 64
    max_output_chars: int = 10_000
    processes: int = 2
    on_failure: Literal["raise", "return"] = "raise"


class CodeTools:
    """``<name>_run``. Its processes start with the first program and end with `close`.

    A program has no effect, so the tool only reads; what comes out of it is as trusted as the program and the inputs. A
    program that fails raises ToolFailed with the traceback's last line and its place, for the model to mend it by.
    Chance is seeded by the call's key: called again after a crash, a program draws the same numbers.
    """

    def __init__(self, spec: ToolSpec, folder: Path) -> None:
        self._options = options_of(spec, CodeOptions)
        if (
            min(self._options.seconds, self._options.memory_mb, self._options.max_output_chars, self._options.processes)
            <= 0
        ):
            raise wrong(spec, "seconds, memory_mb, max_output_chars and processes must each be above 0")
        self._life = AsyncExitStack()
        self._starting = asyncio.Lock()
        self._pool: AsyncMonty | None = None
        tool = Tool(
            f"{spec.name}_run",
            _DESCRIPTION.format(seconds=self._options.seconds, memory_mb=self._options.memory_mb),
            {
                "type": "object",
                "properties": {
                    "code": {"type": "string", "minLength": 1, "maxLength": 100_000},
                    "inputs": {
                        "type": "object",
                        "default": {},
                        "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
                    },
                },
                "required": ["code"],
                "additionalProperties": False,
            },
            self._run,
            effect=Effect.READ,
            label=INTERNAL,
            timeout=2 * self._options.seconds + 2 * _ENDING,
        )
        self._tools = {tool.name: spec.over(tool)}

    async def tools(self) -> Mapping[str, Tool]:
        return self._tools

    async def close(self) -> None:
        self._pool = None
        await self._life.aclose()

    async def _run(self, arguments: Mapping[str, Any], call: Call) -> Any:
        try:
            return await self._outcome(arguments, call)
        except ToolFailed as failure:
            if self._options.on_failure == "raise":
                raise
            return {"value": None, "printed": "", "failed": str(failure)}

    async def _outcome(self, arguments: Mapping[str, Any], call: Call) -> Any:
        from pydantic_monty import CollectString, MontyError, MontyRuntimeError, MontySyntaxError

        limit = self._options
        printed = CollectString(_FLOOD * limit.max_output_chars)
        pool = await self._started()
        try:
            async with pool.checkout(
                limits={
                    "max_feed_duration_secs": limit.seconds,
                    "max_turn_duration_secs": limit.seconds,
                    "max_memory": limit.memory_mb * _MEGABYTE,
                    "max_recursion_depth": 500,
                    "max_suspensions": 1000,
                    # Sleeping too long is told, not cut short: a program would take the time for passed.
                    "max_total_sleep_secs": limit.seconds,
                },
                os_policy={"random_start": {"seed": call.key}, "sleep_system_max": float("inf")},
            ) as session:
                value = await session.feed_run(
                    arguments["code"], inputs=dict(arguments.get("inputs", {})), print_callback=printed
                )
        except (MontyRuntimeError, MontySyntaxError) as error:
            raise ToolFailed(f"the program failed: {shortened(_place(error) + error.display('type-msg'))}") from error
        except (MontyError, TimeoutError, ValueError) as error:
            raise ToolFailed(f"the program failed: {shortened(str(error))}") from error
        text = printed.output
        if len(text) > limit.max_output_chars:
            raise ToolFailed(
                f"the program printed {len(text):,} characters, and at most {limit.max_output_chars:,} are passed on"
            )
        return {"value": as_json(value, max_chars=limit.max_output_chars, source="the program"), "printed": text}

    async def _started(self) -> "AsyncMonty":
        from pydantic_monty import AsyncMonty

        async with self._starting:
            if self._pool is None:
                pool = AsyncMonty(min_processes=0, max_processes=self._options.processes, checkout_timeout=_ENDING)
                self._pool = await self._life.enter_async_context(pool)
            return self._pool


def _place(error: "MontyRuntimeError | MontySyntaxError") -> str:
    frames = error.traceback()
    return f"line {frames[-1].line}: " if frames else ""
