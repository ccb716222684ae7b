"""Operators on label descriptions: write them from word groups that tell the labels apart, or take them away."""

from dataclasses import dataclass
from random import Random

from stemma.optimize.anatomy import Anatomy
from stemma.optimize.individual import Individual
from stemma.optimize.mining import cover
from stemma.optimize.task import Task
from stemma.registry.prompt import Prompt

_KEEP_PHRASE = 0.7
_FEWEST, _MOST = 3, 8


@dataclass(frozen=True)
class DescribeLabels:
    """Describes one label, or with `share` that part of all labels, in mined word groups.

    A random part of the groups is left out each time, so that two descriptions of one label differ and crossover has
    something to choose from. Labels that were answered wrongly are described first.
    """

    share: float | None = None
    name: str = "describe_labels"

    def vary(self, parent: Individual, task: Task, rng: Random) -> Prompt | None:
        labels = [label for label in task.labels if task.phrases[label]]
        if not labels:
            return None
        anatomy = Anatomy.of(parent.prompt.instructions, task.labels).with_labels(task.labels)
        for label in self._chosen(labels, parent, task, rng):
            phrases = [phrase for phrase in task.phrases[label] if rng.random() < _KEEP_PHRASE]
            anatomy = anatomy.described(label, ", ".join(cover(phrases, most=rng.randint(_FEWEST, _MOST))))
        return parent.prompt.with_(instructions=str(anatomy))

    def _chosen(self, labels: list[str], parent: Individual, task: Task, rng: Random) -> list[str]:
        if self.share is not None:
            return rng.sample(labels, max(1, round(self.share * len(labels))))
        return [weighted_label(labels, parent, task, rng)]


@dataclass(frozen=True)
class DropDescription:
    """Takes one label's description away: shorter, and the others may have been carried by a wrong one."""

    name: str = "drop_description"

    def vary(self, parent: Individual, task: Task, rng: Random) -> Prompt | None:
        anatomy = Anatomy.of(parent.prompt.instructions, task.labels)
        described = [line.name for line in anatomy.labels if line.description]
        if not described:
            return None
        return parent.prompt.with_(instructions=str(anatomy.described(rng.choice(described), "")))


def weighted_label(labels: list[str], parent: Individual, task: Task, rng: Random) -> str:
    """A label drawn with a weight of one, and one more for each wrong answer that it is part of, on either side."""
    weights = dict.fromkeys(labels, 1.0)
    for place, output in parent.wrong.items():
        for involved in (task.val[place].expected, output.strip()):
            if involved in weights:
                weights[involved] += 1.0
    return rng.choices(labels, [weights[label] for label in labels])[0]
