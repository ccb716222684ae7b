"""Python functions as tools."""

import asyncio
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.network.tools.using import answer, call_in, used

from stemma.core.errors import InvalidData, InvalidInput, NotConfigured
from stemma.core.trust import INTERNAL, UNTRUSTED
from stemma.network.tools.invoking import invoke
from stemma.network.tools.tool import Effect, Tool, ToolFailed, ToolSpec
from stemma.network.tools.toolbox import Toolbox

DESK = '''
import threading
from typing import Literal

from pydantic import BaseModel

from stemma.core.trust import UNTRUSTED
from stemma.network.tools import Call, Effect, tool

PAID = []


class Line(BaseModel):
    article: str
    amount: int = 1


@tool(effect=Effect.SPEND, idempotent=True, timeout=5)
def refund(order: str, amount: float, call: Call, reason: Literal["late", "broken"] = "late") -> dict[str, object]:
    """Pays money back.

    Args:
        order: The order's number.
        amount: In euros.
    """
    PAID.append(call.key)
    return {"order": order, "amount": amount, "reason": reason, "key": call.key, "agent": call.agent}


async def paid(call: Call) -> list[str]:
    return PAID


@tool(effect="read", label=UNTRUSTED)
def where() -> str:
    return threading.current_thread().name


def add(line: Line) -> str:
    "Adds a line to the order."
    return f"{line.amount} x {line.article}"


def total(*amounts: float, start: float = 0) -> float:
    return start + sum(amounts)


def handle() -> object:
    return threading.Lock()


def stuck() -> None:
    threading.Event().wait()


def leave() -> None:
    raise KeyboardInterrupt


def later():
    async def answer():
        return "later"
    return answer()


def odd(lock: threading.Lock) -> None: ...
'''


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    (tmp_path / "tools.py").write_text(DESK)
    return tmp_path


def spec(function: str, **over: Any) -> ToolSpec:
    return ToolSpec("pay", "python", {"function": f"tools.py:{function}"}, **over)


def described(spec: ToolSpec, folder: Path) -> Tool:
    async def one(tools: Mapping[str, Tool]) -> Tool:
        return tools[spec.name]

    return used(spec, folder, one)


def test_schema_from_signature_and_docstring(desk: Path) -> None:
    """The model sees the arguments with their types, descriptions and defaults; the call's context is none of them."""
    tool = described(spec("refund"), desk)
    assert tool.description == "Pays money back."
    assert tool.parameters["required"] == ["order", "amount"]
    assert tool.parameters["properties"]["amount"] == {"type": "number", "description": "In euros."}
    assert tool.parameters["properties"]["reason"]["enum"] == ["late", "broken"]
    assert "call" not in tool.parameters["properties"]


def test_call_context_is_given(desk: Path) -> None:
    """A parameter annotated with Call receives the idempotency key and who calls."""
    assert answer(spec("refund"), desk, "pay", order="A1", amount=3) == {
        "order": "A1",
        "amount": 3.0,
        "reason": "late",
        "key": "run_1.1/0",
        "agent": "clerk",
    }


def test_declared_beside_the_code(desk: Path) -> None:
    """Effect, idempotence, label and time-out come from the decorator."""
    refund, where = described(spec("refund"), desk), described(spec("where"), desk)
    assert (refund.effect, refund.idempotent, refund.timeout) == (Effect.SPEND, True, 5)
    assert (where.effect, where.label, where.may_repeat) == (Effect.READ, UNTRUSTED, True)


def test_defaults_are_safe(desk: Path) -> None:
    """A function that says nothing writes, may not be repeated, and is ours."""
    tool = described(spec("paid"), desk)
    assert (tool.effect, tool.idempotent, tool.label, tool.may_repeat) == (Effect.WRITE, False, INTERNAL, False)


def test_manifest_overrules(desk: Path) -> None:
    """What the manifest says of a tool stands before what its code says, False included."""
    tool = described(spec("refund", effect=Effect.EGRESS, idempotent=False, timeout=1.5, label=UNTRUSTED), desk)
    assert (tool.effect, tool.idempotent, tool.timeout, tool.label) == (Effect.EGRESS, False, 1.5, UNTRUSTED)


def test_plain_function_runs_in_a_thread(desk: Path) -> None:
    """A function that blocks holds up nobody else."""
    assert answer(spec("where"), desk, "pay") != threading.current_thread().name


def test_files_of_one_folder_find_each_other(tmp_path: Path) -> None:
    """A tool's file imports what stands beside it, and shares it with the other files there."""
    (tmp_path / "books.py").write_text("paid = []\n")
    body = "def {name}(order: str) -> list[str]:\n    paid.append(order)\n    return paid\n"
    for name in ("refund", "charge"):
        (tmp_path / f"{name}.py").write_text("from .books import paid\n\n" + body.format(name=name))

    async def main() -> list[Any]:
        specs = [ToolSpec(name, "python", {"function": f"{name}.py:{name}"}) for name in ("refund", "charge")]
        async with Toolbox(specs, tmp_path) as toolbox:
            tools = await toolbox.tools(["refund", "charge"])
            return [
                await invoke(tools[name], {"order": name}, call_in(tmp_path), max_chars=1000)
                for name in ("refund", "charge")
            ]

    assert asyncio.run(main()) == [["refund"], ["refund", "charge"]]


