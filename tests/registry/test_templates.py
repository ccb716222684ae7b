"""Templates: what they can say, and what they can never reach."""

from typing import Any, get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jinja2 import StrictUndefined
from jinja2.exceptions import TemplateError as JinjaError
from jinja2.sandbox import SandboxedEnvironment

from stemma.core.errors import MissingVariable, TemplateError, UnsafeTemplate
from stemma.registry.templates import TemplateFormat, check, render, variables_of

VALUES: dict[str, Any] = {
    "name": "Ada",
    "empty": "",
    "number": 3,
    "list": ["b", "a", "C"],
    "rows": [{"k": "x", "v": 1}, {"k": "y", "v": None}],
    "user": {"name": "Bo", "tags": ["p", "q"]},
    "none": None,
    "hostile": "{{ number }}{% if x %}{number}",
}

JINJA = [
    "plain text, } and {",
    "trailing newline\n",
    "{{ name }} and {{name}}",
    "{{ user.name }}{{ user['name'] }}{{ user.tags[0] }}{{ user.tags[-1:] }}{{ name[1:] }}",
    "{% for x in list %}{{ loop.index }}/{{ loop.length }} {{ x }}{% if not loop.last %}, {% endif %}{% endfor %}",
    "{% for x in list if x != 'a' %}{{ loop.index0 }}{{ loop.first }}{{ x }}{% else %}none{% endfor %}",
    "{% for k, v in user|items %}{{ k }}={{ v }};{% endfor %}",
    "{% for row in rows %}{% for c in row.k %}{{ c }}{{ loop.revindex }}{% endfor %}{% endfor %}",
    "{% for x in [] %}{{ x }}{% else %}nothing{% endfor %}",
    "{% if number > 2 and name == 'Ada' %}yes{% elif empty %}maybe{% else %}no{% endif %}",
    "{% if not empty or none is none %}{{ 'a' if number is odd else 'b' }}{% endif %}",
    "{{ 1 < number <= 3 }}{{ 'a' in list }}{{ 'z' not in list }}{{ number + 2 - 1 }}{{ -number }}",
    "{{ name ~ '-' ~ number }}{{ [1, 'a', none] }}{{ {'a': 1} }}",
    "{{ missing|default('d') }}{{ user.missing|default('d') }}{{ empty|default('e', true) }}{{ missing is defined }}",
    "{{ name|upper|lower|title|capitalize|trim }}{{ list|join(', ') }}{{ list|length }}{{ list|first }}{{ list|last }}",
    "{{ list|sort|join }}{{ list|sort(reverse=true, case_sensitive=true)|join }}{{ ['a', 'A', 'b']|unique|join }}",
    "{{ list|min }}{{ list|max }}{{ [1, 2]|sum }}{{ '3.7'|float|round|int }}{{ 3.14159|round(2) }}{{ (-2)|abs }}",
    "{{ 'one two'|wordcount }}{{ 'one two three'|truncate(9, leeway=0) }}",
    "{{ 'a\\n\\nb'|indent(2) }}{{ 'a\\nb'|indent(2, true) }}",
    "{{ name|replace('A', 'aaa')|replace('a', 'b', 2) }}{{ name|reverse }}{{ list|reverse|list }}{{ user|dictsort|length }}",
    "{{ number is divisibleby 3 }}{{ name is string }}{{ user is mapping }}{{ none|string }}{{ 'x' is in list }}",
    "a {#- comment -#} b {%- if true %} c {%- endif %}\n  {{- name -}}  d {% raw %}{{ raw }}{% endraw %}",
    "{{ hostile }}",
]


def in_jinja(text: str, values: dict[str, Any]) -> str:
    """What Jinja2's own sandbox makes of the template: the reference."""
    environment = SandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
    return environment.from_string(text).render(values)


@pytest.mark.parametrize("text", JINJA)
def test_jinja_templates_say_what_they_say_in_jinja(text: str) -> None:
    """For everything a template may use, the result is Jinja2's own."""
    assert render(text, "jinja2", VALUES) == in_jinja(text, VALUES)


