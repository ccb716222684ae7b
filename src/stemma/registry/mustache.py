"""Mustache templates, with the block helpers of Handlebars that prompts use.

Variables `{{name}}`, `{{a.b}}`, `{{.}}`; sections `{{#x}}…{{/x}}` and `{{^x}}…{{/x}}`; comments; and from Handlebars
`{{#if x}}`, `{{#unless x}}`, `{{#each xs}}`, `{{#with x}}`, `{{else}}`, `{{this}}`, `{{@index}}`, `{{@first}}`,
`{{@last}}`, `{{@key}}`.

Differences from the Mustache specification 1.4: texts are never escaped for HTML (a prompt is not a page, so `{{x}}`,
`{{{x}}}` and `{{&x}}` are one); a variable that is not given is an error, where a section over one is empty; there are
no partials, which would read other files, no lambdas and no changes of delimiter.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from stemma.core.errors import MissingVariable, TemplateError, UnsafeTemplate
from stemma.registry.meter import LONGEST_NAME, Meter, check_length

_DEEPEST = 50
_MOST_TAGS = 20_000
_ABSENT = object()
_NAME = re.compile(r"\.|@(index|first|last|key)|[^\s{}\"'()\[\]|~=.#^/&!>@]+(\.[^\s{}\"'()\[\]|~=.#^/&!>@]+)*")
_REST_OF_LINE = re.compile(r"[ \t]*(\r?\n|\Z)")
_HELPERS = ("if", "unless", "each", "with")
_PUSHING = ("#", "each", "with")  # blocks inside which a name may belong to the block's value


class MustacheTemplate:
    """A parsed template. Raises TemplateError, or UnsafeTemplate, with the line when it cannot be one.

    `variables` are the names outside of `{{#x}}`, `each` and `with`; inside, a name may belong to the block's value.
    """

    def __init__(self, text: str) -> None:
        check_length(text)
        parser = _Parser()
        self._block = parser.parse(text)
        self.variables = tuple(parser.variables)

    def render(self, values: Mapping[str, Any]) -> str:
        """The text for these values. Raises MissingVariable, naming every missing one, and TemplateError."""
        rendering = _Rendering([values])
        self._block.write(rendering)
        if rendering.missing:
            raise MissingVariable(tuple(rendering.missing), tuple(values))
        return rendering.meter.text


@dataclass(slots=True)
class _Rendering:
    stack: list[Any]  # the contexts, innermost last
    meter: Meter = field(default_factory=Meter)
    missing: dict[str, None] = field(default_factory=dict)

    def find(self, name: tuple[str, ...]) -> Any:
        """The value in the innermost context that has the name's first part, or `_ABSENT`."""
        if not name:
            return self.stack[-1]
        first, *rest = name
        for context in reversed(self.stack):
            if isinstance(context, Mapping) and first in context:
                value = context[first]
                break
        else:
            return _ABSENT
        for part in rest:
            if not isinstance(value, Mapping) or part not in value:
                return _ABSENT
            value = value[part]
        return value


_Part: TypeAlias = Callable[[_Rendering], None]


