"""Fields: which parts of a value of JSON somebody else wrote than the rest, named by paths.

A path is a chain of keys; ``[]`` stands for every item of a list: ``subject``, ``[].subject``, ``messages[].body``.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeAlias

from stemma.core.errors import InvalidInput
from stemma.core.trust import TrustLabel

ITEM = "[]"
Steps: TypeAlias = tuple[str, ...]

_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STEP = re.compile(r"\[\]|[^.\[\]]+")


def is_plain(key: str) -> bool:
    """Whether a path can name a field by this key."""
    return bool(_KEY.fullmatch(key))


@lru_cache(maxsize=1024)
def steps_of(path: str) -> Steps:
    """The path taken apart. Raises InvalidInput for what is none.

    >>> steps_of("messages[].body")
    ('messages', '[]', 'body')
    """
    steps = tuple(_STEP.findall(path))
    if not steps or "".join(f".{step}" if step != ITEM else step for step in steps).lstrip(".") != path:
        raise InvalidInput(f"{path!r} is not the path of a field; write it like subject, [].subject or messages[].body")
    return steps


def replaced(value: Any, fields: Mapping[str, TrustLabel], by: Callable[[Any, TrustLabel, str], Any]) -> Any:
    """`value` with each field that `fields` names replaced by what `by` makes of it, its label and its path."""
    return _replaced(value, {steps_of(path): (label, path) for path, label in fields.items()}, by)


def _replaced(value: Any, at: Mapping[Steps, tuple[TrustLabel, str]], by: Callable[[Any, TrustLabel, str], Any]) -> Any:
    if () in at:
        label, path = at[()]
        return by(value, label, path)
    if not at:
        return value
    firsts = {steps[0] for steps in at}
    match value:
        case Mapping() if ITEM not in firsts:
            return {key: _replaced(item, _below(at, key), by) for key, item in value.items()}
        case list() | tuple() if firsts == {ITEM}:
            below = _below(at, ITEM)
            return [_replaced(item, below, by) for item in value]
        case _:
            # Something else stands where the fields were expected: it is as bad as the worst of them.
            label, path = min(at.values(), key=lambda one: one[0].integrity)
            return by(value, label, path)


def _below(at: Mapping[Steps, tuple[TrustLabel, str]], step: str) -> dict[Steps, tuple[TrustLabel, str]]:
    return {steps[1:]: found for steps, found in at.items() if steps[0] == step}
