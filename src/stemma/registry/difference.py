"""What changed between two prompts, in words and lines a reviewer reads."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal, TypeAlias

from stemma.registry.prompt import Prompt

Mark: TypeAlias = Literal["+", "-", " "]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a difference; `part` is the field of the prompt that it belongs to."""

    mark: Mark
    part: str
    text: str


@dataclass(frozen=True, slots=True)
class Difference:
    """Line by line, part by part. Parts without a change are left out."""

    lines: tuple[Line, ...]

    @property
    def added(self) -> int:
        return sum(line.mark == "+" for line in self.lines)

    @property
    def removed(self) -> int:
        return sum(line.mark == "-" for line in self.lines)

    def __bool__(self) -> bool:
        return bool(self.added or self.removed)

    def __str__(self) -> str:
        shown: list[str] = []
        part = None
        for line in self.lines:
            if line.part != part:
                part = line.part
                shown.append(f"@@ {part} @@")
            shown.append(f"{line.mark} {line.text}".rstrip())
        return "\n".join(shown)


def difference(old: Prompt, new: Prompt, *, context: int = 2) -> Difference:
    """What to remove from `old` and add to get `new`, with `context` unchanged lines around.

    >>> print(difference(Prompt("Be kind.\\nBe brief."), Prompt("Be kind.\\nBe exact.")))
    @@ instructions @@
      Be kind.
    - Be brief.
    + Be exact.
    """
    before, after = _parts(old), _parts(new)
    lines: list[Line] = []
    for part in dict.fromkeys([*before, *after]):
        lines += _part_lines(part, before.get(part, []), after.get(part, []), context)
    return Difference(tuple(lines))


def _part_lines(part: str, old: list[str], new: list[str], context: int) -> Iterator[Line]:
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for group in matcher.get_grouped_opcodes(context):
        for tag, old_start, old_end, new_start, new_end in group:
            if tag == "equal":
                yield from (Line(" ", part, text) for text in old[old_start:old_end])
                continue
            yield from (Line("-", part, text) for text in old[old_start:old_end])
            yield from (Line("+", part, text) for text in new[new_start:new_end])


def _parts(prompt: Prompt) -> dict[str, list[str]]:
    content: dict[str, Any] = json.loads(prompt.canonical)
    parts = {"instructions": prompt.instructions.split("\n")}
    if prompt.user is not None:
        parts["user"] = prompt.user.split("\n")
    if prompt.demonstrations:
        parts["demonstrations"] = [f"{_flat(shown.input)} → {_flat(shown.output)}" for shown in prompt.demonstrations]
    for name in ("input_schema", "output_schema", "settings"):
        if name in content:
            parts[name] = json.dumps(content[name], indent=2, sort_keys=True, ensure_ascii=False).split("\n")
    if prompt.template_format != "jinja2":
        parts["template_format"] = [prompt.template_format]
    return parts


def _flat(text: str) -> str:
    return text.replace("\n", "⏎")
