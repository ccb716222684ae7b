"""The leeway that a drawn network's own policies give to strangers: choices that they endorse, tools that they permit."""

import random
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

_CHOICES = ("when", "until", "plan", "route", "a", "b", "c")
"""Choices of a flow, and the fields that the drawn models ask readers for, or answer with."""


@dataclass(frozen=True, slots=True)
class Leeway:
    """`endorsed` are fields, `permitted` a tool that is called whatever strangers had to do with its arguments."""

    endorsed: tuple[str, ...] = ()
    permitted: tuple[str, ...] = ()

    def write(self, folder: Path) -> Path | None:
        """The folder of policies that say so, below `folder`; None where the default ones are all there are."""
        if not (self.endorsed or self.permitted):
            return None
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "own.cedar").write_text(
            "\n".join([*map(_endorsing, self.endorsed), *map(_permitting, self.permitted)])
        )
        return folder


def drawn_leeway(rng: random.Random, acting: Collection[str]) -> Leeway:
    """Mostly none; else one kind of it, so that what it lets through is known."""
    match rng.randrange(8):
        case 0:
            return Leeway(endorsed=tuple(rng.sample(_CHOICES, k=rng.randint(2, len(_CHOICES)))))
        case 1:
            return Leeway(permitted=(rng.choice(list(acting)),))
        case _:
            return Leeway()


def _endorsing(field: str) -> str:
    return f'@id("endorses-{field}")\npermit (principal, action == Action::"endorse", resource == Field::"{field}");'


def _permitting(tool: str) -> str:
    return (
        f'@id("permits-{tool}")\n'
        f'permit (principal, action in Action::"call", resource == Tool::"{tool}") when {{ context.decided >= 1 }};'
    )
