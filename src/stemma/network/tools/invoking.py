"""Calling a tool: whatever it does, the call ends in JSON of a known size or in ToolFailed."""

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pydantic_core import PydanticSerializationError, from_json, to_json

from stemma.core.digests import thaw
from stemma.core.trust import Integrity, TrustLabel, join_all
from stemma.guard.fields import replaced
from stemma.network.tools.tool import Call, Labelled, Tool, ToolFailed

_GRACE = 1.0
"""Seconds that a call whose time is up gets to give way before it is left alone."""

_LISTED: Any = (list, tuple, set, frozenset, deque)
_SIZED: Any = (str, bytes, dict, *_LISTED)

_MOST_CHARS = 10_000_000
"""Characters of a result with strangers' parts in it, before those are cut."""

_LONGEST_REASON = 2000
"""Characters of a failure's reason: a model reads it, and a tool may put its whole input there."""


async def invoke(tool: Tool, arguments: Mapping[str, Any], call: Call, *, max_chars: int) -> Any:
    """What `tool` returns for `arguments`, as plain JSON values that take at most `max_chars` characters as JSON.

    A tool that labels its result keeps that label: a Labelled comes back.

    Raises ToolFailed, and nothing else, for arguments that do not fit, a tool that raises, takes longer than its
    `timeout`, or returns what is not JSON or is too long. When the time is up, a coroutine is cancelled; a function
    that runs in a thread is left to itself, and whether it had an effect is not known.
    """
    check_arguments(tool, arguments)
    # A task of its own, not asyncio.timeout: a tool that shrugs a cancellation off must not hold its agent for ever.
    task = asyncio.ensure_future(_attempt(tool, arguments, call))
    try:
        await asyncio.wait({task}, timeout=tool.timeout)
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=_GRACE)
            task.add_done_callback(_look_away)
            raise ToolFailed(
                f"tool {tool.name!r} did not answer within {tool.timeout:g} seconds; whether it had an effect is not known"
            )
    except asyncio.CancelledError:
        task.cancel()
        raise
    result, source = task.result(), f"tool {tool.name!r}"
    if isinstance(result, Labelled):
        try:
            return replace(result, value=_measured(result.value, result.fields, max_chars, source))
        except ToolFailed as failure:  # that it is too long says something of it
            label = join_all([result.label, *result.fields.values()])
            raise ToolFailed(str(failure), label=label) from failure
    return _measured(result, tool.fields, max_chars, source)


def _measured(value: Any, fields: Mapping[str, TrustLabel], max_chars: int, source: str) -> Any:
    """`value` as JSON. What strangers wrote in a part of it is cut where it is too long by itself, and counts for nothing
    else: whether the rest is passed on must not be up to them.
    """
    strange = {path: label for path, label in fields.items() if label.integrity is Integrity.UNTRUSTED}
    if not strange:
        return as_json(value, max_chars=max_chars, source=source)
    plain = as_json(value, max_chars=_MOST_CHARS, source=source)
    as_json(replaced(plain, strange, lambda *_: None), max_chars=max_chars, source=source)
    return replaced(plain, strange, lambda item, *_: _cut(item, max_chars))


def _cut(item: Any, most: int) -> Any:
    written = item if isinstance(item, str) else to_json(item).decode()
    return item if len(written) <= most else f"{written[:most]}…"


def check_arguments(tool: Tool, arguments: Mapping[str, Any]) -> None:
    """Raises ToolFailed, naming the argument, when `arguments` do not fit the tool's parameters."""
    try:
        found = tool.schema.misfit(thaw(arguments))
    except Exception as error:  # a server's schema may be anything
        reason = shortened(f"{type(error).__name__}: {error}")
        raise ToolFailed(f"tool {tool.name!r} cannot be called: its schema cannot be used: {reason}") from error
    if found is not None:
        where, problem = found
        at = f"argument {where!r}" if where else "arguments"
        raise ToolFailed(f"{at} of tool {tool.name!r} cannot be used: {shortened(problem)}")


def as_json(value: Any, *, max_chars: int, source: str) -> Any:
    """`value` as plain JSON values, just as they will be read back from the journal. It is written once, however long it is.

    `source` is who returned it, for the message. Raises ToolFailed for what JSON cannot carry, NaN included, and for
    more than `max_chars` characters.
    """
    if isinstance(value, Iterator):  # which the encoder would follow, and it may have no end
        raise ToolFailed(f"{source} returned an iterator, which is not JSON; let it return a list")
    size = len(value) + 2 if isinstance(value, str) else 0
    if not size and _unfolds_past(value, max_chars):
        raise ToolFailed(
            f"{source} returned more than {max_chars:,} characters, which is what is passed on at most; ask it for less"
        )
    if size <= max_chars:
        try:
            written = to_json(value)
        except (PydanticSerializationError, ValueError, TypeError, RecursionError) as error:
            raise ToolFailed(f"{source} returned what is not JSON: {shortened(str(error))}") from error
        size = len(written) if len(written) <= max_chars else len(written.decode())
    if size > max_chars:
        raise ToolFailed(
            f"{source} returned {size:,} characters, and at most {max_chars:,} are passed on; ask it for less"
        )
    try:
        return from_json(written, allow_inf_nan=False)
    except ValueError as error:
        raise ToolFailed(f"{source} returned what is not JSON: {shortened(str(error))}") from error


def _unfolds_past(value: Any, most: int) -> bool:
    """Whether `value` surely takes more than `most` characters as JSON.

    A list that holds one other many times is small in memory and, ten deep, more than memory holds once it is written.
    A number of a million digits takes a second to write. So it is measured before it is written, and no further than
    `most`.
    """
    waiting, length = [value], 0
    while waiting:
        item = waiting.pop()
        length += _least_length(item)
        if length > most:
            return True
        if isinstance(item, dict):
            waiting += [*item.keys(), *item.values()]
        elif isinstance(item, _LISTED):
            waiting += item
        elif hasattr(item, "__dict__") and not isinstance(item, type):  # a dataclass or a model
            waiting += vars(item).values()
    return False


def _least_length(item: Any) -> int:
    """Characters that `item`, without what is in it, takes at least."""
    if isinstance(item, int):
        return 1 + item.bit_length() * 3 // 10  # a digit is 3.3 bits
    return len(item) + 2 if isinstance(item, _SIZED) else 1


def shortened(reason: str) -> str:
    """A reason that a model can be told, in one line, however long the tool made it."""
    line = " ".join(reason[: 2 * _LONGEST_REASON].split())
    return line if len(line) <= _LONGEST_REASON else f"{line[:_LONGEST_REASON]}…"


async def _attempt(tool: Tool, arguments: Mapping[str, Any], call: Call) -> Any:
    try:
        return await tool.invoke(arguments, call)
    except ToolFailed:
        raise
    except asyncio.CancelledError as error:
        current = asyncio.current_task()
        if current is not None and current.cancelling():
            raise
        raise ToolFailed(f"tool {tool.name!r} cancelled itself") from error
    except (Exception, SystemExit) as error:  # whatever it is, the model is told, and the cause stays attached
        reason = shortened(str(error))
        kind = type(error).__name__
        raise ToolFailed(
            f"tool {tool.name!r} failed: {kind}: {reason}" if reason else f"tool {tool.name!r} failed: {kind}"
        ) from error


def _look_away(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()  # asyncio warns of an error that nobody asked for; this one came too late to matter
