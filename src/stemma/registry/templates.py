"""Templates: text with named holes, in one of four spellings, safe to render whoever wrote them."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal, Protocol, TypeAlias

from stemma.core.errors import TemplateError
from stemma.registry.fstring import FStringTemplate
from stemma.registry.jinja import JinjaTemplate
from stemma.registry.mustache import MustacheTemplate

TemplateFormat: TypeAlias = Literal[
    "jinja2",  # {{ name }}, {% if %}, {% for %}, filters: the harmless part of Jinja2
    "mustache",  # {{name}}, {{#section}}, and if, unless, each, with of Handlebars
    "f-string",  # {name}
    "none",  # no holes: the text as it stands
]


class Template(Protocol):
    """A parsed template."""

    @property
    def variables(self) -> tuple[str, ...]: ...

    def render(self, values: Mapping[str, Any]) -> str: ...


def render(text: str, template_format: TemplateFormat, values: Mapping[str, Any]) -> str:
    """The template with its holes filled. Values are data: what they contain is never evaluated.

    Raises MissingVariable, naming every missing variable at once; TemplateError for a template that cannot be parsed or
    a result of more than 1,000,000 characters; UnsafeTemplate for one that reaches out of the sandbox or never ends.

    >>> render("Dear {{ name }},", "jinja2", {"name": "{{ secret }}"})
    'Dear {{ secret }},'
    """
    return parsed(text, template_format).render(values)


def variables_of(text: str, template_format: TemplateFormat) -> tuple[str, ...]:
    """The names of the template's variables, in order of first use. Raises as `check`.

    >>> variables_of("{{ b }} {% for x in a %}{{ x }}{% endfor %}", "jinja2")
    ('b', 'a')
    """
    return parsed(text, template_format).variables


def check(text: str, template_format: TemplateFormat) -> None:
    """Raises TemplateError or UnsafeTemplate, with line and expression, when the text is no template in this format."""
    parsed(text, template_format)


def literal(text: str, template_format: TemplateFormat) -> str:
    """A template in this format that renders as `text`, whatever stands in it.

    Mustache has no way to say two braces: there they come apart.

    >>> render(literal("{{ secret }} {% %}", "jinja2"), "jinja2", {})
    '{{ secret }} {% %}'
    """
    match template_format:
        case "jinja2":
            return text.replace("{", '{{ "{" }}')
        case "mustache":
            return text.replace("{{", "{ {")
        case "f-string":
            return text.replace("{", "{{").replace("}", "}}")
        case _:
            return text


@lru_cache(maxsize=1024)
def parsed(text: str, template_format: TemplateFormat) -> Template:
    """The template, parsed. Raises as `check`."""
    match template_format:
        case "jinja2":
            return JinjaTemplate(text)
        case "mustache":
            return MustacheTemplate(text)
        case "f-string":
            return FStringTemplate(text)
        case "none":
            return PlainText(text)
        case _:
            raise TemplateError(
                f"template format {template_format!r} is not known; use jinja2, mustache, f-string or none"
            )


class PlainText:
    """A text without holes."""

    variables: tuple[str, ...] = ()

    def __init__(self, text: str) -> None:
        self._text = text

    def render(self, values: Mapping[str, Any]) -> str:
        return self._text