@dataclass(slots=True)
class _Block:
    kind: str  # "" for the whole template, "#", "^", or a helper's name
    name: tuple[str, ...]
    line: int
    parts: list[_Part] = field(default_factory=list)
    otherwise: list[_Part] | None = None
    size: int = 1
    continues: bool = False  # opened by {{else if}}, and closed with the block around it

    def add(self, part: _Part) -> None:
        self.size += 1
        (self.parts if self.otherwise is None else self.otherwise).append(part)

    def take(self, inner: "_Block") -> None:
        self.add(inner.write)
        self.size += inner.size

    def write(self, rendering: _Rendering) -> None:
        if self.kind == "":
            _write_all(self.parts, rendering)
            return
        value = rendering.find(self.name)
        holds = _holds(value)
        if holds == (self.kind in ("^", "unless")):
            _write_all(self.otherwise or [], rendering)
        elif self.kind not in _PUSHING:
            _write_all(self.parts, rendering)
        elif self.kind == "with" or (self.kind == "#" and not isinstance(value, list | tuple)):
            self._write_inside(rendering, value)
        else:
            self._write_each(rendering, value)

    def _write_each(self, rendering: _Rendering, value: Any) -> None:
        if not isinstance(value, Mapping | list | tuple):
            raise TemplateError(
                f"line {self.line}: 'each' needs a list, and {'.'.join(self.name)!r} is {type(value).__name__}"
            )
        items = rendering.meter.listed(
            value.items() if isinstance(value, Mapping) else enumerate(value), turn=self.size
        )
        for index, (key, item) in enumerate(items):
            turn = {"@index": index, "@key": key, "@first": index == 0, "@last": index == len(items) - 1}
            self._write_inside(rendering, turn, item)

    def _write_inside(self, rendering: _Rendering, *contexts: Any) -> None:
        rendering.stack.extend(contexts)
        _write_all(self.parts, rendering)
        del rendering.stack[-len(contexts) :]


def _write_all(parts: list[_Part], rendering: _Rendering) -> None:
    for part in parts:
        part(rendering)


def _holds(value: Any) -> bool:
    return value is not _ABSENT and (bool(value) or isinstance(value, Mapping))


@dataclass(frozen=True, slots=True)
class _Tag:
    kind: str  # "text", "" for a variable, "else", or one of # ^ / ! > & =
    content: str
    line: int


class _Parser:
    """Builds the tree of blocks, and gathers the variables in order of first use."""

    def __init__(self) -> None:
        self.open_blocks = [_Block("", (), 1)]
        self.variables: dict[str, None] = {}

    def parse(self, text: str) -> _Block:
        """The template as one block."""
        for count, tag in enumerate(_tags(text)):
            if count > 2 * _MOST_TAGS:  # a text between every two
                raise UnsafeTemplate(f"line {tag.line}: the template has more than {_MOST_TAGS:,} tags; shorten it")
            match tag.kind:
                case "text":
                    self.open_blocks[-1].add(_literal(tag.content))
                case "#" | "^":
                    self.open(tag)
                case "/":
                    self.close(tag)
                case "else":
                    self.turn(tag)
                case "" | "&":
                    self.open_blocks[-1].add(_variable(self.name(tag, tag.content)))
                case ">":
                    raise UnsafeTemplate(
                        f"line {tag.line}: the partial {tag.content!r} would read another template; put its text here"
                    )
                case "=":
                    raise TemplateError(f"line {tag.line}: delimiters cannot be changed; use {{{{ and }}}}")
        if len(self.open_blocks) > 1:
            raise TemplateError(f"line {self.open_blocks[-1].line}: a block is opened here and never closed")
        return self.open_blocks[0]

    def open(self, tag: _Tag, *, continues: bool = False) -> None:
        kind, name = tag.kind, tag.content
        parts = name.split(maxsplit=1)
        if kind == "#" and len(parts) == 2 and parts[0] in _HELPERS:
            kind, name = parts
        self.open_blocks.append(_Block(kind, self.name(tag, name), tag.line, continues=continues))
        if len(self.open_blocks) > _DEEPEST:
            raise UnsafeTemplate(f"line {tag.line}: blocks nest more than {_DEEPEST} deep; write it flatter")

    def turn(self, tag: _Tag) -> None:
        """From what is written when the block holds to what is written when it does not."""
        block = self.open_blocks[-1]
        if block.kind == "" or block.otherwise is not None:
            raise TemplateError(f"line {tag.line}: {{{{else}}}} stands in no block of its own")
        block.otherwise = []
        if tag.content:
            self.open(_Tag("#", tag.content, tag.line), continues=True)

    def close(self, tag: _Tag) -> None:
        while (closed := self.open_blocks.pop()).continues:
            self.open_blocks[-1].take(closed)
        opener = closed.kind if closed.kind in _HELPERS else ".".join(closed.name)
        if not self.open_blocks or (_plain(tag.content) or ".") != (opener or "."):
            raise TemplateError(f"line {tag.line}: {{{{/{_shown(tag.content)}}}}} closes no open block")
        self.open_blocks[-1].take(closed)

    def name(self, tag: _Tag, name: str) -> tuple[str, ...]:
        """The parts of a dotted name, none for the innermost value itself; noted as a variable where it must be one."""
        name = _plain(name)
        if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
            raise TemplateError(
                f"line {tag.line}: {{{{{tag.kind}{_shown(name)}}}}} is not available; "
                f"there are variables, sections and the helpers {', '.join(_HELPERS)}"
            )
        parts = () if name == "." else tuple(name.split("."))
        if any(part.startswith("__") for part in parts):
            raise UnsafeTemplate(
                f"line {tag.line}: {name!r} reaches for a Python attribute; a template reads only its values"
            )
        if parts and name[0] != "@" and not any(block.kind in _PUSHING for block in self.open_blocks):
            self.variables.setdefault(parts[0])
        return parts


