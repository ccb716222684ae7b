"""invoke: every way in which a tool can behave has one defined end."""

import asyncio
import threading
import tracemalloc
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.network.tools.sites import serving
from tests.network.tools.using import call_in

from stemma.core.trust import INTERNAL, UNTRUSTED
from stemma.network.tools.invoking import invoke
from stemma.network.tools.tool import Call, Effect, Labelled, Tool, ToolFailed

ORDER = {
    "type": "object",
    "properties": {"order": {"type": "string"}, "lines": {"type": "array", "items": {"type": "integer"}}},
    "required": ["order"],
    "additionalProperties": False,
}


def tool(
    body: Callable[[Mapping[str, Any], Call], Awaitable[Any]],
    *,
    timeout: float = 10,
    schema: Mapping[str, Any] | None = None,
) -> Tool:
    return Tool("ship", "", schema or {"type": "object"}, body, Effect.WRITE, INTERNAL, timeout=timeout)


def returning(value: Any) -> Tool:
    async def body(arguments: Mapping[str, Any], call: Call) -> Any:
        return value

    return tool(body)


def raising(error: BaseException) -> Tool:
    async def body(arguments: Mapping[str, Any], call: Call) -> Any:
        raise error

    return tool(body)


def invoked(tool: Tool, arguments: Mapping[str, Any] | None = None, *, max_chars: int = 20_000) -> Any:
    return asyncio.run(invoke(tool, arguments or {}, call_in(Path()), max_chars=max_chars))


def test_result_is_plain_json() -> None:
    """What comes back is what the journal will read back: lists for tuples, text for keys."""
    assert invoked(returning({"a": (1, 2), 3: None})) == {"a": [1, 2], "3": None}


def test_tool_that_raises() -> None:
    """An error becomes ToolFailed with its type and message, and stays attached."""
    with pytest.raises(ToolFailed, match=r"tool 'ship' failed: KeyError: 'order'") as caught:
        invoked(raising(KeyError("order")))
    assert isinstance(caught.value.__cause__, KeyError)


def test_tool_that_fails_knowingly() -> None:
    """What a tool says with ToolFailed is passed on as it is."""
    with pytest.raises(ToolFailed, match=r"^no such order$"):
        invoked(raising(ToolFailed("no such order")))


@pytest.mark.parametrize("error", [SystemExit(3), asyncio.CancelledError()])
def test_tool_that_would_end_the_worker(error: BaseException) -> None:
    """Leaving the program, or cancelling itself, ends a tool's call and nothing more."""
    with pytest.raises(ToolFailed, match=r"tool 'ship'"):
        invoked(raising(error))


def test_long_reason_is_shortened() -> None:
    """A tool that raises with its whole input does not fill the model's context."""
    with pytest.raises(ToolFailed) as caught:
        invoked(raising(ValueError("x" * 10_000_000)))
    assert len(str(caught.value)) < 2100


def test_coroutine_that_hangs_is_cancelled() -> None:
    """When its time is up, a coroutine is cancelled, and the model is told that its effect is unknown."""
    cancelled = []

    async def body(arguments: Mapping[str, Any], call: Call) -> Any:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(True)

    with pytest.raises(ToolFailed, match=r"did not answer within 0.02 seconds; whether it had an effect is not known"):
        invoked(tool(body, timeout=0.02))
    assert cancelled == [True]


def test_coroutine_that_shrugs_off_cancellation() -> None:
    """A tool that does not let itself be cancelled is left behind, and its agent goes on."""
    done = asyncio.Event()

    async def body(arguments: Mapping[str, Any], call: Call) -> Any:
        while not done.is_set():
            try:
                await done.wait()
            except asyncio.CancelledError:
                continue
        raise ValueError("too late to matter")

    async def main() -> None:
        with pytest.raises(ToolFailed, match=r"did not answer"):
            await invoke(tool(body, timeout=0.02), {}, call_in(Path()), max_chars=100)
        done.set()

    asyncio.run(main())


