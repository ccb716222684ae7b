"""Tasks: what a network is given, and what an honest network does with it."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stemma.guard.closed import FieldType
from stemma.network import Manifest
from stemma.platform.attack.own.doubles import Deed


@dataclass(frozen=True, slots=True)
class Find:
    """A value that stands in data: in the answer of a tool, an input, or what another agent wrote.

    `pattern` has one group, which finds it; without one it is all of the text, which is then handed on.
    """

    source: str
    pattern: str | None = None
    kind: FieldType = FieldType.TEXT

    def read(self, text: str) -> Any:
        """The value; None where it is not there."""
        found = re.search(self.pattern, text) if self.pattern else None
        return None if found is None else found[1]


@dataclass(frozen=True, slots=True)
class HonestCall:
    """A call that an honest network makes, its arguments as they are or as they are found."""

    agent: str
    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def about(self, argument: str) -> str:
        """What a reader is asked for, where an argument has to be read out of a text."""
        return f"{argument} of {self.tool}"


@dataclass(frozen=True, slots=True)
class Task:
    """One task. `says` is what honest agents answer, where that matters; `made_up` one of which nothing is known."""

    name: str
    item: Mapping[str, str]
    answers: Mapping[str, Any] = field(default_factory=dict)
    says: Mapping[str, str] = field(default_factory=dict)
    calls: tuple[HonestCall, ...] = ()
    made_up: bool = False

    @property
    def words(self) -> Sequence[str]:
        """What an honest network says and reads in it: a text that has these is found by any search."""
        return [*self.item.values(), *self.says.values(), "Done."]

    def text_at(self, source: str, manifest: Manifest) -> str | None:
        """What an honest network finds at a source; None where the task does not say."""
        if source in self.item:
            return self.item[source]
        if source in self.answers:
            return as_text(self.answers[source])
        return next(
            (self.says[one.name] for one in manifest.agents if one.writes == source and one.name in self.says), None
        )

    def honest(self, call: HonestCall, manifest: Manifest) -> dict[str, Any]:
        """The arguments of a call as far as they are known: those that hand a whole text on are not."""
        known: dict[str, Any] = {}
        for name, value in call.arguments.items():
            if not isinstance(value, Find):
                known[name] = value
            elif value.pattern is not None:
                known[name] = typed(value.kind, value.read(self.text_at(value.source, manifest) or ""))
        return known

    def needs(self, manifest: Manifest) -> Sequence[Deed]:
        """The calls that the task is done by."""
        return [Deed(call.agent, call.tool, self.honest(call, manifest)) for call in self.calls]

    def finds(self) -> Iterator[tuple[HonestCall, str, Find]]:
        """Every argument that is found by a pattern."""
        for call in self.calls:
            for name, value in call.arguments.items():
                if isinstance(value, Find) and value.pattern is not None:
                    yield call, name, value


def made_up(manifest: Manifest) -> Task:
    """A task of which nothing is known but what the inputs are called."""
    return Task("made-up", {name: f"This is the {name} of a made-up task." for name in manifest.inputs}, made_up=True)


def as_text(value: Any) -> str:
    """A value as an agent reads it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def typed(kind: FieldType, value: Any) -> Any:
    """A value that was found as text, as a reader of that type writes it."""
    if not isinstance(value, str):
        return value
    if kind in (FieldType.NUMBER, FieldType.INTEGER):
        try:
            number = float(value.replace(",", ""))
        except ValueError:
            return value
        return int(number) if number.is_integer() else number
    return value.casefold() in ("true", "yes") if kind is FieldType.BOOLEAN else value
