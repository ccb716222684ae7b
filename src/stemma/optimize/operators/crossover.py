"""Crossover: a child that takes each part of its text from one of two parents."""

from random import Random

from stemma.optimize.anatomy import Anatomy
from stemma.optimize.individual import Individual
from stemma.optimize.task import Task
from stemma.registry.prompt import Demonstration, Prompt


def crossover(one: Individual, other: Individual, task: Task, rng: Random) -> Prompt:
    """Uniform crossover (Syswerda 1989) over the parts of a prompt.

    The prose comes from one parent as a whole, since sentences lean on each other; every label's description comes from
    either; of the demonstrations, those that both show are kept and each of the others with an even chance.
    """
    first, second = (one, other) if rng.random() < 0.5 else (other, one)
    anatomy = Anatomy.of(first.prompt.instructions, task.labels)
    donor = Anatomy.of(second.prompt.instructions, task.labels).descriptions
    if any(donor.values()) and not anatomy.labels:
        anatomy = anatomy.with_labels(task.labels)
    for label, description in donor.items():
        if rng.random() < 0.5:
            anatomy = anatomy.described(label, description)
    return first.prompt.with_(
        instructions=str(anatomy),
        demonstrations=_mixed(first.prompt.demonstrations, second.prompt.demonstrations, rng),
    )


def _mixed(
    ours: tuple[Demonstration, ...], theirs: tuple[Demonstration, ...], rng: Random
) -> tuple[Demonstration, ...]:
    shared = set(ours) & set(theirs)
    known = {shown.input for shown in ours}  # the same input with another answer would be an example against ours
    pooled = [*ours, *(shown for shown in theirs if shown.input not in known)]
    return tuple(shown for shown in pooled if shown in shared or rng.random() < 0.5)
