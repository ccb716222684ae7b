"""A seeded search's prompts, made up: the same variants of a 2 kB prompt for the same seed, in generations."""

import random
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from stemma.registry.prompt import Demonstration, Prompt

BATCH = 1_000
ALIVE = 300  # variants of a generation that the next one may descend from


@dataclass(frozen=True, slots=True)
class Variant:
    """A prompt with the positions of its parents among all variants, nearest first."""

    prompt: Prompt
    parents: tuple[int, ...]
    operator: str


def variants(count: int, seed: int) -> Iterator[Variant]:
    """The same variants for the same seed, oldest first; no generation holds a parent of its own."""
    draw = random.Random(seed)
    words = ["".join(draw.choices("abcdefghijklmnoprstuvwy", k=draw.randint(3, 10))) for _ in range(3_000)]
    tickets = [Demonstration(_sentence(draw, words, 11), draw.choice(_LABELS)) for _ in range(2_000)]
    first = Prompt(
        "\n".join(["Sort the ticket into one queue.", *(_described(draw, words, label) for label in _LABELS)]),
        demonstrations=tuple(draw.sample(tickets, 9)),
    )
    yield Variant(first, (), "seed")
    alive, born = [(0, first)], deque[tuple[int, Prompt]](maxlen=ALIVE)
    for number in range(1, count):
        if number % BATCH == 1 and number > 1:
            alive = [*born]
        parent, prompt = alive[draw.randrange(len(alive))]
        parents: tuple[int, ...] = (parent,)
        operator = "edit"
        lines, shown = prompt.instructions.split("\n"), list(prompt.demonstrations)
        if draw.random() < 0.3:
            other, donor = alive[draw.randrange(len(alive))]
            place = draw.randrange(len(shown))
            shown[place] = donor.demonstrations[place]
            if other != parent:
                parents, operator = (parent, other), "crossover"
        for _ in range(draw.randint(1, 3)):
            if draw.random() < 0.5:
                place = draw.randrange(1, len(lines))
                lines[place] = _described(draw, words, _LABELS[place - 1])
            else:
                shown[draw.randrange(len(shown))] = draw.choice(tickets)
        prompt = Prompt("\n".join(lines), demonstrations=tuple(shown))
        born.append((number, prompt))
        yield Variant(prompt, parents, operator)


_LABELS = ("access", "billing", "delivery", "device", "legal", "plan", "repair", "return", "trade", "other")


def _described(draw: random.Random, words: Sequence[str], label: str) -> str:
    return f"- {label}: {_sentence(draw, words, 10)}"


def _sentence(draw: random.Random, words: Sequence[str], length: int) -> str:
    return " ".join(draw.choices(words, k=length))


def generations(made: Iterator[Variant]) -> Iterator[list[Variant]]:
    """Up to `BATCH` variants at a time; the first, everybody's ancestor, comes alone."""
    yield [next(made)]
    while batch := list(islice(made, BATCH)):
        yield batch


def descendant_of_1000(count: int, seed: int) -> int:
    """The first variant of a generation with 1,000 ancestors or more, or the last variant when there are fewer."""
    parents: list[tuple[int, ...]] = []
    for number, variant in enumerate(variants(count, seed)):
        parents.append(variant.parents)
        if number % BATCH == 0 and len(_ancestors(number, parents)) >= 1_000:
            return number
    return count - 1


def _ancestors(number: int, parents: Sequence[tuple[int, ...]]) -> set[int]:
    found: set[int] = set()
    waiting = list(parents[number])
    while waiting:
        ancestor = waiting.pop()
        if ancestor not in found:
            found.add(ancestor)
            waiting += parents[ancestor]
    return found
