"""YAML as plain data, with the line of everything: the core schema of YAML 1.2, and nothing that is not JSON.

PyYAML reads YAML 1.1, where `no` is a truth value, `1:30` is ninety and `2024-05-01` a date. Prompt files are written for
tools that read 1.2, so only its core schema (section 10.3) is resolved here.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import yaml

from stemma.core.errors import InvalidData
from stemma.core.shown import shown

Place: TypeAlias = tuple[str | int, ...]

LONGEST_FILE = 4_000_000  # characters
_LONGEST_YAML = 1_000_000  # a million takes PyYAML a second, in most shapes
DEEPEST = 100
_MOST_NODES = 30_000  # with every alias counted as often as it is used

_TAG = "tag:yaml.org,2002:"
_SCALARS = [
    ("null", re.compile(r"~|null|Null|NULL|"), "~nN\0"),
    ("bool", re.compile(r"true|True|TRUE|false|False|FALSE"), "tTfF"),
    ("int", re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"), "-+0123456789"),
    ("float", re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), "-+.0123456789"),
    ("float", re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"), "-+."),
]


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML document as plain data, and the line on which each of its parts starts."""

    value: Any
    lines: Mapping[Place, int]


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (PyYAML's own name)
    nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Stops in the middle of what is too much: composing all of it first would take seconds."""
        self.nodes += 1
        if self.nodes > _MOST_NODES:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, f"it has more than {_MOST_NODES:,} parts", mark)
        return super().compose_node(parent, index)


class _Dumper(yaml.SafeDumper):
    """Keeps the resolvers of YAML 1.1 too, so that what either version would misread is quoted."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)  # list items stand two spaces in, as people write them

    def ignore_aliases(self, data: Any) -> bool:
        return True


for _kind, _pattern, _first in _SCALARS:
    _whole = re.compile(f"(?:{_pattern.pattern})\\Z")
    _starts = ["" if character == "\0" else character for character in _first]
    _Loader.add_implicit_resolver(_TAG + _kind, _whole, _starts)
    _Dumper.add_implicit_resolver(_TAG + _kind, _whole, _starts)


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar(_TAG + "str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)


def load_yaml(text: str, path: str, *, first_line: int = 1) -> Document:
    """The data in `text`, which starts on `first_line` of the file at `path`.

    Raises InvalidData, with the line where it is known, for broken YAML, keys that occur twice or are no text, tags, texts
    that cannot be JSON, and documents that are too long, too deep, or grow too large by their aliases.
    """
    if len(text) > _LONGEST_YAML:
        raise InvalidData(path, f"the YAML has {len(text):,} characters; at most {_LONGEST_YAML:,} are read")
    try:
        node = _Loader(text).get_single_node()
        builder = _Builder(path, first_line)
        value = {} if node is None else builder.value(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = None if mark is None else mark.line + first_line
        raise InvalidData(path, f"not YAML: {_said(error)}", line=line) from error
    except yaml.YAMLError as error:  # a character that YAML does not allow
        raise InvalidData(path, f"not YAML: {str(error).splitlines()[0]}") from error
    except RecursionError as error:
        raise InvalidData(path, "the YAML nests too deeply; write it flatter") from error
    return Document(value, builder.lines)


def _said(error: yaml.MarkedYAMLError) -> str:
    """What is wrong, cut where the parser quotes a tag or an alias of any length."""
    line = " ".join((error.problem or error.context or "")[:400].split())
    return line if len(line) <= 200 else line[:199] + "…"


def dump_yaml(value: Mapping[str, Any]) -> str:
    """`value` as YAML for people: in its own order, with texts of several lines as literal blocks."""
    return str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000))


class _Builder:
    def __init__(self, path: str, first_line: int) -> None:
        self.path, self.first_line = path, first_line
        self.lines: dict[Place, int] = {}
        self.inside: list[yaml.Node] = []
        self.count = 0

    def value(self, node: yaml.Node, path: Place) -> Any:
        self.count += 1
        if self.count > _MOST_NODES or any(node is outer for outer in self.inside):
            raise self.error(node, f"the YAML has more than {_MOST_NODES:,} parts, its aliases written out")
        self.lines[path] = node.start_mark.line + self.first_line
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node)
        if len(self.inside) >= DEEPEST:
            raise self.error(node, f"the YAML nests more than {DEEPEST} deep; write it flatter")
        self.inside.append(node)
        built = self.mapping(node, path) if isinstance(node, yaml.MappingNode) else self.sequence(node, path)
        self.inside.pop()
        return built

    def mapping(self, node: yaml.MappingNode, path: Place) -> dict[str, Any]:
        self.expect(node, "map")
        built: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self.value(key_node, (*path, "(key)"))
            if not isinstance(key, str):
                raise self.error(key_node, f"the key {shown(key)} is not a text; put it in quotes")
            if key in built:
                raise self.error(key_node, f"the key {shown(key)} occurs twice; remove one")
            built[key] = self.value(value_node, (*path, key))
            self.lines[*path, key] = key_node.start_mark.line + self.first_line
        return built

    def sequence(self, node: yaml.Node, path: Place) -> list[Any]:
        self.expect(node, "seq")
        return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]

    def scalar(self, node: yaml.ScalarNode) -> Any:
        text = str(node.value)
        match node.tag.removeprefix(_TAG):
            case "str":
                return self.text(node, text)
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int":
                return self.number(node, text)
            case "float":
                return self.number(node, text)
            case _:
                raise self.error(node, f"the tag {shown(node.tag)} is not read; only plain data is")

    def text(self, node: yaml.Node, text: str) -> str:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise self.error(node, "a text has half of a surrogate pair, which is no character") from error
        return text

    def number(self, node: yaml.ScalarNode, text: str) -> int | float:
        try:
            if node.tag == _TAG + "int":
                return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
            number = float(text)
        except ValueError:  # .inf, .nan, and integers of more than 4,300 digits
            number = math.nan
        if not math.isfinite(number):
            raise self.error(node, f"{text[:40]!r} is not a number that JSON has")
        return number

    def expect(self, node: yaml.Node, kind: str) -> None:
        if node.tag != _TAG + kind:
            raise self.error(node, f"the tag {shown(node.tag)} is not read; only plain data is")

    def error(self, node: yaml.Node, problem: str) -> InvalidData:
        return InvalidData(self.path, problem, line=node.start_mark.line + self.first_line)
