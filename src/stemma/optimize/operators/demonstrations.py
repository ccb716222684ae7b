"""Operators on demonstrations: add, drop and swap examples, by chance, by coverage and by error."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from stemma.evaluate.data import Case
from stemma.evaluate.seen import shown_input
from stemma.optimize.individual import Individual
from stemma.optimize.operators.descriptions import weighted_label
from stemma.optimize.task import Task, demonstration_of
from stemma.registry.prompt import Prompt

_ERROR_GUIDED = 0.5
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class AddDemonstrations:
    """Adds one example. Labels with wrong answers and few examples come first.

    Half of the additions are guided by an error: the pool's case most like one that was answered wrongly.
    """

    name: str = "add_demonstration"

    def vary(self, parent: Individual, task: Task, rng: Random) -> Prompt | None:
        available = task.demonstrable(parent.prompt)
        if not available:
            return None
        case = _like_an_error(parent, task, available, rng) if rng.random() < _ERROR_GUIDED else None
        return _with(parent.prompt, case or _for_weak_label(parent, task, available, rng), rng)


@dataclass(frozen=True)
class DropDemonstration:
    """Takes one example away, from the label that has the most of them."""

    name: str = "drop_demonstration"

    def vary(self, parent: Individual, task: Task, rng: Random) -> Prompt | None:
        shown = parent.prompt.demonstrations
        if not shown:
            return None
        counted = Counter(demonstration.output for demonstration in shown)
        weights = [counted[demonstration.output] for demonstration in shown]
        place = rng.choices(range(len(shown)), weights)[0]
        return parent.prompt.with_(demonstrations=shown[:place] + shown[place + 1 :])


@dataclass(frozen=True)
class SwapDemonstration:
    """Puts another case of the same label in an example's place."""

    name: str = "swap_demonstration"

    def vary(self, parent: Individual, task: Task, rng: Random) -> Prompt | None:
        shown = parent.prompt.demonstrations
        if not shown:
            return None
        place = rng.randrange(len(shown))
        others = [
            case for case in task.demonstrable(parent.prompt) if not task.labels or case.expected == shown[place].output
        ]
        if not others:
            return None
        swapped = demonstration_of(rng.choice(others))
        return parent.prompt.with_(demonstrations=(*shown[:place], swapped, *shown[place + 1 :]))


def _like_an_error(parent: Individual, task: Task, available: Sequence[Case], rng: Random) -> Case | None:
    places = sorted(parent.wrong)
    if not places:
        return None
    missed = task.val[rng.choice(places)]
    same = [case for case in available if not task.labels or case.expected == missed.expected]
    words = words_of(shown_input(missed))
    return max(same, key=lambda case: (likeness(words, words_of(shown_input(case))), case.digest)) if same else None


def _for_weak_label(parent: Individual, task: Task, available: Sequence[Case], rng: Random) -> Case:
    if not task.labels:
        return rng.choice(available)
    open_labels = sorted({case.expected for case in available if case.expected in task.by_label})
    shown = Counter(demonstration.output for demonstration in parent.prompt.demonstrations)
    fewest = min((shown[label] for label in open_labels), default=0)
    weak = [label for label in open_labels if shown[label] <= fewest + 1]
    label = weighted_label(weak, parent, task, rng)
    return rng.choice([case for case in available if case.expected == label])


def _with(prompt: Prompt, case: Case, rng: Random) -> Prompt:
    shown = list(prompt.demonstrations)
    shown.insert(rng.randint(0, len(shown)), demonstration_of(case))
    return prompt.with_(demonstrations=tuple(shown))


def words_of(text: str) -> frozenset[tuple[str, ...]]:
    """The words of a text and the pairs of words that stand together in it."""
    words = _WORD.findall(text.lower())
    return frozenset([*zip(words), *pairwise(words)])


def likeness(one: frozenset[tuple[str, ...]], other: frozenset[tuple[str, ...]]) -> float:
    """How alike two texts are, from 0 to 1: the share of their words and pairs that both have (Jaccard)."""
    return len(one & other) / max(1, len(one | other))
