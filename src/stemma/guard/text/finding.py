"""What was found in a text, and where; never the words themselves, so that a finding may be kept and shown."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from stemma.core.errors import InvalidInput

DEEPEST = 200
"""Levels of a JSON value that are followed; what lies deeper is refused."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing, or `count` alike. `start` and `end` are offsets in characters of the first.

    `path` says in which text of a JSON value, as a JSON Pointer (RFC 6901); it is empty for a plain text. A path that
    ends with ``#`` names a key, not its value.
    """

    kind: str
    start: int
    end: int
    count: int = 1
    path: str = ""

    def at(self, path: str) -> "Finding":
        return replace(self, path=path)

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "path": self.path, "start": self.start, "end": self.end, "count": self.count}


def longest(found: list[Finding]) -> list[Finding]:
    """Findings that do not overlap, in order: the longer before the shorter, then the one that comes first in the list."""
    kept = list[Finding]()
    for one in sorted(found, key=lambda one: (one.start, one.start - one.end)):
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
        elif one.end - one.start > kept[-1].end - kept[-1].start:
            kept[-1] = one
    return kept


@dataclass(frozen=True, slots=True)
class Node:
    """A value inside a JSON value, with its path, and how deep it lies (0 for the whole)."""

    value: Any
    path: str
    depth: int


def nodes(value: Any, *, deepest: int = DEEPEST) -> Iterator[Node]:
    """Every value in `value`, itself and the keys of objects too, without recursion.

    Raises InvalidInput when it is nested deeper than `deepest`, which a value that contains itself always is.
    """
    waiting = [Node(value, "", 0)]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node.value, Mapping):
            inside = [(_step(str(key)), one) for key, one in node.value.items()]
            yield from (Node(key, f"{node.path}{_step(str(key))}#", node.depth + 1) for key in node.value)
        elif isinstance(node.value, list | tuple):
            inside = [(f"/{place}", one) for place, one in enumerate(node.value)]
        else:
            continue
        if node.depth >= deepest:
            raise InvalidInput(f"the value is nested deeper than {deepest} levels, so it was not read; flatten it")
        waiting.extend(Node(one, node.path + step, node.depth + 1) for step, one in reversed(inside))


def check_depth(value: Any, *, deepest: int = 64) -> None:
    """Raises InvalidInput for a JSON value that is nested deeper than is written down, or digested, without trouble."""
    for _ in nodes(value, deepest=deepest):
        pass


def rewritten(value: Any, change: Callable[[str, str], str], *, path: str = "") -> Any:
    """A copy of a JSON value with each of its texts, keys of objects too, replaced by what `change(text, path)` gives back.

    Nested at most `DEEPEST` levels: check with `nodes` first.
    """
    if isinstance(value, str):
        return change(value, path)
    return inside(value, path, change, lambda one, at: rewritten(one, change, path=at))


def inside(value: Any, path: str, key: Callable[[str, str], str], item: Callable[[Any, str], Any]) -> Any:
    """A copy of an object or a list with its keys changed by `key` and its items by `item`; anything else as it is."""
    if isinstance(value, Mapping):
        changed = dict[str, Any]()
        for old, one in value.items():
            at = path + _step(str(old))
            name = new = key(str(old), f"{at}#")
            number = 1
            while new in changed:  # keys that have become alike keep their values apart
                number += 1
                new = f"{name} {number}"
            changed[new] = item(one, at)
        return changed
    if isinstance(value, list | tuple):
        return [item(one, f"{path}/{place}") for place, one in enumerate(value)]
    return value


def _step(key: str) -> str:
    return "/" + key.replace("~", "~0").replace("/", "~1")
