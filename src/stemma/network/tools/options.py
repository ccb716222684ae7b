"""The options of a tool's kind, read from its entry in the manifest."""

from dataclasses import fields
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from stemma.core.digests import thaw
from stemma.core.errors import InvalidInput
from stemma.core.marked import near
from stemma.network.tools.tool import ToolSpec

Options = TypeVar("Options")


def options_of(spec: ToolSpec, kind: type[Options]) -> Options:
    """The options in `spec` as the dataclass `kind`. Raises InvalidInput that names the entry and the option."""
    known = [option.name for option in fields(kind)]  # type: ignore[arg-type]  # every kind is a dataclass
    for key in spec.options:
        if key not in known:
            raise wrong(spec, f"{spec.kind} has no option {key!r}{near(key, known)}; it has {', '.join(known)}")
    try:
        options: Options = TypeAdapter(kind).validate_python(thaw(spec.options))
    except ValidationError as error:
        first: Any = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise wrong(spec, f"{where}: {first['msg']}" if where else first["msg"]) from error
    return options


def wrong(spec: ToolSpec, problem: str) -> InvalidInput:
    """The error to raise for what the entry says."""
    return InvalidInput(f"tool {spec.name!r}: {problem}")
