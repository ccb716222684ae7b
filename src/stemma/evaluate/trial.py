"""How prompts are tried: which model answers, how its answers are scored, how many questions are open at a time."""

from dataclasses import dataclass

from stemma.evaluate.calls import Target
from stemma.evaluate.scoring import Scorer


@dataclass(frozen=True, slots=True)
class TrialSettings:
    """A trial by the names that people give; `stemma.platform` makes a `Trial` of it.

    `model` None is the one that the environment's settings name. `scorer` is what `scorer_named` takes, or a scorer of your
    own; `judge` names the model that it asks, if it asks one.
    """

    model: str | None = None
    scorer: str | Scorer = "normalised"
    judge: str | None = None
    concurrency: int = 4


@dataclass(frozen=True, slots=True)
class Trial:
    """A model to try prompts on, with whatever scores its answers."""

    target: Target
    scorer: Scorer
    judge: Target | None = None
    concurrency: int = 4
