"""How a search is run: everything beside the prompt, the data and the model that its outcome depends on."""

from dataclasses import asdict, dataclass
from typing import Any

from stemma.core.errors import InvalidInput
from stemma.evaluate.budget import Budget


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """The knobs, with the field's usual values.

    `elite` is the share of a generation that goes on unchanged, `mutation_rate` the chance of each part of a child
    (instruction line, label description, demonstration) to be varied. A candidate longer than `token_cap` is never tried;
    each token costs `token_price` of score, so that of two equally good prompts the shorter wins. The search stops at
    `target` (mean score on the validation cases), after `generations`, or when `max_calls`, `max_tokens` (in and out
    together) or `max_cost` (US dollars) are spent, whichever is first.
    """

    population: int = 50
    generations: int = 20
    elite: float = 0.2
    mutation_rate: float = 0.1
    crossover_rate: float = 0.7
    tournament: int = 3
    target: float = 1.0
    token_cap: int = 1500
    token_price: float = 0.00001
    val_fraction: float = 0.3
    max_calls: int = 6000
    max_tokens: int | None = None
    max_cost: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low in (("population", 2), ("generations", 1), ("tournament", 1), ("token_cap", 1), ("max_calls", 1)):
            if getattr(self, name) < low:
                raise InvalidInput(f"{name} is at least {low}, not {getattr(self, name)}")
        for name in ("elite", "mutation_rate", "crossover_rate", "target"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidInput(f"{name} lies between 0 and 1, not at {getattr(self, name)}")
        if not 0 < self.val_fraction < 1:
            raise InvalidInput(f"val_fraction lies between 0 and 1, not at {self.val_fraction}")
        if self.token_price < 0:
            raise InvalidInput(f"a token's price is not negative, as {self.token_price} is")
        self.budget()  # a limit that buys nothing is refused with the other settings

    def budget(self) -> Budget:
        """All that one search may take, unspent."""
        return Budget(calls=self.max_calls, tokens=self.max_tokens, money=self.max_cost)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
