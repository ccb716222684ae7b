"""The genetic algorithm (Holland 1975; for prompts: EvoPrompt, Guo et al. 2023, arXiv:2309.08532)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from stemma.evaluate.checks import prompt_tokens
from stemma.optimize.anatomy import Anatomy
from stemma.optimize.arena import Arena
from stemma.optimize.individual import Individual, Proposal
from stemma.optimize.operators import Operator, Variation, varied
from stemma.optimize.operators.coverage import CoverDemonstrations
from stemma.optimize.operators.crossover import crossover
from stemma.optimize.operators.demonstrations import AddDemonstrations, DropDemonstration, SwapDemonstration
from stemma.optimize.operators.descriptions import DescribeLabels, DropDescription
from stemma.optimize.operators.instructions import EditInstruction
from stemma.optimize.operators.rewriting import Reflect, Rephrase
from stemma.registry.prompt import Prompt

_MUTATIONS: tuple[Operator, ...] = (
    DescribeLabels(),
    DescribeLabels(),
    DropDescription(),
    AddDemonstrations(),
    AddDemonstrations(),
    SwapDemonstration(),
    DropDemonstration(),
    EditInstruction("add"),
    EditInstruction("swap"),
    EditInstruction("drop"),
)
_OPENINGS: tuple[tuple[Operator, ...], ...] = (
    (CoverDemonstrations(),),
    (CoverDemonstrations(),),
    (DescribeLabels(share=0.5), CoverDemonstrations()),
    (DescribeLabels(share=1.0), CoverDemonstrations()),
)
_WRITERS: tuple[Operator, ...] = (Rephrase(), Reflect())
_WRITTEN_SHARE = 0.3  # of the children, when a language model is there to write


@dataclass(frozen=True)
class Genetic:
    """Generations of candidates: the elite stays, the others give way to children of tournament winners.

    The first generation is the seed and variants of it that are filled with examples up to the cap, as more examples
    help more often than not, and describe labels in different measure; the search then finds out which can go.
    """

    mutations: Sequence[Operator] = _MUTATIONS
    openings: Sequence[Sequence[Operator]] = _OPENINGS
    writers: Sequence[Operator] = _WRITERS
    name: str = field(default="genetic", init=False)

    def identity(self) -> dict[str, Any]:
        """What makes this strategy write what it writes, beside its settings."""
        return {
            "strategy": self.name,
            # Their representation, not their names: an operator with another parameter writes something else.
            "mutations": [repr(operator) for operator in self.mutations],
            "openings": [[repr(operator) for operator in opening] for opening in self.openings],
            "writers": [repr(operator) for operator in self.writers],
        }

    async def search(self, seed: Prompt, arena: Arena) -> None:
        """Runs until the arena says that it is finished; the arena keeps what was found."""
        settings = arena.settings
        [first] = arena.admit([Proposal(seed, "seed")])
        first = await arena.complete(first)
        arena.end_step([first])
        size = arena.population
        population = [first, *await arena.race(arena.admit(await self._opening(first, arena)))]
        population = _fittest(population, arena, size)
        arena.end_step(population)
        for generation in range(1, settings.generations):
            if arena.finished:
                break
            elite = population[: max(1, round(settings.elite * size))]
            elite = [await arena.complete(individual) for individual in elite[:3]] + elite[3:]
            children = arena.admit(await self._children(population, generation, arena))
            population = _fittest([*elite, *await arena.race(children)], arena, size)
            arena.end_step(population)

    async def _opening(self, seed: Individual, arena: Arena) -> list[Proposal]:
        tasks: list[tuple[Individual, Sequence[Operator], Random]] = []
        for slot in range(arena.population - 1):
            rng = Random(f"{arena.settings.seed}:0:{slot}")
            operators = self.writers if arena.writer and rng.random() < _WRITTEN_SHARE else None
            opening = [rng.choice(list(operators))] if operators else self.openings[slot % len(self.openings)]
            tasks.append((seed, opening, rng))
        return await _applied([(parent, parent.prompt, (parent.id,), ops, rng) for parent, ops, rng in tasks], arena)

    async def _children(self, population: Sequence[Individual], generation: int, arena: Arena) -> list[Proposal]:
        settings = arena.settings
        births: list[_Birth] = []
        for slot in range(arena.population - round(settings.elite * arena.population)):
            rng = Random(f"{settings.seed}:{generation}:{slot}")
            mother = _tournament(population, arena, rng)
            prompt = mother.prompt
            parents: tuple[int, ...] = (mother.id,)
            if rng.random() < settings.crossover_rate:
                father = _tournament(population, arena, rng)
                if father.id != mother.id:
                    prompt = crossover(mother, father, arena.task, rng)
                    parents = (mother.id, father.id)
            births.append((mother, prompt, parents, self._mutations_of(prompt, len(parents) == 1, arena, rng), rng))
        return await _applied(births, arena)

    def _mutations_of(self, prompt: Prompt, is_clone: bool, arena: Arena, rng: Random) -> list[Operator]:
        if arena.writer is not None and rng.random() < _WRITTEN_SHARE:
            return [rng.choice(list(self.writers))]
        anatomy = Anatomy.of(prompt.instructions, arena.task.labels)
        parts = len(anatomy.before) + len(arena.task.labels) + len(prompt.demonstrations)
        times = sum(rng.random() < arena.settings.mutation_rate for _ in range(parts))
        return [rng.choice(list(self.mutations)) for _ in range(max(times, 1 if is_clone else 0))]


_Birth = tuple[Individual, Prompt, tuple[int, ...], Sequence[Operator], Random]
"""Whose errors guide the operators, the text they start from, the parents to record, the operators, their randomness."""


async def _applied(births: Sequence[_Birth], arena: Arena) -> list[Proposal]:
    """The proposals that the operators make, in order; where one has nothing to offer the text stays as it is."""
    texts = [prompt for _, prompt, _, _, _ in births]
    names: list[list[str]] = [["crossover"] if len(parents) > 1 else [] for _, _, parents, _, _ in births]
    asking: list[tuple[int, str, Variation, Random]] = []
    for place, (guide, _, _, operators, rng) in enumerate(births):
        for operator in operators:
            written = operator.vary(varied(texts[place], guide), arena.task, rng)
            if isinstance(written, Prompt):
                texts[place] = written
                names[place].append(operator.name)
            elif written is not None:
                asking.append((place, operator.name, written, rng))
    answers = await arena.answered([(variation, rng) for _, _, variation, rng in asking])
    for (place, name, _, _), written in zip(asking, answers, strict=True):
        if written is not None:
            texts[place] = written
            names[place].append(name)
    return [
        Proposal(_within_cap(text, arena, rng), "+".join(dict.fromkeys(operators)) or "copy", parents)
        for text, operators, (_, _, parents, _, rng) in zip(texts, names, births, strict=True)
    ]


def _within_cap(prompt: Prompt, arena: Arena, rng: Random) -> Prompt:
    """With as many examples taken out as it takes to meet the cap; what is too long without any stays too long."""
    shown = list(prompt.demonstrations)
    while shown and prompt_tokens(prompt) > arena.settings.token_cap:
        del shown[rng.randrange(len(shown))]
        prompt = prompt.with_(demonstrations=tuple(shown))
    return prompt


def _tournament(population: Sequence[Individual], arena: Arena, rng: Random) -> Individual:
    size = min(arena.settings.tournament, len(population))
    return max(rng.sample(list(population), size), key=lambda one: (round(arena.fitness(one), 9), -one.id))


def _fittest(individuals: Sequence[Individual], arena: Arena, most: int) -> list[Individual]:
    current = [arena.members[individual.id] for individual in individuals]
    tried = [individual for individual in current if individual.scores]
    ranked = sorted(tried, key=lambda one: (-round(arena.fitness(one), 9), one.tokens, one.id))
    return ranked[: math.ceil(most)]
