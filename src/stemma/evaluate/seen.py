"""Cases that were seen before: learned from, or shown as examples. Measured on those, a prompt is flattered.

A case is told by its marks, digests of its inputs alone, so that what was seen can be kept without the words. A mark is not
salted: whoever has a text can find out whether it was among the cases, and nobody can read a text out of a mark.
"""

from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256

from stemma.evaluate.data import Case, Dataset
from stemma.registry.prompt import Prompt
from stemma.registry.sessions import MARK_BYTES


def shown_input(case: Case) -> str:
    """A case's inputs as a demonstration shows them: the text itself when there is one input."""
    return _shown(case.inputs.items())


def marks_of(cases: Iterable[Case]) -> frozenset[bytes]:
    """The marks of all these cases. Spaces, line breaks, the order of columns and, of a single one, its name do not count."""
    return frozenset(mark for case in cases for mark in _marks(case))


def marks_shown_by(prompt: Prompt) -> frozenset[bytes]:
    """The marks of what a prompt shows as examples."""
    return frozenset(_mark(shown.input) for shown in prompt.demonstrations)


def unseen(data: Dataset, marks: frozenset[bytes]) -> Dataset:
    """The cases of `data` that have none of these marks."""
    return replace(data, cases=tuple(case for case in data if marks.isdisjoint(_marks(case))), problems=())


def _marks(case: Case) -> set[bytes]:
    return {_mark(shown_input(case)), _mark(_shown(sorted(case.inputs.items())))}


def _mark(text: str) -> bytes:
    return sha256(" ".join(text.split()).encode()).digest()[:MARK_BYTES]


def _shown(inputs: Iterable[tuple[str, str]]) -> str:
    pairs = list(inputs)
    return pairs[0][1] if len(pairs) == 1 else "\n".join(f"{name}: {value}" for name, value in pairs)
