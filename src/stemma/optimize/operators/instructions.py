"""Operators on instruction lines: add, drop and swap sentences that help models in general, none about any data."""

from dataclasses import dataclass
from random import Random
from typing import Literal

from stemma.optimize.anatomy import Anatomy
from stemma.optimize.individual import Individual
from stemma.optimize.task import Task
from stemma.registry.prompt import Prompt
from stemma.registry.templates import variables_of

CHOOSING = (
    "Answer with exactly one of the labels, spelled as in the list.",
    "Choose by what the writer wants to happen, not by single words.",
    "When several things are mentioned, answer for the one that matters most to the writer.",
    "When two labels fit, choose the more specific one.",
    "Read the whole text before you choose.",
    "Compare the text with every label before you answer.",
    "Ignore greetings, names and signatures.",
    "Do not explain the answer.",
)
ANSWERING = (
    "Answer with the result alone, without an explanation.",
    "Read the whole text before you answer.",
    "Work out the answer step by step, then give the result only.",
    "Use only what the text says.",
    "Keep the answer as short as the examples.",
    "Check the answer against the question before you give it.",
)


@dataclass(frozen=True)
class EditInstruction:
    """Adds, drops or swaps one sentence before the labels. A line that holds a template's variable is never touched."""

    kind: Literal["add", "drop", "swap"]

    @property
    def name(self) -> str:
        return f"{self.kind}_instruction"

    def vary(self, parent: Individual, task: Task, rng: Random) -> Prompt | None:
        anatomy = Anatomy.of(parent.prompt.instructions, task.labels)
        lines = list(anatomy.before)
        bank = CHOOSING if task.labels else ANSWERING
        new = [line for line in bank if line not in lines]
        ours = [place for place, line in enumerate(lines) if line in bank]
        theirs = [
            place
            for place, line in enumerate(lines)
            if place > 0 and line.strip().endswith(".") and not variables_of(line, parent.prompt.template_format)
        ]
        if self.kind == "add" and new:
            lines.insert(_end_of_prose(lines), rng.choice(new))
        elif self.kind == "swap" and new and ours:
            lines[rng.choice(ours)] = rng.choice(new)
        elif self.kind == "drop" and theirs:
            del lines[rng.choice(theirs)]
        else:
            return None
        return parent.prompt.with_(instructions=str(Anatomy(tuple(lines), anatomy.labels, anatomy.after)))


def _end_of_prose(lines: list[str]) -> int:
    """The place behind the first paragraph: before a blank line or a heading that introduces the labels."""
    for place, line in enumerate(lines):
        if place and (not line.strip() or line.rstrip().endswith(":")):
            return place
    return len(lines)