names = st.sampled_from(
    ["name", "number", "list", "user", "none", "user.name", "user.tags", "rows[0].k", "'x'", "7", "[]"]
)
expressions = st.recursive(
    names,
    lambda inner: st.one_of(
        st.builds("({} ~ {})".format, inner, inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("({} and {} or not {})".format, inner, inner, inner),
        st.builds("({} == {})".format, inner, inner),
        st.builds("({}|{})".format, inner, st.sampled_from(["upper", "string|length", "default('d')", "string|trim"])),
        st.builds("({} is {})".format, inner, st.sampled_from(["string", "defined", "none", "mapping", "number"])),
    ),
    max_leaves=6,
)
bodies = st.recursive(
    st.one_of(st.builds("{{{{ {} }}}}".format, expressions), st.sampled_from(["text ", "\n", "{# c #}"])),
    lambda inner: st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("{{% if {} %}}{}{{% else %}}{}{{% endif %}}".format, expressions, inner, inner),
        st.builds("{{% for x in list %}}{}{{{{ loop.index }}}}{{{{ x }}}}{{% endfor %}}".format, inner),
    ),
    max_leaves=8,
)


@given(bodies)
def test_any_harmless_template_says_what_it_says_in_jinja(text: str) -> None:
    """Templates put together at random from the allowed parts render as Jinja2's sandbox renders them."""
    assert render(text, "jinja2", VALUES) == in_jinja(text, VALUES)


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ name.__class__ }}",
        "{{ name['__class__'] }}",
        "{{ name.upper }}",
        "{{ name.upper() }}",
        "{{ name|attr('upper') }}",
        "{{ list|map(attribute='__class__') }}",
        "{{ rows|selectattr('k') }}",
        "{{ '%s'|format(name) }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ 'x' * 10 ** 9 }}",
        "{{ 2 ** 100 ** 100 }}",
        "{{ name|center(10 ** 9) }}",
        "{{ name|center(1000000000) }}",
        "{{ range(1000000000) }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ self.__init__ }}",
        "{{ loop.cycle() }}",
        "{{ lipsum() }}",
        "{{ name.format(name) }}",
        "{% set x = name %}",
        "{% with x = name %}{% endwith %}",
        "{% include 'x' %}",
        "{% import 'x' as x %}",
        "{% from 'x' import y %}",
        "{% extends 'x' %}",
        "{% block x %}{% endblock %}",
        "{% macro x() %}{% endmacro %}",
        "{% call name() %}{% endcall %}",
        "{% filter upper %}x{% endfilter %}",
        "{% autoescape true %}x{% endautoescape %}",
        "{% for x in list recursive %}{% endfor %}",
        "{% for a, (b, c) in list %}{% endfor %}",
        "{{ name|upper(*list) }}",
        "{{ name is callable }}",
    ],
)
def test_jinja_templates_cannot_reach_out(text: str) -> None:
    """Python's insides, calls, other templates and growth without end are refused, with the line."""
    with pytest.raises(UnsafeTemplate, match="line 3: "):
        render("\n\n" + text, "jinja2", VALUES)


@pytest.mark.parametrize("expression", ["name.__class__", "user.name.upper", "list.append"])
def test_reaching_for_an_attribute_names_expression_and_line(expression: str) -> None:
    """A template that asks for a Python attribute is told which one, and where."""
    with pytest.raises(UnsafeTemplate, match=rf"line 2: '{expression}' r"):
        render(f"a\n{{{{ {expression} }}}}", "jinja2", VALUES)


def test_what_is_unsafe_is_found_without_rendering() -> None:
    """A template is judged when it is loaded, in branches that would never run too."""
    with pytest.raises(UnsafeTemplate):
        check("{% if false %}{{ x.__class__ }}{% endif %}", "jinja2")


@pytest.mark.parametrize(
    "text",
    [
        "{% for a in big %}{% for b in big %}{% for c in big %}{% endfor %}{% endfor %}{% endfor %}",
        "{% for a in big %}{% if text|upper == text %}{% endif %}{% endfor %}",
        "{% for a in big %}{% if 'zzz' in text %}{% endif %}{% endfor %}",
        "{% for a in big %}{% if text in ['a'] %}{% endif %}{% endfor %}",
        "{% for a in big %}{% if text[1:] %}{% endif %}{% endfor %}",
        "{% for a in endless %}{% endfor %}",
        "{{ endless_list|length }}",
    ],
)
def test_a_template_that_works_without_end_is_stopped(text: str) -> None:
    """Loops and what they look at are metered, whatever the values."""
    nested: list[Any] = []
    nested.append(nested)
    values = {"big": list(range(2_000)), "text": "x" * 1_000_000, "endless": iter(int, 1), "endless_list": nested}
    with pytest.raises(UnsafeTemplate, match="too much work"):
        render(text, "jinja2", values)


