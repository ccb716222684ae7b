"""An operator that fills a prompt with the examples that stand best for all the others."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from stemma.evaluate.checks import prompt_tokens
from stemma.evaluate.data import Case
from stemma.evaluate.seen import shown_input
from stemma.models.tokens import count_tokens
from stemma.optimize.individual import Individual
from stemma.optimize.operators.demonstrations import likeness, words_of
from stemma.optimize.task import Task, demonstration_of
from stemma.registry.prompt import Demonstration, Prompt

_COST_POWER = 0.5  # how far a long example is held against it: 0 not at all, 1 in proportion to its tokens
_MOST_WEIGHED = 60  # cases of one label that are compared with each other; a larger label is sampled
_LEAST_LUCK = 0.7
_HEADING = count_tokens("Examples:")


@dataclass(frozen=True)
class CoverDemonstrations:
    """Shows for each label in turn the case that makes what is shown most like all of its cases, up to the cap.

    Greedy facility location with scaled costs (Lin and Bilmes 2010, 'Multi-document Summarization via Budgeted
    Maximization of Submodular Functions'). A little luck in each choice makes two fillings differ, so that crossover and
    selection have something to work on.
    """

    name: str = "cover_demonstrations"

    def vary(self, parent: Individual, task: Task, rng: Random) -> Prompt | None:
        groups: dict[str, list[Case]] = {}
        for case in task.demonstrable(parent.prompt):
            groups.setdefault((task.labels and case.expected) or "", []).append(case)
        turns = [_representatives(groups[label], rng) for label in sorted(groups)]
        left = task.token_cap - prompt_tokens(parent.prompt) - _HEADING
        chosen: list[Demonstration] = []
        while turns:
            rng.shuffle(turns)
            for turn in list(turns):
                shown = next(turn, None)
                if shown is None or _tokens(shown) > left:
                    turns.remove(turn)
                else:
                    left -= _tokens(shown)
                    chosen.append(shown)
        return parent.prompt.with_(demonstrations=(*parent.prompt.demonstrations, *chosen)) if chosen else None


def _representatives(cases: Sequence[Case], rng: Random) -> Iterator[Demonstration]:
    """The cases as examples, the one that adds most to what the earlier ones stand for first."""
    cases = rng.sample(cases, min(len(cases), _MOST_WEIGHED))
    words = [words_of(shown_input(case)) for case in cases]
    alike = [[likeness(one, other) for other in words] for one in words]
    examples = [demonstration_of(case) for case in cases]
    reached = [0.0] * len(cases)
    waiting = list(range(len(cases)))

    def worth(place: int) -> float:
        gain = sum(max(0.0, like - best) for like, best in zip(alike[place], reached, strict=True))
        cost = math.pow(_tokens(examples[place]), _COST_POWER)
        return round(gain / cost * rng.uniform(_LEAST_LUCK, 1.0), 9)

    while waiting:
        best = max(waiting, key=worth)
        waiting.remove(best)
        reached = [max(pair) for pair in zip(reached, alike[best], strict=True)]
        yield examples[best]


def _tokens(shown: Demonstration) -> int:
    """What one more example adds to a prompt, at most."""
    return count_tokens(f"\n\nInput: {shown.input}\nOutput: {shown.output}")