def _tags(text: str) -> Iterator[_Tag]:
    position, line = 0, 1
    while (start := text.find("{{", position)) >= 0:
        here = line + text.count("\n", position, start)
        opener, closer = _delimiters(text, start)
        found = text.find(closer, start + len(opener))
        if found < 0:
            raise TemplateError(f"line {here}: the tag that starts with {text[start : start + 12]!r} has no {closer!r}")
        content, end = text[start + len(opener) : found].strip(), found + len(closer)
        kind, content = _kind(opener, content)
        before, after = start, end
        if kind in ("#", "^", "/", "!", "else"):
            before, after = _without_own_line(text, position, start, end)
        if before > position:
            yield _Tag("text", text[position:before], line)
        yield _Tag(kind, content, here)
        line += text.count("\n", position, after)
        position = after
    if position < len(text):
        yield _Tag("text", text[position:], line)


def _delimiters(text: str, start: int) -> tuple[str, str]:
    if text.startswith("{{!--", start):
        return "{{!--", "--}}"
    return ("{{{", "}}}") if text.startswith("{{{", start) else ("{{", "}}")


def _kind(opener: str, content: str) -> tuple[str, str]:
    if opener != "{{":
        return ("!" if opener == "{{!--" else ""), content
    if content in ("else", "^"):
        return "else", ""
    if content.startswith("else if "):
        return "else", content.removeprefix("else ")
    if content[:1] in ("#", "^", "/", "!", ">", "&", "="):
        return content[0], content[1:].strip()
    return "", content


def _without_own_line(text: str, position: int, start: int, end: int) -> tuple[int, int]:
    """A block tag alone on its line takes the whole line with it, as the specification says of standalone tags.

    `position` is where the tag before ended; looking back no further keeps the time linear.
    """
    line_start = text.rfind("\n", position, start) + 1 or position
    begins_line = line_start == 0 or text[line_start - 1] == "\n"
    rest = _REST_OF_LINE.match(text, end)
    if rest is None or not begins_line or text[line_start:start].strip(" \t"):
        return start, end
    return line_start, rest.end()


def _plain(name: str) -> str:
    if name == "this":
        return "."
    return name.removeprefix("this.") if name.startswith("this.") else name


def _shown(content: str) -> str:
    """What a tag says, on one short line."""
    line = " ".join(content.split())
    return line if len(line) <= 40 else line[:39] + "…"


def _literal(text: str) -> _Part:
    return lambda rendering: rendering.meter.write(text)


def _variable(name: tuple[str, ...]) -> _Part:
    def write(rendering: _Rendering) -> None:
        value = rendering.find(name)
        if value is _ABSENT:
            rendering.missing[".".join(name)] = None
        elif value is not None:
            rendering.meter.write_value(value)

    return write
