"""Operators: small ways to write a prompt from another one.

An operator is a decision without I/O. One that needs a language model yields a `Question` and is sent the answer; the
search asks for all of a generation's questions together.
"""

from collections.abc import Generator
from dataclasses import dataclass
from random import Random
from typing import Protocol, TypeAlias

from stemma.optimize.individual import Individual
from stemma.optimize.task import Task
from stemma.registry.prompt import Prompt


@dataclass(frozen=True, slots=True)
class Question:
    """What an operator asks a language model."""

    system: str
    user: str


Variation: TypeAlias = Generator[Question, str, Prompt | None]


class Operator(Protocol):
    """Writes a variant of `parent`, or None where it has nothing to offer. All randomness comes from `rng`."""

    @property
    def name(self) -> str: ...

    def vary(self, parent: Individual, task: Task, rng: Random) -> Prompt | Variation | None: ...


def varied(prompt: Prompt, parent: Individual) -> Individual:
    """`parent` with another text and the same evidence: what the next operator on the same child looks at."""
    return Individual(parent.id, prompt, parent.operator, parent.parents, parent.tokens, parent.scores, parent.wrong)
