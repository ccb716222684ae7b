"""Templates in the spelling of Python's f-strings, kept to `{name}`, and `{{` and `}}` for braces."""

import re
from collections.abc import Mapping
from typing import Any

from stemma.core.errors import MissingVariable, TemplateError, UnsafeTemplate
from stemma.registry.meter import LONGEST_NAME, Meter, check_length

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}\n]*)\}|[{}]")


class FStringTemplate:
    """A parsed template. Raises TemplateError with the line, UnsafeTemplate where a field asks for more than a name."""

    def __init__(self, text: str) -> None:
        check_length(text)
        parts: list[tuple[str, str | None]] = []
        literal, position = "", 0
        for token in _TOKEN.finditer(text):
            literal += text[position : token.start()]
            position = token.end()
            if token[0] in ("{{", "}}"):
                literal += token[0][0]
            else:
                parts.append((literal, _name_in(token, text)))
                literal = ""
        parts.append((literal + text[position:], None))
        self.pieces = tuple(parts)  # literals, each with the variable behind it; the last has none
        self.variables = tuple(dict.fromkeys(name for _, name in parts if name is not None))

    def render(self, values: Mapping[str, Any]) -> str:
        """The text for these values. Raises MissingVariable, naming every missing one, and TemplateError."""
        missing = [name for name in self.variables if name not in values]
        if missing:
            raise MissingVariable(missing, tuple(values))
        meter = Meter()
        for literal, name in self.pieces:
            meter.write(literal)
            if name is not None:
                meter.write_value(values[name])
        return meter.text


def _name_in(token: re.Match[str], text: str) -> str:
    field = token[1]
    if field is not None and field.isidentifier() and len(field) <= LONGEST_NAME:
        return field
    line = text.count("\n", 0, token.start()) + 1
    if field is None:
        raise TemplateError(f"line {line}: {token[0]!r} stands alone; write {token[0] * 2!r} for a brace")
    if field.isidentifier():
        raise TemplateError(
            f"line {line}: the variable {field[:60]!r}… has more than {LONGEST_NAME} characters; shorten its name"
        )
    name = re.split(r"[.\[!:]", field, maxsplit=1)[0]
    if name != field and name.isidentifier():
        raise UnsafeTemplate(
            f"line {line}: {token[0][:60]!r} asks for more than a variable; only {{name}} is available"
        )
    raise TemplateError(
        f"line {line}: {token[0][:60]!r} is not a variable; write {{{{ and }}}} for braces that are meant"
    )
