"""Jinja2 templates whose author may be hostile: Jinja2's own parser, and an evaluator that knows only harmless things.

Jinja2 turns a template into Python code, and its sandbox then keeps a list of what that code must not touch. Here no
code is made at all: the parsed template is walked, and what is not written below does not exist. That leaves
variables, keys of mappings, items of lists, comparisons, `+` and `-` of numbers, `~`, `if`, `for`, and the filters and
tests of `jinja_filters`. There are no calls, attributes, assignments, macros or other templates, and a `Meter` bounds
text and work.

Differences from Jinja2: a variable that may be missing must be guarded with `is defined` or `default`; all others are
required, in branches not taken too. `{{ a if b }}` is empty when `b` is false. A final newline is kept.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from jinja2 import Environment, TemplateSyntaxError, nodes

from stemma.core.errors import MissingVariable, TemplateError, UnsafeTemplate
from stemma.registry.jinja_expressions import Expressions, Names, refused
from stemma.registry.meter import Meter, check_length, shown

Write: TypeAlias = Callable[[Names, Meter], None]

_DEEPEST = 60  # nested expressions and blocks; each costs two or three of Python's 1,000 stack frames
_MOST_NODES = 20_000
_MOST_TOKENS = 100_000
_PARSER = Environment(keep_trailing_newline=True, autoescape=False)


class JinjaTemplate:
    """A parsed template. Raises TemplateError, or UnsafeTemplate naming line and expression, when it cannot be one."""

    def __init__(self, text: str) -> None:
        check_length(text)
        tree = _parsed(text)
        expressions = Expressions()
        self._write = _Statements(expressions).block(tree.body)
        self._constant = _constant(tree)
        self._required = expressions.required
        self.variables = tuple(expressions.variables)

    def render(self, values: Names) -> str:
        """The text for these values. Raises MissingVariable with every missing name, TemplateError, UnsafeTemplate."""
        if self._constant is not None:
            return self._constant
        missing = [name for name in self._required if name not in values]
        if missing:
            raise MissingVariable(missing, tuple(values))
        meter = Meter()
        self._write(values, meter)
        return meter.text


def _parsed(text: str) -> nodes.Template:
    try:
        # Parsing takes ten times as long as counting, and a text of the greatest length may be one long expression.
        if any(count > _MOST_TOKENS for count, _ in enumerate(_PARSER.lexer.tokeniter(text, None))):
            raise UnsafeTemplate(f"the template has more than {_MOST_TOKENS:,} words and signs; shorten it")
        tree = _PARSER.parse(text)
    except TemplateSyntaxError as error:
        raise TemplateError(f"line {error.lineno}: not a Jinja2 template: {shown(error.message or '')}") from error
    except ValueError as error:  # a number of more than 4,300 digits
        raise TemplateError(f"not a Jinja2 template: {error}") from error
    except RecursionError as error:
        raise UnsafeTemplate("the template nests parentheses or blocks too deeply; write it flatter") from error
    waiting: list[tuple[nodes.Node, int]] = [(tree, 0)]
    count = 0
    while waiting:
        node, depth = waiting.pop()
        count += 1
        if depth > _DEEPEST:
            raise UnsafeTemplate(f"line {node.lineno}: the template nests more than {_DEEPEST} deep; write it flatter")
        if count > _MOST_NODES:
            raise UnsafeTemplate(f"line {node.lineno}: the template has more than {_MOST_NODES:,} parts; shorten it")
        waiting += [(child, depth + 1) for child in node.iter_child_nodes()]
    return tree


def _constant(tree: nodes.Template) -> str | None:
    """The text of a template without any tag."""
    match tree.body:
        case []:
            return ""
        case [nodes.Output(nodes=[nodes.TemplateData(data=text)])]:
            return str(text)
        case _:
            return None


class _Statements:
    """Compiles the statements of a template: text, `if` and `for`."""

    def __init__(self, expressions: Expressions) -> None:
        self.expressions = expressions

    def block(self, body: list[nodes.Node]) -> Write:
        writes = [write for node in body for write in self.statement(node)]

        def run(names: Names, meter: Meter) -> None:
            for write in writes:
                write(names, meter)

        return run

    def statement(self, node: nodes.Node) -> list[Write]:
        self.expressions.size += 1
        match node:
            case nodes.Output():
                return [self.output(part) for part in node.nodes]
            case nodes.If():
                return [self.branch(node)]
            case nodes.For():
                return [self.loop(node)]
            case _:
                raise refused(node)

    def output(self, part: nodes.Expr) -> Write:
        if isinstance(part, nodes.TemplateData):
            text = part.data
            return lambda names, meter: meter.write(text)
        value = self.expressions.compiled(part)
        return lambda names, meter: meter.write_value(value(names, meter))

    def branch(self, node: nodes.If) -> Write:
        choices = [(self.expressions.compiled(choice.test), self.block(choice.body)) for choice in (node, *node.elif_)]
        otherwise = self.block(node.else_)

        def run(names: Names, meter: Meter) -> None:
            for test, body in choices:
                if test(names, meter):
                    return body(names, meter)
            return otherwise(names, meter)

        return run

    def loop(self, node: nodes.For) -> Write:
        if node.recursive:
            raise UnsafeTemplate(f"line {node.lineno}: 'for … recursive' is not available; nest two loops")
        values = self.expressions.compiled(node.iter)
        targets = _targets(node.target)
        outside, before = self.expressions.bound, self.expressions.size
        self.expressions.bound |= {*targets, "loop"}
        test = None if node.test is None else self.expressions.compiled(node.test)
        body = self.block(node.body)
        turn = 1 + self.expressions.size - before
        self.expressions.bound = outside
        otherwise = self.block(node.else_)
        line, single = node.lineno, isinstance(node.target, nodes.Name)

        def bind(names: dict[str, Any], item: Any) -> None:
            if single:
                names[targets[0]] = item
                return
            if not isinstance(item, list | tuple) or len(item) != len(targets):
                raise TemplateError(
                    f"line {line}: the loop takes {len(targets)} values a turn and was given one that is not"
                )
            names.update(zip(targets, item, strict=True))

        def kept(names: dict[str, Any], item: Any, meter: Meter) -> bool:
            bind(names, item)
            return test is None or bool(test(names, meter))

        def run(names: Names, meter: Meter) -> None:
            given = values(names, meter)
            if not isinstance(given, Iterable):
                raise TemplateError(f"line {line}: a loop needs a list, not {type(given).__name__}")
            meter.spend(len(names))
            inner = dict(names)
            items = [item for item in meter.listed(given, turn=turn) if kept(inner, item, meter)]
            for index, item in enumerate(items):
                bind(inner, item)
                inner["loop"] = _turn(index, len(items))
                body(inner, meter)
            if not items:
                otherwise(names, meter)

        return run


def _targets(target: nodes.Node) -> tuple[str, ...]:
    parts = target.items if isinstance(target, nodes.Tuple) else [target]
    if not all(isinstance(part, nodes.Name) for part in parts):
        raise UnsafeTemplate(f"line {target.lineno}: a loop binds plain names, such as in 'for key, value in pairs'")
    return tuple(part.name for part in parts if isinstance(part, nodes.Name))


def _turn(index: int, length: int) -> dict[str, Any]:
    return {
        "index": index + 1,
        "index0": index,
        "revindex": length - index,
        "revindex0": length - index - 1,
        "first": index == 0,
        "last": index == length - 1,
        "length": length,
    }
