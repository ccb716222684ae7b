"""YAML whose every value still knows the line it stands on, read strictly."""

import re
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import yaml

from stemma.core.errors import InvalidData
from stemma.core.shown import shown

Choice = TypeVar("Choice", bound=StrEnum)

_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*([smhd]?)")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}  # in seconds

_LONGEST_FILE = 1_000_000  # bytes; a million takes PyYAML a second
_MOST_PARTS = 30_000


class _Bounded(yaml.SafeLoader):
    """Stops in the middle of what is too much: composing all of it first would take seconds."""

    nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.nodes += 1
        if self.nodes > _MOST_PARTS:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, f"it has more than {_MOST_PARTS:,} parts", mark)
        return super().compose_node(parent, index)


class Marked:
    """A YAML node with its place. Each method says which shape it expects and raises InvalidData, with the line, for another.

    Scalars are read as they are written: ``answered: yes`` is the text "yes", not true.
    """

    def __init__(self, path: Path, node: yaml.Node) -> None:
        self.path = path
        self._node = node

    @classmethod
    def read(cls, path: Path) -> "Marked":
        """The one document in the file. Raises InvalidData."""
        try:
            data = path.read_bytes()
            if len(data) > _LONGEST_FILE:
                raise InvalidData(path, f"has {len(data):,} bytes; at most {_LONGEST_FILE:,} are read")
            text = data.decode()
        except OSError as error:
            raise InvalidData(path, f"cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise InvalidData(path, f"is not UTF-8 at byte {error.start}; save it as UTF-8") from error
        try:
            node = yaml.compose(text, Loader=_Bounded)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else None
            raise InvalidData(path, f"is not valid YAML: {shown(error.problem or '')[1:-1]}", line=line) from error
        except yaml.YAMLError as error:
            raise InvalidData(path, f"is not valid YAML: {' '.join(str(error).split())}") from error
        except RecursionError as error:
            raise InvalidData(path, "nests too deeply; write it flatter") from error
        if node is None:
            raise InvalidData(path, "is empty")
        _check_unfolded(path, node)
        return cls(path, node)

    @property
    def line(self) -> int:
        return int(self._node.start_mark.line) + 1

    @property
    def is_mapping(self) -> bool:
        return isinstance(self._node, yaml.MappingNode)

    def at(self, *keys: str | int) -> "Marked":
        """The value below these keys and places in lists, or as much of the way there as exists: a place for an error."""
        node = self._node
        for key in keys:
            match node:
                case yaml.MappingNode():
                    inner = next((value for name, value in node.value if name.value == key), None)
                case yaml.SequenceNode() if isinstance(key, int) and key < len(node.value):
                    inner = node.value[key]
                case _:
                    inner = None
            if inner is None:
                break
            node = inner
        return Marked(self.path, node)

    def wrong(self, problem: str) -> InvalidData:
        """The error to raise for what stands here."""
        return InvalidData(self.path, problem, line=self.line)

    def fields(self, what: str, known: Collection[str], *, required: Collection[str] = ()) -> dict[str, "Marked"]:
        """A mapping with no key outside `known`, and with all of `required`."""
        found = self.mapping(what)
        for key, value in found.items():
            if key not in known:
                raise value.wrong(f"{what} has no key {key!r}{near(key, known)}; it has {', '.join(known)}")
        for key in required:
            if key not in found:
                raise self.wrong(f"{what} needs a key {key!r}")
        return found

    def mapping(self, what: str) -> dict[str, "Marked"]:
        """A mapping from text, in the order written, no key twice."""
        if not isinstance(self._node, yaml.MappingNode):
            raise self.wrong(f"{what} must be a mapping (key: value)")
        found: dict[str, Marked] = {}
        for key_node, value_node in self._node.value:
            key = Marked(self.path, key_node)
            name = key.text(f"a key of {what}")
            if name in found:
                raise key.wrong(f"{what} has the key {name!r} twice")
            found[name] = Marked(self.path, value_node)
        return found

    def items(self, what: str) -> Iterator["Marked"]:
        """The members of a list."""
        if not isinstance(self._node, yaml.SequenceNode):
            raise self.wrong(f"{what} must be a list ([one, two])")
        return (Marked(self.path, node) for node in self._node.value)

    def names(self, what: str) -> tuple[str, ...]:
        """A list of texts, none twice."""
        found: list[str] = []
        for item in self.items(what):
            name = item.text(what)
            if name in found:
                raise item.wrong(f"{what} names {name!r} twice")
            found.append(name)
        return tuple(found)

    def text(self, what: str) -> str:
        """A scalar, as written; never empty."""
        if not isinstance(self._node, yaml.ScalarNode) or not self._node.value.strip():
            raise self.wrong(f"{what} must be a text")
        return str(self._node.value)

    def number(self, what: str, *, most: float | None = None) -> float:
        """A number above 0; with `most`, one from 0 to that."""
        written = self.text(what)
        try:
            value = float(written)
        except ValueError:
            value = float("nan")
        if most is not None and not 0 <= value <= most:
            raise self.wrong(f"{what} must be a number from 0 to {most:g}, not {written!r}")
        if most is None and not 0 < value < float("inf"):
            raise self.wrong(f"{what} must be a number above 0, not {written!r}")
        return value

    def whole(self, what: str, *, least: int = 1) -> int:
        """A whole number, `least` or more."""
        written = self.text(what)
        value = int(written) if re.fullmatch(r"[0-9]{1,18}", written) else least - 1
        if value < least:
            bound = "above 0" if least == 1 else f"from {least}"
            raise self.wrong(f"{what} must be a whole number {bound}, not {written!r}")
        return value

    def seconds(self, what: str) -> float:
        """A time above 0 in seconds, as people write it: ``90``, ``2.5``, ``90s``, ``30m``, ``2h``, ``3d``."""
        written = self.text(what)
        found = _DURATION.fullmatch(written.strip())
        if found is None or float(found.group(1)) == 0:
            raise self.wrong(f"{what} must be a time above 0 like 90s, 30m, 2h or 3d, or seconds, not {written!r}")
        return float(found.group(1)) * _UNITS[found.group(2)]

    def flag(self, what: str) -> bool:
        """True or false."""
        written = self.text(what)
        if written.casefold() not in ("true", "false", "yes", "no"):
            raise self.wrong(f"{what} must be true or false, not {written!r}")
        return written.casefold() in ("true", "yes")

    def choice(self, what: str, kind: type[Choice]) -> Choice:
        """One of the values of `kind`."""
        written, known = self.text(what), [member.value for member in kind]
        if written not in known:
            raise self.wrong(f"{what} cannot be {written!r}{near(written, known)}; use {', '.join(known)}")
        return kind(written)

    def plain(self) -> Any:
        """The value with YAML's own types, for what is passed on as it is (a JSON schema)."""
        loader = yaml.SafeLoader("")
        try:
            return loader.construct_document(self._node)
        finally:
            loader.dispose()


def near(name: str, known: Collection[str]) -> str:
    """`` (did you mean 'x'?)`` when something known resembles `name`, else nothing."""
    found = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" (did you mean {found[0]!r}?)" if found else ""


def _check_unfolded(path: Path, root: yaml.Node) -> None:
    """Refuses anchors that make a small file large, or endless, once their aliases are written out."""
    waiting, parts = [root], 0
    while waiting:
        node = waiting.pop()
        parts += 1
        if parts > _MOST_PARTS:
            problem = f"has more than {_MOST_PARTS:,} parts, its aliases written out"
            raise InvalidData(path, problem, line=int(node.start_mark.line) + 1)
        if isinstance(node, yaml.MappingNode):
            waiting += [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value
