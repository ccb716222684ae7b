"""Templates with plain variables only, which every format can spell."""

import re
from typing import TypeAlias

from stemma.core.errors import TemplateError
from stemma.registry.fstring import FStringTemplate
from stemma.registry.templates import TemplateFormat

Pieces: TypeAlias = tuple[tuple[str, str | None], ...]
"""Literal texts, each with the variable behind it; the last has none."""

_VARIABLE = re.compile(r"\{\{[ \t]*([^\W\d]\w*)[ \t]*\}\}")
_TAGS: dict[str, tuple[str, ...]] = {"jinja2": ("{{", "{%", "{#"), "mustache": ("{{",)}
_CONSTANTS = {"true", "false", "none", "True", "False", "None", "this", "else"}


def pieces_of(text: str, template_format: TemplateFormat) -> Pieces | None:
    """The literals and variables of the template, or nothing when it says more than that."""
    match template_format:
        case "none":
            return ((text, None),)
        case "f-string":
            try:
                return FStringTemplate(text).pieces
            except TemplateError:
                return None
        case _:
            parts = _VARIABLE.split(text)
    literals, names = parts[::2], parts[1::2]
    if any(tag in literal for literal in literals for tag in _TAGS[template_format]):
        return None
    if any(literal.endswith("{") for literal in literals[:-1]) or not _CONSTANTS.isdisjoint(names):
        return None
    return tuple(zip(literals, [*names, None], strict=True))


def spelled(pieces: Pieces, template_format: TemplateFormat) -> str | None:
    """The template spelled in Jinja2 or Mustache, or nothing when a literal would be read as a tag there."""
    text = "".join(literal if name is None else f"{literal}{{{{{name}}}}}" for literal, name in pieces)
    return text if pieces_of(text, template_format) == pieces else None
