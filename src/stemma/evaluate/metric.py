"""A scorer that is a Python function of the user's: ``metric(gold, pred, trace=None)``, as optimizers know it."""

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

from stemma.core.digests import canonical_json, digest_bytes
from stemma.core.errors import InvalidInput
from stemma.evaluate.data import Case
from stemma.evaluate.scoring import Ask, Score

MetricFunction: TypeAlias = Callable[..., Any]


@dataclass(frozen=True)
class Metric:
    """A function called with the case (`gold`) and the answer's text (`pred`), and ``None`` as `trace` if it insists.

    It returns a number from 0 to 1, a boolean, a `Score`, or a mapping or object with ``score`` and, if it likes,
    ``feedback``; or an awaitable of one of these.

    Two metrics are the same while the source of their module is (a metric calls its neighbours), their qualified
    name, and what the function closes over or takes as defaults. Where that cannot be told, `version` must say it:
    remembered scores of a function that has changed would be wrong without a sign of it.

    Raises InvalidInput when the function cannot be called like that, or cannot be told apart from another.
    """

    function: MetricFunction
    name: str = ""
    version: str | None = None
    _arguments: tuple[None, ...] = field(init=False, repr=False, default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or f"python:{_qualified(self.function)}")
        object.__setattr__(self, "_arguments", _extra_arguments(self.name, self.function))
        self.identity()

    def identity(self) -> dict[str, Any]:
        return dict(self._identity)

    @cached_property
    def _identity(self) -> dict[str, Any]:
        return {
            "kind": "python",
            "function": _qualified(self.function),
            "source": self._source_digest,
            "version": self.version,
        }

    @cached_property
    def _source_digest(self) -> str | None:
        if self.version is not None:
            return None
        try:
            source = _source(self.function)
            held = canonical_json(_held(self.function))
        except (OSError, TypeError, ValueError, InvalidInput) as error:
            raise InvalidInput(
                f"scorer {self.name!r} cannot be told from another version of itself ({error}); give it a version"
            ) from error
        return digest_bytes(source.encode() + b"\0" + held)

    def check(self, case: Case) -> None:
        """Nothing to hold against the case: only the function knows what it needs."""

    def score(self, case: Case, output: str, ask: Ask | None = None) -> Score | Awaitable[Score]:
        result = self.function(case, output, *self._arguments)
        return _awaited(result) if inspect.isawaitable(result) else _as_score(result)


def load_metric(target: str) -> Metric:
    """The metric that ``module:function`` or ``path/to/file.py:function`` names.

    Raises InvalidInput when there is no such module, file or function, or when loading it fails. Runs the module's
    code, as importing does.
    """
    where, colon, function = target.rpartition(":")
    if not (colon and where and function):
        raise InvalidInput(f"scorer 'python:{target}' names no function; write python:module:function")
    try:
        module = _module_of_file(Path(where)) if where.endswith(".py") else importlib.import_module(where)
    except Exception as error:
        raise InvalidInput(
            f"{where} cannot be loaded: {type(error).__name__}: {error}; name a module that can be imported from here, "
            "or a file: python:path/to/file.py:function"
        ) from error
    found = getattr(module, function, None)
    if not callable(found):
        have = ", ".join(name for name, value in vars(module).items() if inspect.isfunction(value)) or "none"
        raise InvalidInput(f"{where} has no function {function!r}; its functions are: {have}")
    return Metric(found, f"python:{target}")


async def _awaited(result: Awaitable[Any]) -> Score:
    return _as_score(await result)


def _as_score(result: Any) -> Score:
    if isinstance(result, Score):
        return result
    feedback = None
    if isinstance(result, Mapping):
        if "score" not in result:
            raise InvalidInput(f"it returned a mapping with {sorted(map(str, result))} and no 'score'")
        result, feedback = result["score"], result.get("feedback")
    elif hasattr(result, "score"):
        result, feedback = result.score, getattr(result, "feedback", None)
    if isinstance(result, str | bytes | None) or not hasattr(result, "__float__"):
        raise InvalidInput(f"it returned a {type(result).__name__}, not a number")
    return Score(float(result), None if feedback is None else str(feedback))


def _extra_arguments(name: str, function: MetricFunction) -> tuple[None, ...]:
    """What is passed behind case and answer: nothing, `trace`, or what GEPA's metrics add to it."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"scorer {name!r} cannot be called: {error}") from error
    for count in (0, 1, 3):
        try:
            signature.bind(None, None, *(None,) * count)
        except TypeError:
            continue
        return (None,) * count
    raise InvalidInput(f"scorer {name!r} takes {signature}; write it as metric(gold, pred, trace=None)")


def _source(function: MetricFunction) -> str:
    if isinstance(function, partial):
        return _source(function.func)
    named: Any = function if hasattr(function, "__qualname__") else type(function)
    module = inspect.getmodule(named)
    # In a notebook or a console the module is no file, while the function's own lines are known.
    return inspect.getsource(module if module is not None and getattr(module, "__file__", None) else named)


def _held(function: MetricFunction) -> Any:
    """What the function carries beside its source, as JSON: defaults, closed-over values, an object's own state."""
    if isinstance(function, partial):
        return [_held(function.func), _plain(function.args), _plain(function.keywords)]
    plain = getattr(function, "__func__", function)
    bound = getattr(function, "__self__", None)
    return {
        "name": _qualified(plain),
        "defaults": _plain(getattr(plain, "__defaults__", None) or ()),
        "keyword_defaults": _plain(getattr(plain, "__kwdefaults__", None) or {}),
        "closure": _plain([cell.cell_contents for cell in getattr(plain, "__closure__", None) or ()]),
        "state": {} if inspect.isfunction(plain) else _plain(vars(plain)),
        "bound": None if bound is None or isinstance(bound, type) else _plain(vars(bound)),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if inspect.isfunction(value):  # a decorator closes over what it decorates
        return _held(value)
    return value


def _qualified(function: MetricFunction) -> str:
    return function.__qualname__ if hasattr(function, "__qualname__") else type(function).__qualname__


def _module_of_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise FileNotFoundError("no such file")
    # Classes look their module up by name while they are made, and the file's own name may hide another module.
    name = f"stemma_metric_{digest_bytes(str(path.resolve()).encode())[:16]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError("not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
