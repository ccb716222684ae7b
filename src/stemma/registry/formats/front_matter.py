"""Files with YAML between two `---` lines, and text below."""

import re
from collections.abc import Mapping
from typing import Any

from stemma.core.errors import InvalidData
from stemma.registry.formats.fields import Fields
from stemma.registry.formats.yaml_text import Document, dump_yaml, load_yaml

_LEAD = re.compile(r"(?:(?:#[^\n]*|[ \t]*)\n)*---[ \t]*(?=\n|\Z)")  # licence headers may stand before the first line
_FENCE = re.compile(r"^---[ \t]*(?:\n|\Z)", re.MULTILINE)


def split_front_matter(text: str, path: str) -> tuple[Fields, str, int]:
    """The fields, the text below them, and the line on which that starts. A file may have no front matter at all.

    Raises InvalidData, with the line, when the front matter is never closed or is no YAML mapping.
    """
    lead = _LEAD.match(text)
    if lead is None:
        return Fields(Document({}, {}), path), text, 1
    fence = _FENCE.search(text, lead.end() + 1)
    if fence is None:
        raise InvalidData(
            path, "the front matter that starts here is never closed with '---'", line=_line(text, lead.end())
        )
    document = load_yaml(text[lead.end() : fence.start()], path, first_line=_line(text, lead.end()))
    return Fields(document, path), text[fence.end() :], _line(text, fence.end())


def join_front_matter(fields: Mapping[str, Any], body: str) -> str:
    """The file with `fields` above `body`."""
    return f"---\n{dump_yaml(fields) if fields else ''}---\n{body}"


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
