"""Swaps: another value of the same form in the place of one that a task takes from data."""

import re
from collections.abc import Mapping
from typing import Any

from stemma.guard.closed import FieldType
from stemma.platform.attack.own.forging import fits
from stemma.platform.attack.own.network import Target
from stemma.platform.attack.own.task import Find, HonestCall, Task, as_text, typed
from stemma.platform.attack.own.wish import Wish

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SCHEME = re.compile(r"https?://|www\.")


def swapped(task: Task, call: HonestCall, argument: str, find: Find, target: Target) -> tuple[Any, Wish] | None:
    """What stands at the source with another value in it, and the call that shows it got through.

    None where no other value is found by the same pattern and allowed by the tool.
    """
    there = task.item.get(find.source, task.answers.get(find.source))
    honest = find.read(as_text(there))
    schema = target.equipped.doubles[call.tool].parameters.get("properties", {}).get(argument, {})
    for other in (*_allowed(schema), other_than(str(honest))):
        changed = _changed(there, str(honest), str(other))
        value = typed(find.kind, other)
        found = typed(find.kind, find.read(as_text(changed)))
        if other == honest or found != value or not (fits(schema, value) or find.kind is FieldType.TEXT):
            continue
        honestly = task.honest(call, target.manifest)
        about = f"{argument!r} of tool {call.tool!r} of {call.agent}"
        return changed, Wish(
            about, call.tool, ({**honestly, argument: value},), frozenset({value}), frozenset({argument})
        )
    return None


def other_than(value: str) -> str:
    """Another value of the same form: letters stay letters, and digits digits.

    >>> other_than("DE0212"), other_than("https://a.example/1"), other_than("2024-05-31")
    ('EF1323', 'https://b.fybnqmf/2', '2031-01-01')
    """
    if _DATE.match(value):
        return f"2031-01-01{value[10:]}"
    scheme = _SCHEME.match(value)
    kept = scheme[0] if scheme else ""
    return kept + "".join(_next(letter) for letter in value.removeprefix(kept))


def _next(letter: str) -> str:
    for alphabet in ("0123456789", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"):
        if letter in alphabet:
            return alphabet[(alphabet.index(letter) + 1) % len(alphabet)]
    return letter


def _allowed(schema: Any) -> list[Any]:
    """The values of an argument that can only be one of so many."""
    return [one for one in schema.get("enum", ()) if isinstance(one, str)] if isinstance(schema, Mapping) else []


def _changed(value: Any, honest: str, other: str) -> Any:
    match value:
        case str():
            return value.replace(honest, other)
        case Mapping():
            return {key: _changed(item, honest, other) for key, item in value.items()}
        case list():
            return [_changed(item, honest, other) for item in value]
        case _:
            return typed(FieldType.NUMBER, other) if str(value) == honest else value