def test_functions_of_one_file_share_it(desk: Path) -> None:
    """Two tools from one file see the same module; another toolbox has its own."""
    from asyncio import run

    from stemma.network.tools.toolbox import Toolbox

    async def main() -> Any:
        specs = [ToolSpec(name, "python", {"function": f"tools.py:{name}"}) for name in ("refund", "paid")]
        async with Toolbox(specs, desk) as toolbox:
            tools = await toolbox.tools(["refund", "paid"])
            await invoke(tools["refund"], {"order": "A", "amount": 1}, call_in(desk), max_chars=1000)
            return await invoke(tools["paid"], {}, call_in(desk), max_chars=1000)

    assert run(main()) == ["run_1.1/0"]
    assert answer(spec("paid"), desk, "pay") == []


def test_model_argument(desk: Path) -> None:
    """A function of one pydantic model takes the model's fields as its arguments."""
    assert answer(spec("add"), desk, "pay", article="tea", amount=2) == "2 x tea"


def test_starred_arguments(desk: Path) -> None:
    """A starred parameter is a list to the model."""
    assert answer(spec("total"), desk, "pay", amounts=[1, 2.5], start=1) == 4.5


def test_coroutine_from_a_plain_function(desk: Path) -> None:
    """A plain function that returns a coroutine is awaited."""
    assert answer(spec("later"), desk, "pay") == "later"


def test_wrong_type_names_the_argument(desk: Path) -> None:
    """An argument of the wrong type is refused by name."""
    with pytest.raises(
        ToolFailed, match=r"argument 'amount' of tool 'pay' cannot be used: 'much' is not of type 'number'"
    ):
        answer(spec("refund"), desk, "pay", order="A", amount="much")


def test_result_that_is_not_json(desk: Path) -> None:
    """A function that returns a thing of its own fails."""
    with pytest.raises(ToolFailed, match=r"tool 'pay' returned what is not JSON"):
        answer(spec("handle"), desk, "pay")


def test_function_that_hangs(desk: Path) -> None:
    """The wait for a function that never returns is given up; after sixteen of them, it is not called any more."""

    async def seventeen(tools: Mapping[str, Tool]) -> list[str]:
        told = []
        for _ in range(17):
            with pytest.raises(ToolFailed) as caught:
                await invoke(tools["pay"], {}, call_in(desk), max_chars=100)
            told.append(str(caught.value))
        return told

    told = used(spec("stuck", timeout=0.01), desk, seventeen)
    assert told[0].startswith("tool 'pay' did not answer within 0.01 seconds")
    assert told[16].startswith("tool 'pay' is not called: 16 earlier calls of it still hang")


def test_function_that_interrupts(desk: Path) -> None:
    """An interrupt that a function raises itself ends its call, not the worker."""
    with pytest.raises(ToolFailed, match=r"KeyboardInterrupt"):
        answer(spec("leave"), desk, "pay")


@pytest.mark.parametrize(
    ("function", "told"),
    [
        ("refnd", r"tools.py: has no function 'refnd' \(did you mean 'refund'\?\); tool 'pay' needs it"),
        ("PAID", "has no function 'PAID'"),
        ("odd", r"the signature of 'odd' cannot be described to a model: .*; annotate it with types that JSON has"),
    ],
)
def test_function_that_is_not_there(desk: Path, function: str, told: str) -> None:
    """A function that is missing, or has a signature no schema describes, is refused when the toolbox is made."""
    with pytest.raises(InvalidData, match=told):
        described(spec(function), desk)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = 1\ndef f(:\n", r"tools.py:2: cannot be loaded: SyntaxError"),
        ("x = 1\n\ny = 1 / 0\n", r"tools.py:3: cannot be loaded: ZeroDivisionError"),
        ("import sys\nsys.exit(1)\n", r"tools.py:2: cannot be loaded: SystemExit"),
    ],
)
def test_file_that_cannot_be_loaded(tmp_path: Path, text: str, told: str) -> None:
    """A file that does not load is refused with the line at fault."""
    (tmp_path / "tools.py").write_text(text)
    with pytest.raises(InvalidData, match=told):
        described(spec("f"), tmp_path)


def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there is named."""
    with pytest.raises(InvalidData, match=r"tools.py: is not there; tool 'pay' needs it"):
        described(spec("f"), tmp_path)


def test_missing_package(tmp_path: Path) -> None:
    """A package that is not installed is a matter of configuration, whether the manifest or a file asks for it."""
    (tmp_path / "tools.py").write_text("import nowhere_at_all\n")
    with pytest.raises(NotConfigured, match=r"tool 'pay': .* imports 'nowhere_at_all', which is not installed"):
        described(spec("f"), tmp_path)
    with pytest.raises(NotConfigured, match=r"there is no Python module 'nowhere_at_all'"):
        described(ToolSpec("pay", "python", {"function": "nowhere_at_all.x:f"}), tmp_path)


def test_function_of_a_package(tmp_path: Path) -> None:
    """An installed package's function can be a tool."""
    assert answer(ToolSpec("q", "python", {"function": "shlex:quote"}), tmp_path, "q", s="a b") == "'a b'"


@pytest.mark.parametrize("options", [{"function": "tools"}, {}, {"function": "tools.py:f", "efect": "read"}])
def test_options_that_are_wrong(tmp_path: Path, options: Mapping[str, Any]) -> None:
    """An entry that names no function, or an unknown option, is refused with the tool's name."""
    with pytest.raises(InvalidInput, match=r"tool 'pay': "):
        described(ToolSpec("pay", "python", options), tmp_path)
