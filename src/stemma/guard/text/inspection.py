"""What a text or a JSON value is like, before anything reads it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stemma.core.errors import InvalidInput
from stemma.guard.text.cleaning import problems
from stemma.guard.text.finding import DEEPEST, Finding, Node, nodes


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is taken on. Characters and bytes are those of all texts of a value together, keys too."""

    characters: int = 2_000_000
    bytes: int = 8_000_000
    depth: int = 64
    nodes: int = 200_000

    def __post_init__(self) -> None:
        if not 0 <= self.depth <= DEEPEST or min(self.characters, self.bytes, self.nodes) < 0:
            raise InvalidInput(f"{self} cannot be held; limits are not negative, and the depth is at most {DEEPEST}")


@dataclass(frozen=True, slots=True)
class Inspection:
    """Size and findings; `depth` is 0 for a plain text, `bytes` are those of UTF-8."""

    characters: int
    bytes: int
    depth: int
    nodes: int
    findings: tuple[Finding, ...]

    def to_json(self) -> dict[str, Any]:
        size = {"characters": self.characters, "bytes": self.bytes, "depth": self.depth, "nodes": self.nodes}
        return {**size, "findings": [finding.to_json() for finding in self.findings]}


def inspect(value: Any, limits: Limits | None = None) -> Inspection:
    """What `value`, a text or a JSON value, is like: how large, and what in its texts `clean` would change.

    Nothing is ever refused for what it says. Linear in the value's size. Raises InvalidInput when it is larger or nested
    deeper than `limits` allow, before its texts are looked at.

    >>> inspect({"note": ["hid\\u200bden"]}).findings[0]
    Finding(kind='zero-width', start=3, end=4, count=1, path='/note/0')
    """
    allowed = limits or Limits()
    texts, characters, size, depth, count = list[Node](), 0, 0, 0, 0
    for node in nodes(value, deepest=allowed.depth):
        count += 1
        depth = max(depth, node.depth)
        if isinstance(node.value, str):
            characters += len(node.value)
            _refuse_beyond(characters, allowed.characters, "characters")
            size += len(node.value) if node.value.isascii() else len(node.value.encode("utf-8", "surrogatepass"))
            _refuse_beyond(size, allowed.bytes, "bytes")
            texts.append(node)
        _refuse_beyond(count, allowed.nodes, "values")
    return Inspection(characters, size, depth, count, tuple(_found(texts)))


def _found(texts: Sequence[Node]) -> list[Finding]:
    return [finding.at(node.path) for node in texts for finding in problems(node.value)]


def _refuse_beyond(size: int, limit: int, what: str) -> None:
    if size > limit:
        raise InvalidInput(f"the input has more than {limit:,} {what}, so it was not read; send less, or in parts")
