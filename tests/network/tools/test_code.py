"""Sandboxed code: what programs give, and every limit they meet."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.network.tools.using import answer, call_in, used

from stemma.core.errors import InvalidInput
from stemma.core.trust import INTERNAL
from stemma.network.tools.invoking import invoke
from stemma.network.tools.tool import Effect, Tool, ToolFailed, ToolSpec

LAB = ToolSpec("lab", "code", {"seconds": 0.3, "memory_mb": 32, "max_output_chars": 500})


def ran(code: str, **given: Any) -> Any:
    return answer(LAB, Path(), "lab_run", code=code, **given)


def test_value_and_output() -> None:
    """A program gives its last expression's value and what it printed."""
    assert ran("print('working')\nsum(range(10))") == {"value": 45, "printed": "working\n"}


def test_inputs_are_variables() -> None:
    """Inputs, nested as JSON is, stand under their names."""
    assert ran("[row['n'] * 2 for row in rows]", inputs={"rows": [{"n": 1}, {"n": 4}]})["value"] == [2, 8]


def test_programs_share_nothing() -> None:
    """What one program leaves behind, the next does not find."""

    async def two(tools: Mapping[str, Tool]) -> None:
        await invoke(tools["lab_run"], {"code": "x = 1"}, call_in(Path()), max_chars=1000)
        with pytest.raises(ToolFailed, match=r"NameError: name 'x' is not defined"):
            await invoke(tools["lab_run"], {"code": "x"}, call_in(Path()), max_chars=1000)

    used(LAB, Path(), two)


def test_chance_is_the_calls() -> None:
    """A call that is made again draws the same numbers; another call draws others."""

    async def draw(tools: Mapping[str, Tool]) -> list[float]:
        code = {"code": "import random\nrandom.random()"}
        calls = [call_in(Path(), key=key) for key in ("a", "a", "b")]
        return [(await invoke(tools["lab_run"], code, call, max_chars=1000))["value"] for call in calls]

    first, again, other = used(LAB, Path(), draw)
    assert first == again != other


def test_many_at_once() -> None:
    """Programs called together all end, however few processes there are."""

    async def many(tools: Mapping[str, Tool]) -> list[Any]:
        runs = (invoke(tools["lab_run"], {"code": f"{n} ** 2"}, call_in(Path()), max_chars=1000) for n in range(20))
        return [result["value"] for result in await asyncio.gather(*runs)]

    assert used(LAB, Path(), many) == [n**2 for n in range(20)]


def test_only_reads() -> None:
    """A program has no effect, so its call may be repeated."""

    async def one(tools: Mapping[str, Tool]) -> Tool:
        return tools["lab_run"]

    tool = used(LAB, Path(), one)
    assert (tool.effect, tool.label, tool.may_repeat) == (Effect.READ, INTERNAL, True)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("while True: pass", "TimeoutError: feed time limit exceeded"),
        ("x = [0] * 10**10", "line 1: MemoryError: memory limit exceeded"),
        ("x = 'a'\nwhile True: x += x", "line 2: MemoryError"),
        ("2 ** 10 ** 10", "MemoryError"),
        ("def f(n): return f(n + 1)\nf(0)", "RecursionError"),
        ("import time\ntime.sleep(60)", "TimeoutError: sleep limit exceeded"),
        (
            "import asyncio\nawait asyncio.gather(*[asyncio.sleep(0.25) for _ in range(9)])",
            "TimeoutError: sleep limit exceeded",
        ),
        ("print('x' * 600)", "the program printed 601 characters, and at most 500 are passed on"),
        ("while True: print('x' * 600)", "the program failed"),
        ("'x' * 600", "the program returned 602 characters, and at most 500 are passed on"),
        ("list(range(300))", "the program returned more than 500 characters"),
        ("class A: pass\nA()", "the program returned what is not JSON"),
        ("float('nan')", "the program returned what is not JSON"),
        ("10 ** 6000", "the program returned more than 500 characters"),
        ("x = 1\n1 / 0", "the program failed: line 2: ZeroDivisionError: division by zero"),
        ("def f(: pass", "the program failed: line 1: SyntaxError"),
        ("missing", "NameError: name 'missing' is not defined"),
        ("import os\nos.listdir('/')", "PermissionError"),
        ("import os\nos.environ", "not supported"),
        ("import os\nos.system('id')", "AttributeError|not supported"),
        ("open('/etc/passwd').read()", "PermissionError"),
        ("open('x.txt', 'w')", "PermissionError"),
        ("from pathlib import Path\nPath('/etc/passwd').read_text()", "PermissionError"),
        ("import socket", "No module named 'socket'"),
        ("import subprocess", "No module named 'subprocess'"),
        ("import ctypes", "No module named 'ctypes'"),
        ("__import__('os')", "NameError"),
        ("().__class__.__base__.__subclasses__()", "AttributeError"),
        ("raise SystemExit", "SystemExit"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    ],
)
def test_limits_hold(code: str, told: str) -> None:
    """A program that runs, takes or says too much, or reaches outside, fails in words that say how to mend it."""
    with pytest.raises(ToolFailed, match=told):
        ran(code)


def test_failure_leaves_the_sandbox_usable() -> None:
    """After a program that broke every limit, the next one runs."""

    async def both(tools: Mapping[str, Tool]) -> Any:
        for code in ("while True: pass", "x = [0] * 10**10"):
            with pytest.raises(ToolFailed):
                await invoke(tools["lab_run"], {"code": code}, call_in(Path()), max_chars=1000)
        return await invoke(tools["lab_run"], {"code": "1 + 1"}, call_in(Path()), max_chars=1000)

    assert used(LAB, Path(), both)["value"] == 2


def test_name_of_an_input() -> None:
    """An input that no variable can be called is refused."""
    with pytest.raises(ToolFailed, match=r"argument 'inputs' of tool 'lab_run'"):
        ran("1", inputs={"a b": 1})


@pytest.mark.parametrize("options", [{"seconds": 0}, {"memory_mb": -1}, {"second": 2}, {"seconds": "long"}])
def test_limits_that_are_none(options: Mapping[str, Any]) -> None:
    """A limit of nothing, or an option that is not one, is refused when the toolbox is made."""
    with pytest.raises(InvalidInput, match=r"tool 'lab': "):
        answer(ToolSpec("lab", "code", options), Path(), "lab_run", code="1")


def test_failure_as_a_result() -> None:
    """Where the entry says so, what went wrong is the result of the call, for an agent that nobody can tell it."""
    lab = ToolSpec("lab", "code", {**LAB.options, "on_failure": "return"})
    told = answer(lab, Path(), "lab_run", code="1 / 0")
    assert told == {
        "value": None,
        "printed": "",
        "failed": "the program failed: line 1: ZeroDivisionError: division by zero",
    }
    assert answer(lab, Path(), "lab_run", code="1 + 1") == {"value": 2, "printed": ""}
