"""What a search knows about the work: the cases it may show and learn from, and those it may score on."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from stemma.evaluate.data import Case
from stemma.evaluate.seen import shown_input
from stemma.optimize.mining import Phrases, mine
from stemma.registry.prompt import Demonstration, Prompt

_MOST_LABELS = 200
_FEWEST_CASES_A_LABEL = 2.0


@dataclass(frozen=True)
class Task:
    """The searcher's data. `pool` may be quoted in prompts; `val` is what candidates are scored on.

    A case is never in both: an example that stands in the prompt is answered right by any model.
    """

    pool: tuple[Case, ...]
    val: tuple[Case, ...]
    token_cap: int

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The answers to choose from, sorted; none when the expected answers hardly repeat, as in free text."""
        counted = Counter(case.expected for case in (*self.pool, *self.val) if case.expected)
        names = tuple(sorted(counted))
        many = len(names) > _MOST_LABELS or sum(counted.values()) < _FEWEST_CASES_A_LABEL * len(names)
        return () if many else names

    @cached_property
    def by_label(self) -> dict[str, tuple[Case, ...]]:
        """The pool's cases of each label."""
        grouped: dict[str, list[Case]] = {label: [] for label in self.labels}
        for case in self.pool:
            if case.expected in grouped:
                grouped[case.expected].append(case)
        return {label: tuple(cases) for label, cases in grouped.items()}

    @cached_property
    def phrases(self) -> Phrases:
        """Word groups that tell the labels apart, mined from the pool."""
        return mine({label: [shown_input(case) for case in cases] for label, cases in self.by_label.items()})

    def demonstrable(self, prompt: Prompt) -> Sequence[Case]:
        """The pool's cases that `prompt` does not show yet, the first of those that would show the same."""
        shown = {demonstration.input for demonstration in prompt.demonstrations}
        return [case for text, case in self._by_text.items() if text not in shown]

    @cached_property
    def _by_text(self) -> dict[str, Case]:
        first: dict[str, Case] = {}
        for case in self.pool:
            if case.expected:
                first.setdefault(demonstration_of(case).input, case)
        return first


def demonstration_of(case: Case) -> Demonstration:
    return Demonstration(" ".join(shown_input(case).split()), case.expected or "")
