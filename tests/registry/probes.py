"""Templates that try to leave their sandbox, or never to end: what each tries, and what it meets."""

from dataclasses import dataclass
from typing import Any

from stemma.registry.templates import TemplateFormat


@dataclass(frozen=True, slots=True)
class Probe:
    """A template over `VALUES`. `held` is a regular expression of the refusal."""

    template_format: TemplateFormat
    tries: str
    source: str
    held: str


def _unfolding() -> Any:
    """Thirty small lists that are more text than memory holds."""
    value: Any = ["x"] * 10
    for _ in range(30):
        value = [value] * 10
    return value


def _nested() -> Any:
    value: Any = "x"
    for _ in range(50_000):
        value = [value]
    return value


def _ring() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


VALUES = {
    "x": "text",
    "xs": list(range(1000)),
    "d": {"key": {str(number): number for number in range(50_000)}},
    "big": "y" * 300_000,
    "digits": 10**4000,
    "object": object(),
    "unfolding": _unfolding(),
    "nested": _nested(),
    "ring": _ring(),
}

_ATTRIBUTE = "reaches for a Python attribute"
_UNKNOWN = "is not available"
_CALL = "templates cannot call"
_WORK = "too much work"
_GROWS = "grows past|would be [0-9,]+ characters"
_DEEP = "deep|more than [0-9,]+ (parts|words|tags)"