@pytest.mark.parametrize(
    "text",
    [
        "{{ text }}{{ text }}",
        "{{ text ~ text }}",
        "{{ text|replace('x', text) }}",
        "{{ words|join(text) }}",
        "{{ text|indent(1000000) }}",
        "{{ quotes" + "|tojson" * 30 + " }}",
        "{% for w in words %}{{ text }}{% endfor %}",
    ],
)
def test_a_template_that_grows_without_end_is_stopped(text: str) -> None:
    """No rendering, and nothing on the way to it, is longer than a million characters."""
    values = {"text": "x" * 600_000, "words": ["a", "b", "c"], "quotes": '"'}
    with pytest.raises(TemplateError, match=r"1,000,000 (characters|are allowed)"):
        render(text, "jinja2", values)


@pytest.mark.parametrize(
    "text", ["{{ words|join(text) }}", "{{ text|replace('x', text) }}", "{{ text|indent(1000000) }}"]
)
def test_a_filter_that_would_grow_a_text_too_much_never_builds_it(text: str) -> None:
    """One filter may multiply two lengths, so the result is measured before it exists."""
    with pytest.raises(TemplateError, match="the result would be"):
        render(text, "jinja2", {"text": "x" * 600_000, "words": ["a"] * 10})


@pytest.mark.parametrize(
    "text",
    [
        "{{ " + "(" * 2_000 + "x" + ")" * 2_000 + " }}",
        "{{ " + "not " * 5_000 + "x }}",
        "{{ x" + "|upper" * 5_000 + " }}",
        "{{ " + "1 if x else " * 3_000 + "1 }}",
        "{% if x %}" * 500 + "{% endif %}" * 500,
        "{{ x }}" * 30_000,
    ],
)
def test_a_template_too_deep_or_too_long_to_parse_is_refused(text: str) -> None:
    """Nesting ends in a clear refusal before it ends Python's stack."""
    with pytest.raises(UnsafeTemplate, match=r"deep|parts|words"):
        check(text, "jinja2")


@pytest.mark.parametrize(
    ("text", "template_format", "problem"),
    [
        ("a\n{{ ", "jinja2", "line 2"),
        ("a\n{% if x %}", "jinja2", "line 2"),
        ("{{ x|nosuchfilter }}", "jinja2", "line 1: filter 'nosuchfilter'"),
        ("{{ " + "9" * 5_000 + " }}", "jinja2", "not a Jinja2 template"),
        (r"{{ '\ud800' }}", "jinja2", "surrogate"),
        ("a\n{{#x}}", "mustache", "line 2"),
        ("a\n{{/x}}", "mustache", "line 2"),
        ("{{#x}}{{/y}}", "mustache", "closes no open block"),
        ("a\n{{x", "mustache", "line 2"),
        ("{{else}}", "mustache", "in no block"),
        ('{{role "system"}}', "mustache", "not available"),
        ("{{=<% %>=}}", "mustache", "delimiters"),
        ("{{}}", "mustache", "not available"),
        ("a\n{", "f-string", "line 2: '{' stands alone"),
        ("}", "f-string", "stands alone"),
        ('{"a": 1}', "f-string", "not a variable"),
        ("{}", "f-string", "not a variable"),
        ("{0}", "f-string", "not a variable"),
        ("x", "erb", "not known"),
    ],
)
def test_a_text_that_is_no_template_says_why_and_where(
    text: str, template_format: TemplateFormat, problem: str
) -> None:
    """What cannot be parsed is one clear line with the line number in the template."""
    with pytest.raises(TemplateError, match=problem):
        check(text, template_format)