def test_cancelling_the_agent_cancels_the_call() -> None:
    """A task that is cancelled takes its tool's call along, and is not told that the tool failed."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def body(arguments: Mapping[str, Any], call: Call) -> Any:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def main() -> None:
        task = asyncio.create_task(invoke(tool(body), {}, call_in(Path()), max_chars=100))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(ended.wait(), 5)

    asyncio.run(main())


@pytest.mark.parametrize(
    "value",
    ["x" * 50_000_000, ["x" * 50_000] * 1000, {"rows": [{"text": "é" * 50_000}] * 1000}],
    ids=["text", "list", "nested"],
)
def test_huge_result_is_refused(value: Any) -> None:
    """Fifty megabytes are never passed on; the message names the limit."""
    with pytest.raises(ToolFailed, match=r"returned (more than|50,000,002) .*20,000.*; ask it for less"):
        invoked(returning(value))


@dataclass
class Folded:
    inner: Any


def folded(wrap: Callable[[Any], Any]) -> Any:
    """A value of thirty small containers that takes 2 ** 30 times its inner text as JSON."""
    value = wrap("text")
    for _ in range(30):
        value = wrap([value, value])
    return value


@pytest.mark.parametrize(
    "value",
    [
        folded(lambda inner: [inner]),
        folded(lambda inner: {"a": inner}),
        folded(lambda inner: (inner,)),
        folded(Folded),
        1 << 10**8,
        {"digits": [10**100_000] * 1000},
    ],
    ids=["lists", "mappings", "tuples", "dataclasses", "digits", "numbers"],
)
def test_result_that_unfolds(value: Any) -> None:
    """What is small in memory and huge as JSON is refused before it is written."""
    tracemalloc.start()
    try:
        with pytest.raises(ToolFailed, match=r"returned more than 20,000 characters"):
            invoked(returning(value))
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_huge_result_is_written_once() -> None:
    """Refusing a huge text takes no memory of its size at all."""
    value = "x" * 50_000_000
    tracemalloc.start()
    try:
        with pytest.raises(ToolFailed):
            invoked(returning(value))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 10_000_000


@pytest.mark.parametrize(
    "value",
    [object(), {"when": threading.Lock()}, float("nan"), [float("inf")], "\ud800", b"\xff", count(), 10**5000],
    ids=["object", "nested object", "NaN", "infinity", "surrogate", "bytes", "endless", "endless digits"],
)
def test_result_that_is_not_json(value: Any) -> None:
    """What JSON cannot carry is refused, an endless iterator included."""
    with pytest.raises(ToolFailed, match=r"tool 'ship' returned"):
        invoked(returning(value))


def test_result_within_itself() -> None:
    """A value that holds itself is refused."""
    ring: list[Any] = []
    ring.append(ring)
    with pytest.raises(ToolFailed, match=r"more than 20,000 characters"):
        invoked(returning(ring))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "arguments of tool 'ship' cannot be used: 'order' is a required property"),
        ({"order": 3}, "argument 'order' of tool 'ship' cannot be used: 3 is not of type 'string'"),
        ({"order": "a", "lines": [1, "x"]}, r"argument 'lines\[1\]' of tool 'ship' cannot be used: 'x' is not of type"),
        ({"order": "a", "colour": 1}, "'colour' was unexpected"),
    ],
)
def test_wrong_arguments(arguments: Mapping[str, Any], told: str) -> None:
    """Arguments that do not fit are refused before the tool is called, and the one at fault is named."""
    called = []

    async def body(arguments: Mapping[str, Any], call: Call) -> Any:
        called.append(arguments)

    with pytest.raises(ToolFailed, match=told):
        invoked(tool(body, schema=ORDER), arguments)
    assert not called


@pytest.mark.parametrize(
    "schema", [{"$ref": "http://127.0.0.1:9/schema"}, {"type": "none"}, {"patternProperties": {"(": {}}}, {"$ref": "#"}]
)
def test_schema_that_cannot_be_used(schema: Mapping[str, Any]) -> None:
    """A schema that a server made wrong breaks its own tool and nothing else."""
    with pytest.raises(ToolFailed, match=r"tool 'ship' cannot be called: its schema cannot be used: \w+"):
        invoked(tool(returning(1).invoke, schema=schema), {"a": 1})


def test_schema_from_elsewhere() -> None:
    """A server's schema cannot make us fetch anything."""
    with serving() as site, pytest.raises(ToolFailed, match=r"its schema cannot be used: .*Unresolvable"):
        invoked(tool(returning(1).invoke, schema={"$ref": f"{site.url}/v1/orders"}), {"a": 1})
    assert not site.asked


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_json_passes_unchanged(value: Any) -> None:
    """Every JSON value that is short enough comes back equal."""
    assert invoked(returning(value), max_chars=1_000_000) == value


@given(json_values, st.integers(0, 60))
def test_no_longer_than_allowed(value: Any, limit: int) -> None:
    """No result takes more characters than were allowed, however they are counted."""
    import json

    try:
        passed = invoked(returning(value), max_chars=limit)
    except ToolFailed:
        return
    assert len(json.dumps(passed, ensure_ascii=False, separators=(",", ":"))) <= limit + 40


def test_label_of_its_own() -> None:
    """A tool that labels what it hands on keeps that label, and its value is held to the same limits."""
    assert invoked(returning(Labelled((1, 2), UNTRUSTED))) == Labelled([1, 2], UNTRUSTED)
    with pytest.raises(ToolFailed, match=r"returned 100 characters, and at most 50"):
        invoked(returning(Labelled("x" * 98, UNTRUSTED)), max_chars=50)