PROBES = (
    # Jinja2: what stands behind a value.
    Probe("jinja2", "the class of a value", "{{ x.__class__.__mro__ }}", _ATTRIBUTE),
    Probe("jinja2", "the class by a key", "{{ object['__class__'] }}", "reads an attribute"),
    Probe("jinja2", "the class by a filter", "{{ x|attr('__class__') }}", _UNKNOWN),
    Probe("jinja2", "the class by sorting", "{{ xs|sort(attribute='__class__') }}", "cannot be applied"),
    Probe("jinja2", "the class by joining", "{{ xs|join(attribute='__class__') }}", "cannot be applied"),
    Probe("jinja2", "the globals of a helper", "{{ cycler.__init__.__globals__ }}", _ATTRIBUTE),
    Probe("jinja2", "the template itself", "{{ self }}", "needs 'self'"),
    Probe("jinja2", "the loop's insides", "{% for a in xs %}{{ loop.__init__ }}{% endfor %}", _ATTRIBUTE),
    Probe("jinja2", "a method", "{{ x.format(1) }}", _CALL),
    Probe("jinja2", "a method by map", "{{ xs|map('upper') }}", _UNKNOWN),
    Probe("jinja2", "a format", "{{ '%99999999999s'|format(x) }}", _UNKNOWN),
    Probe("jinja2", "a format by operator", "{{ '%99999999999s' % x }}", _UNKNOWN),
    Probe("jinja2", "another template", "{% include '/etc/passwd' %}", _UNKNOWN),
    Probe("jinja2", "an import", "{% import 'os' as os %}", _UNKNOWN),
    Probe("jinja2", "a parent", "{% extends 'x' %}", _UNKNOWN),
    Probe("jinja2", "an assignment", "{% set x = 1 %}", _UNKNOWN),
    Probe("jinja2", "a macro that calls itself", "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", _UNKNOWN),
    Probe("jinja2", "a loop that calls itself", "{% for a in xs recursive %}{{ loop(xs) }}{% endfor %}", "recursive"),
    # Jinja2: time and memory.
    Probe("jinja2", "a huge range", "{% for i in range(10**9) %}{% endfor %}", _CALL),
    Probe("jinja2", "a power", "{{ 10 ** 10 ** 10 }}", _UNKNOWN),
    Probe("jinja2", "a text times a number", "{{ 'x' * 10000000000 }}", _UNKNOWN),
    Probe(
        "jinja2",
        "a billion turns",
        "{% for a in xs %}{% for b in xs %}{% for c in xs %}{% endfor %}{% endfor %}{% endfor %}",
        _WORK,
    ),
    Probe("jinja2", "a million searches", "{% for a in xs %}{% if 'z' in big %}{% endif %}{% endfor %}", _WORK),
    Probe("jinja2", "a quadratic replacement", "{{ big|replace('y', big) }}", _GROWS),
    Probe("jinja2", "a quadratic join", "{{ big|join(big) }}", _GROWS),
    Probe("jinja2", "a wide margin", "{{ x|indent(10000000000, true) }}", _GROWS),
    Probe("jinja2", "a value that unfolds", "{{ unfolding }}", _WORK),
    Probe("jinja2", "a value that unfolds as JSON", "{{ unfolding|tojson }}", _WORK),
    Probe("jinja2", "a value that unfolds, compared", "{{ unfolding == unfolding }}", _WORK),
    Probe("jinja2", "a value in itself", "{{ ring }}", _WORK),
    Probe("jinja2", "a value nested past the stack", "{{ nested }}", _DEEP),
    Probe("jinja2", "such a value as JSON", "{{ nested|tojson }}", "cannot be applied"),
    Probe("jinja2", "numbers past the digits", "{{ 1e308|round(-300) }}", "precision of at most"),
    Probe("jinja2", "a number of a million bits", "{{ 0x" + "f" * 200_000 + " }}", "too many digits"),
    Probe("jinja2", "parentheses past the stack", "{{ " + "(" * 90_000 + "1" + ")" * 90_000 + " }}", _DEEP),
    Probe("jinja2", "one long path", "{{ x" + "[0]" * 300_000 + " }}", _DEEP),
    Probe("jinja2", "one long choice", "{% if 0 %}" + "{% elif 0 %}" * 70_000 + "{% endif %}", _DEEP),
    Probe("jinja2", "tags without end", "{{" * 10_000, f"not a Jinja2 template|{_DEEP}"),
    # Jinja2: the message itself.
    Probe("jinja2", "an error of a megabyte", "{{ x '" + "a\n" * 300_000 + "' }}", "^line 1: not a Jinja2 template"),
    Probe("jinja2", "a name of a megabyte", "{{ " + "a" * 900_000 + " }}", "more than 200 characters"),
    Probe("jinja2", "all keys of a value", "{{ d.key.zz }}", "and 49,980 more"),
    # Mustache.
    Probe("mustache", "a Python attribute", "{{x.__class__}}", _ATTRIBUTE),
    Probe("mustache", "another file", "{{> /etc/passwd}}", "would read another template"),
    Probe("mustache", "other delimiters", "{{=<% %>=}}<% x %>", "delimiters cannot be changed"),
    Probe("mustache", "a constructor by lookup", "{{lookup this 'constructor'}}", _UNKNOWN),
    Probe("mustache", "a context outside", "{{../../x}}", _UNKNOWN),
    Probe("mustache", "the root", "{{@root.x}}", _UNKNOWN),
    Probe("mustache", "a billion turns", "{{#xs}}{{#xs}}{{#xs}}{{/xs}}{{/xs}}{{/xs}}", _WORK),
    Probe("mustache", "a value that unfolds", "{{unfolding}}", _WORK),
    Probe("mustache", "a value nested past the stack", "{{nested}}", _DEEP),
    Probe("mustache", "a context in itself", "{{.}}", _WORK),
    Probe("mustache", "blocks past the stack", "{{#if x}}" * 90_000, _DEEP),
    Probe("mustache", "a choice past the stack", "{{#if x}}" + "{{else if x}}" * 20_000 + "{{/if}}", _DEEP),
    Probe("mustache", "two hundred thousand tags", "{{x}}" * 190_000, _DEEP),
    Probe("mustache", "a name of a megabyte", "{{" + "x" * 900_000 + "}}", _UNKNOWN),
    # f-strings.
    Probe("f-string", "an attribute", "{x.__class__}", "more than a variable"),
    Probe("f-string", "an attribute of a megabyte", "{x." + "a" * 900_000 + "}", "more than a variable"),
    Probe("f-string", "an item", "{xs[0]}", "more than a variable"),
    Probe("f-string", "a conversion", "{x!r}", "more than a variable"),
    Probe("f-string", "a wide format", "{x:>99999999999}", "more than a variable"),
    Probe("f-string", "a format in a format", "{x:{x}}", "stands alone|not a variable|more than"),
    Probe("f-string", "a call", "{__import__('os')}", "not a variable"),
    Probe("f-string", "a position", "{0}", "not a variable"),
    Probe("f-string", "a text that grows", "{big}{big}{big}{big}", _GROWS),
    Probe("f-string", "a value that unfolds", "{unfolding}", _WORK),
    Probe("f-string", "a value nested past the stack", "{nested}", _DEEP),
    Probe("f-string", "a name of a megabyte", "{" + "x" * 900_000 + "}", "more than 200 characters"),
)
