"""A candidate as the search sees it: its text, where it came from, and how it did on which cases."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import fmean

from stemma.registry.prompt import Prompt


@dataclass(frozen=True, slots=True)
class Proposal:
    """A prompt that an operator wrote from these candidates; not stored yet."""

    prompt: Prompt
    operator: str
    parents: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Individual:
    """A stored candidate with its evidence. `scores` go by the place of the validation case."""

    id: int
    prompt: Prompt
    operator: str
    parents: tuple[int, ...]
    tokens: int
    scores: Mapping[int, float] = field(default_factory=dict)
    wrong: Mapping[int, str] = field(default_factory=dict)
    """What was answered where the score is below 1."""

    @property
    def mean(self) -> float | None:
        """The mean score over the cases it was tried on."""
        return fmean(self.scores.values()) if self.scores else None
