"""Changes to a text: what stands where, what it is called, and what comes in its place."""

from collections.abc import Callable, Iterator
from typing import NamedTuple


class Edit(NamedTuple):
    """`text[start:end]` becomes `replacement`; `harmful` says how many characters of it are."""

    kind: str
    start: int
    end: int
    replacement: str
    harmful: int


Step = Callable[[str], Iterator[Edit]]
"""Finds edits in the order of the text, none of which overlap."""


def applied(text: str, step: Step) -> str:
    """`text` after all that `step` finds in it."""
    pieces, done = list[str](), 0
    for edit in step(text):
        pieces += (text[done : edit.start], edit.replacement)
        done = edit.end
    return "".join([*pieces, text[done:]]) if pieces else text
