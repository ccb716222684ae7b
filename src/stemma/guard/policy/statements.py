"""The policies of a file, one by one, each with its name and its place."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from cedarpy import policies_to_json_str

from stemma.core.errors import InvalidData

# Enough of Cedar's grammar to see where a policy ends. The parser itself names no lines, and stops at a file's first error.
_PIECE = re.compile(r'\s+|//[^\n]*|"(?:\\.|[^"\\])*"|;|[^\s/";]+|.', re.DOTALL)
_UNEXPECTED = re.compile(r"unexpected token `(.+)`")


@dataclass(frozen=True, slots=True)
class Statement:
    """One policy: a permit or a forbid, where it stands, and Cedar's own JSON of it.

    `id` is what its annotation ``@id`` says, else the file's name and the policy's number in it.
    """

    path: str
    line: int
    id: str
    text: str
    parsed: Mapping[str, Any]

    @property
    def tool(self) -> str | None:
        """The one tool that the policy's head names; None when it may be about others too."""
        resource = self.parsed["resource"]
        named = resource["op"] == "==" and resource["entity"]["type"] == "Tool"
        return str(resource["entity"]["id"]) if named else None

    def wrong(self, problem: str) -> InvalidData:
        """The error to raise for what is wrong with it."""
        return InvalidData(self.path, f"policy {self.id!r}: {problem}", line=self.line)


def statements(path: str, text: str) -> Iterator[Statement]:
    """The policies of a file, in their order. Raises InvalidData, with the line, for what Cedar cannot parse."""
    for number, (line, written) in enumerate(_split(text), 1):
        try:
            found = json.loads(policies_to_json_str(written))
        except ValueError as error:
            raise InvalidData(path, f"is not Cedar: {error}", line=line + _lines_before(written, str(error))) from error
        if found["templates"]:
            raise InvalidData(
                path,
                "a template permits nothing by itself; write the policy with its principal and resource",
                line=line,
            )
        [parsed] = found["staticPolicies"].values()
        name = parsed.get("annotations", {}).get("id") or f"{PurePath(path).stem}#{number}"
        yield Statement(path, line, name, written, parsed)


def _split(text: str) -> Iterator[tuple[int, str]]:
    """Each policy with the number of its first line; comments in front of it are left out."""
    pieces = list[str]()
    line = begun = 1
    for piece in _PIECE.findall(text):
        if pieces or not (piece.isspace() or piece.startswith("//")):
            begun = begun if pieces else line
            pieces.append(piece)
        line += piece.count("\n")
        if piece == ";":
            yield begun, "".join(pieces)
            pieces = []
    if pieces:
        yield begun, "".join(pieces)


def _lines_before(written: str, error: str) -> int:
    """How many lines of the policy lie before what the error names, when that stands in one place only; else 0."""
    named = _UNEXPECTED.search(error)
    if named is None:
        return 0
    pieces = _PIECE.findall(written)
    match [number for number, piece in enumerate(pieces) if named.group(1) in piece]:
        case [only]:
            return "".join(pieces[:only]).count("\n")
    return 0