@pytest.mark.parametrize(
    ("text", "template_format"),
    [
        ("{a.__class__}", "f-string"),
        ("{a[0]}", "f-string"),
        ("{a!r}", "f-string"),
        ("{a:>1000000000}", "f-string"),
        ("{{> /etc/passwd}}", "mustache"),
        ("{{a.__class__}}", "mustache"),
        ("{{#a}}" * 60 + "{{/a}}" * 60, "mustache"),
    ],
)
def test_the_other_formats_cannot_reach_out_either(text: str, template_format: TemplateFormat) -> None:
    """Attributes, conversions, widths and files are refused in every format."""
    with pytest.raises(UnsafeTemplate, match="line 1"):
        check(text, template_format)


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("{{a}} {{{a}}} {{&a}} {{ b.c }}", {"a": "<&>", "b": {"c": 1}}, "<&> <&> <&> 1"),
        ("[{{#x}}yes{{/x}}{{^x}}no{{/x}}]", {"x": []}, "[no]"),
        ("[{{#x}}yes{{/x}}{{^x}}no{{/x}}]", {}, "[no]"),
        ("{{#c}}Hi {{name}}, {{outer}}.{{/c}}", {"c": {"name": "Bo"}, "outer": 1}, "Hi Bo, 1."),
        ("{{#l}}({{#.}}{{.}}{{/.}}){{/l}}", {"l": [[1, 2], ["a"]]}, "(12)(a)"),
        ("* a\n{{#x}}\n* b\n{{/x}}\n* c\n", {"x": True}, "* a\n* b\n* c\n"),
        ("|\r\n  {{#x}}  \r\n{{/x}}\r\n|", {"x": True}, "|\r\n|"),
        (" {{#x}}a{{/x}} {{! no }}\nb", {"x": True}, " a \nb"),
        ("{{#if x}}A{{else if y}}B{{else}}C{{/if}}", {"x": 0, "y": 1}, "B"),
        ("{{#if x}}A{{else if y}}B{{else}}C{{/if}}", {}, "C"),
        ("{{#unless x}}A{{else}}B{{/unless}}", {"x": 1}, "B"),
        ("{{#each l}}{{@index}}{{this.a}}{{#unless @last}},{{/unless}}{{/each}}", {"l": [{"a": 1}, {"a": 2}]}, "01,12"),
        ("{{#each m}}{{@key}}={{this}};{{else}}none{{/each}}", {"m": {"a": 1, "b": None}}, "a=1;b=;"),
        ("{{#with a}}{{b}}{{/with}}{{!-- }} --}}", {"a": {"b": 2}}, "2"),
        ("{{x}}", {"x": "{{y}}"}, "{{y}}"),
    ],
)
def test_mustache_renders_by_its_specification(text: str, values: dict[str, Any], expected: str) -> None:
    """Variables, sections, standalone lines and Handlebars' block helpers do what their documentation says."""
    assert render(text, "mustache", values) == expected


def test_f_strings_have_names_and_doubled_braces() -> None:
    """`{name}` is filled, `{{` and `}}` are braces."""
    assert render('{{"a": {a}}} {b}', "f-string", {"a": 1, "b": "{a}"}) == '{"a": 1} {a}'


@pytest.mark.parametrize(
    ("text", "template_format"),
    [
        ("{{ b }}{{ c.d }}{{ a }}{{ b }}{{ given }}", "jinja2"),
        ("{% if given %}{{ b }}{{ c }}{% else %}{{ a }}{% endif %}", "jinja2"),
        ("{{b}}{{c.d}}{{{a}}}{{b}}{{given}}", "mustache"),
        ("{b}{c}{a}{b}{given}", "f-string"),
    ],
)
def test_every_missing_variable_is_named_at_once(text: str, template_format: TemplateFormat) -> None:
    """One error tells all that is missing, in order of first use, and what was given."""
    with pytest.raises(MissingVariable) as caught:
        render(text, template_format, {"given": 1})
    assert [name.partition(".")[0] for name in caught.value.names] == ["b", "c", "a"]
    assert caught.value.given == ("given",)


@pytest.mark.parametrize(
    ("text", "name"), [("{{ user.age }}", "user.age"), ("{{ list[7] }}", "list[7]"), ("{{ user.tags.x }}", None)]
)
def test_a_missing_key_is_named_with_its_path(text: str, name: str | None) -> None:
    """A key or item that is not there is a missing variable; an attribute of a list is out of reach."""
    if name is None:
        with pytest.raises(UnsafeTemplate):
            render(text, "jinja2", VALUES)
        return
    with pytest.raises(MissingVariable) as caught:
        render(text, "jinja2", VALUES)
    assert caught.value.names == (name,)


