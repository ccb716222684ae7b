"""Python functions as tools: the schema from the signature and the docstring, each call in its own thread or awaited."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from inspect import Parameter
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import ValidationError

from stemma.core.errors import InvalidData, NotConfigured
from stemma.network.tools.declared import Declared, declared_by
from stemma.network.tools.modules import Modules
from stemma.network.tools.options import options_of, wrong
from stemma.network.tools.threads import Threads
from stemma.network.tools.tool import Call, Tool, ToolFailed, ToolSpec


@dataclass(frozen=True, slots=True)
class FunctionOptions:
    """`function` is ``tools.py:refund``, a file beside the manifest, or ``package.module:refund``."""

    function: str


class FunctionTools:
    """The one tool that a function makes.

    A parameter annotated with `Call` is given the call's context and is no argument. A plain function runs in a thread;
    a coroutine function is awaited. The description and those of the arguments come from the docstring (Google, NumPy
    or Sphinx style). What kind of effect it has, it says with `stemma.network.tools.tool`.

    Raises InvalidData for a file that cannot be loaded or lacks the function, NotConfigured for a package that is not
    there.
    """

    def __init__(self, spec: ToolSpec, folder: Path, modules: Modules) -> None:
        reference = options_of(spec, FunctionOptions).function
        if ":" not in reference:
            raise wrong(
                spec, f"{reference!r} is not a function's place; write file.py:function or package.module:function"
            )
        try:
            function = modules.function(reference, folder)
        except InvalidData as error:
            raise InvalidData(error.path, f"{error.problem}; tool {spec.name!r} needs it", line=error.line) from error
        except NotConfigured as error:
            raise NotConfigured(f"tool {spec.name!r}: {error}") from error
        self._tools = {spec.name: spec.over(function_tool(spec.name, function))}

    async def tools(self) -> Mapping[str, Tool]:
        return self._tools

    async def close(self) -> None:
        """Nothing to do: threads that hang are the interpreter's to end."""


def function_tool(name: str, function: Callable[..., Any]) -> Tool:
    """`function` as a tool. Raises InvalidData for a signature that no JSON schema describes."""
    from pydantic import PydanticUserError  # and pydantic_ai: half a second to import, and few commands call tools
    from pydantic_ai import Tool as Described
    from pydantic_ai.exceptions import UserError

    declared = declared_by(function)
    if declared.parameters is not None:
        return _schematic(name, function, declared, declared.parameters)
    contexts = _contexts(function)
    try:
        described = Described(_without(function, contexts), takes_ctx=False).function_schema
    except (UserError, PydanticUserError, NameError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise InvalidData(
            inspect.getsourcefile(function) or function.__module__,
            f"the signature of {function.__name__!r} cannot be described to a model: {reason}; "
            "annotate it with types that JSON has",
            line=function.__code__.co_firstlineno if inspect.isfunction(function) else None,
        ) from error
    threads = Threads(name)
    parameters = inspect.signature(function).parameters

    async def invoke(arguments: Mapping[str, Any], call: Call) -> Any:
        try:
            values = described.validator.validate_python(dict(arguments))
        except ValidationError as error:
            raise ToolFailed(f"tool {name!r} cannot be called: {_said(error)}") from error
        positional, named = _bound(parameters, values | dict.fromkeys(contexts, call))
        if inspect.iscoroutinefunction(function):
            return await function(*positional, **named)
        result = await threads.run(lambda: function(*positional, **named))
        return await result if inspect.isawaitable(result) else result

    return _tool(name, described.description or "", described.json_schema, invoke, declared)


def _schematic(name: str, function: Callable[..., Any], declared: Declared, parameters: Mapping[str, Any]) -> Tool:
    """The tool of a function whose arguments a schema describes: that is held against each call before it is made."""
    threads = Threads(name)

    async def invoke(arguments: Mapping[str, Any], call: Call) -> Any:
        if inspect.iscoroutinefunction(function):
            return await function(arguments, call)
        result = await threads.run(lambda: function(arguments, call))
        return await result if inspect.isawaitable(result) else result

    return _tool(name, inspect.getdoc(function) or "", parameters, invoke, declared)


def _tool(
    name: str,
    description: str,
    parameters: Mapping[str, Any],
    invoke: Callable[[Mapping[str, Any], Call], Awaitable[Any]],
    declared: Declared,
) -> Tool:
    return Tool(
        name,
        description,
        parameters,
        invoke,
        effect=declared.effect,
        label=declared.label,
        idempotent=declared.idempotent,
        timeout=declared.timeout,
        fields=declared.fields,
        sensitive=declared.sensitive,
        clearance=declared.clearance,
    )


def _contexts(function: Callable[..., Any]) -> tuple[str, ...]:
    """The parameters that take the call's context."""
    try:
        hints = get_type_hints(function)
    except (
        NameError
    ):  # an annotation that cannot be resolved: told of, with the rest of the signature, by who describes it
        return ()
    return tuple(name for name in inspect.signature(function).parameters if hints.get(name) is Call)


def _without(function: Callable[..., Any], hidden: tuple[str, ...]) -> Callable[..., Any]:
    """`function` as it looks to a model. Only its signature is ever used."""
    signature = inspect.signature(function)

    @wraps(function)
    def seen(*_positional: Any, **_named: Any) -> None: ...

    shown = [parameter for name, parameter in signature.parameters.items() if name not in hidden]
    seen.__signature__ = signature.replace(parameters=shown)  # type: ignore[attr-defined]
    return seen


def _bound(parameters: Mapping[str, Parameter], values: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """`values` by parameter as they have to be passed."""
    named = dict(values)
    positional: list[Any] = []
    starred = any(parameter.kind is Parameter.VAR_POSITIONAL for parameter in parameters.values())
    passed_by_place = {Parameter.POSITIONAL_ONLY, *([Parameter.POSITIONAL_OR_KEYWORD] if starred else [])}
    for name, parameter in parameters.items():
        if parameter.kind is Parameter.VAR_POSITIONAL:
            positional.extend(named.pop(name, ()))
        elif parameter.kind in passed_by_place:
            positional.append(named.pop(name))
    return positional, named


def _said(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(step) for step in first["loc"])
    return f"argument {where!r}: {first['msg']}" if where else first["msg"]
