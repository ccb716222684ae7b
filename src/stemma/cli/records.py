"""Commands that take records: what several commands share is written once, and is one parameter in each of them."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import wraps
from typing import Any, get_type_hints


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """`command` as Typer is to see it: a parameter that is a dataclass shows as one option for each of its fields.

    The options stand where the parameter stands, with the fields' annotations and defaults; when the command is called, the
    record is built from them. Raises ValueError when two fields of a command have one name.
    """
    parameters = inspect.signature(command, eval_str=True).parameters.values()
    records: dict[str, Any] = {one.name: one.annotation for one in parameters if is_dataclass(one.annotation)}
    shown = [
        option
        for one in parameters
        for option in (_options(records[one.name]) if one.name in records else [_as_keyword(one)])
    ]

    @wraps(command)
    def called(**values: Any) -> None:
        built = {
            name: record(**{field.name: values.pop(field.name) for field in fields(record)})
            for name, record in records.items()
        }
        command(**values, **built)

    signature = inspect.Signature(shown)
    called.__annotations__ = {one.name: one.annotation for one in shown}  # where older Typers look
    called.__signature__ = signature  # type: ignore[attr-defined]
    return called


def _options(record: Any) -> list[inspect.Parameter]:
    annotations = get_type_hints(record, include_extras=True)
    return [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=_default(field), annotation=annotations[field.name]
        )
        for field in fields(record)
    ]


def _default(field: Field[Any]) -> Any:
    return inspect.Parameter.empty if field.default is MISSING else field.default


def _as_keyword(parameter: inspect.Parameter) -> inspect.Parameter:
    return parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)  # else options without a default have to come first