def test_a_guarded_variable_may_be_missing() -> None:
    """`default` and `is defined` make a variable optional; nothing else does."""
    assert render("{% if a is defined %}{{ a }}{% endif %}{{ b|default('x') }}", "jinja2", {}) == "x"
    with pytest.raises(MissingVariable):
        render("{% if a %}{{ a }}{% endif %}", "jinja2", {})


@pytest.mark.parametrize(
    ("text", "template_format", "names"),
    [
        ("{{ b }}{% for x in a %}{{ x }}{{ loop.index }}{{ c }}{% endfor %}{{ x }}", "jinja2", ("b", "a", "c", "x")),
        ("{{ b|default(d) }}{% if a is defined %}{% endif %}{{ e.f.g }}", "jinja2", ("b", "d", "a", "e")),
        (
            "{{b.c}}{{#d}}{{e}}{{/d}}{{^f}}{{g}}{{/f}}{{#if h}}{{.}}{{@index}}{{/if}}",
            "mustache",
            ("b", "d", "f", "g", "h"),
        ),
        ("{b}{{c}}{a}{b}", "f-string", ("b", "a")),
        ("{a}{{b}}", "none", ()),
    ],
)
def test_variables_come_in_order_of_first_use(
    text: str, template_format: TemplateFormat, names: tuple[str, ...]
) -> None:
    """Loop variables are the template's own; in a mustache section a name belongs to the section's value."""
    assert variables_of(text, template_format) == names


@given(st.text(), st.sampled_from(get_args(TemplateFormat)))
@example("{{ hostile }}", "jinja2")
@example("{% for x in (1, 2) %}", "jinja2")
@example("{{#a}}{{/a}}", "mustache")
def test_any_text_renders_or_is_a_template_error(text: str, template_format: TemplateFormat) -> None:
    """No text breaks the renderer in another way."""
    try:
        render(text, template_format, VALUES)
    except TemplateError:
        return


@given(st.text(alphabet="{}%#()[]|.'\"x1 _-+*~,=if forin endfor\n", max_size=60))
def test_no_template_says_more_than_jinja_says(text: str) -> None:
    """Whatever random template is accepted and rendered, Jinja2 renders the same or refuses."""
    try:
        result = render(text, "jinja2", VALUES)
    except TemplateError:
        return
    try:
        expected = in_jinja(text, VALUES)
    except (JinjaError, TypeError, ValueError, ArithmeticError):
        return
    assert result == expected


@given(st.text())
def test_values_are_never_evaluated(value: str) -> None:
    """A value comes out as it went in, whatever it contains."""
    assert render("{{ v }}", "jinja2", {"v": value}) == value
    assert render("{{v}}", "mustache", {"v": value}) == value
    assert render("{v}", "f-string", {"v": value}) == value


@given(st.text(alphabet=st.characters(exclude_characters="{}\r", exclude_categories=["Cs"])))
def test_a_text_without_tags_is_rendered_as_it_stands(text: str) -> None:
    """A constant template is returned unchanged in every format."""
    for template_format in get_args(TemplateFormat):
        assert render(text, template_format, {}) == text


def test_no_format_reads_as_nothing() -> None:
    """The format `none` returns even braces as they stand."""
    assert render("{a} {{b}} {% x %}", "none", {}) == "{a} {{b}} {% x %}"


def test_tojson_writes_json_for_models_not_for_pages() -> None:
    """Angle brackets and letters beyond ASCII stay readable."""
    assert render("{{ v|tojson }}", "jinja2", {"v": {"a": ["<é>"]}}) == '{"a": ["<é>"]}'


@pytest.mark.parametrize(
    "text",
    [
        "{{ name|round }}",
        "{{ number + name }}",
        "{{ name < 3 }}",
        "{{ 1|round(99) }}",
        "{{ []|first }}",
        "{{ none|length }}",
        "{% for a, b in list %}{% endfor %}",
        "{% for a in number %}{% endfor %}",
        "{{ name|upper(1, 2, 3) }}",
        "{{ 7 is divisibleby 0 }}",
    ],
)
def test_a_value_that_does_not_fit_is_a_template_error_with_the_line(text: str) -> None:
    """Types that do not go together are the template's error, not a crash."""
    with pytest.raises(TemplateError, match="line 2"):
        render("\n" + text, "jinja2", VALUES)
