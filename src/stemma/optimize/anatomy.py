"""The parts of a classifying prompt's text that an operator can work on: lines before, label lines, lines after.

The text stays the one truth: an anatomy is read from it, changed, and written back, and what is not changed comes back
as it stood.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

_BULLET = re.compile(r"^\s*(?:[-*•+]|\d+[.)])\s+")
_BEHIND_NAME = re.compile(r"\s*(?::|–|—|-(?=\s)|$)\s*")
_HEADING = "Labels:"


@dataclass(frozen=True, slots=True)
class LabelLine:
    """One label, as its line spells it, and what the line says about it."""

    name: str
    description: str = ""
    bullet: str = "- "
    written: str | None = None
    """The line as it stood, while nothing about it has changed."""

    def __str__(self) -> str:
        if self.written is not None:
            return self.written
        return f"{self.bullet}{self.name}: {self.description}" if self.description else f"{self.bullet}{self.name}"


@dataclass(frozen=True, slots=True)
class Anatomy:
    """Instruction text in parts. `labels` is empty when the text lists none on lines of their own."""

    before: tuple[str, ...]
    labels: tuple[LabelLine, ...] = ()
    after: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join([*self.before, *map(str, self.labels), *self.after])

    @classmethod
    def of(cls, text: str, names: Sequence[str]) -> "Anatomy":
        """The parts of `text`, where a label line is a list item that begins with one of `names`.

        >>> str(Anatomy.of("Pick one.\\n- yes\\n- no: when unsure", ["yes", "no"]).described("yes", "agreed"))
        'Pick one.\\n- yes: agreed\\n- no: when unsure'
        """
        lines = text.split("\n")
        found = {place: line for place, text in enumerate(lines) if (line := _label_line(text, names)) is not None}
        if not found:
            return cls(tuple(lines))
        first = min(found)
        last = first
        while last + 1 in found:
            last += 1
        return cls(
            tuple(lines[:first]),
            tuple(found[place] for place in range(first, last + 1)),
            tuple(lines[last + 1 :]),
        )

    def with_labels(self, names: Sequence[str]) -> "Anatomy":
        """With a list of all of `names`: those that have no line yet get one behind the others."""
        elsewhere = (_label_line(text, names) for text in (*self.before, *self.after))
        present = {line.name for line in (*self.labels, *elsewhere) if line is not None}
        missing = tuple(LabelLine(name) for name in names if name not in present)
        if not missing:
            return self
        if self.labels:
            return replace(self, labels=self.labels + missing)
        before = tuple(self.before)
        while before and not before[-1].strip():
            before = before[:-1]
        return Anatomy((*before, "", _HEADING) if before else (_HEADING,), missing, self.after)

    def described(self, name: str, description: str) -> "Anatomy":
        """With another description for one label; an empty one takes it away."""
        changed = (
            replace(line, description=description, written=None)
            if line.name == name and line.description != description
            else line
            for line in self.labels
        )
        return replace(self, labels=tuple(changed))

    @property
    def descriptions(self) -> dict[str, str]:
        return {line.name: line.description for line in self.labels}


def _label_line(text: str, names: Sequence[str]) -> LabelLine | None:
    bullet = _BULLET.match(text)
    if bullet is None:
        return None
    content = text[bullet.end() :].strip()
    for name in sorted(names, key=len, reverse=True):  # the longest first: `refund_late` is not `refund`
        rest = content.removeprefix(name)
        if content.startswith(name) and (behind := _BEHIND_NAME.match(rest)):
            return LabelLine(name, rest[behind.end() :].strip(), bullet.group(), text)
    return None
