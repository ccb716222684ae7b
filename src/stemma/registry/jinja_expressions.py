"""The expressions of Jinja2 templates: what a template may compute, and nothing else.

Each parsed node becomes a closure over the names in scope and the rendering's meter. A node without a case here does
not exist.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from jinja2 import nodes
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.tests import TESTS as JINJA_TESTS

from stemma.core.errors import MissingVariable, TemplateError, UnsafeTemplate
from stemma.registry.jinja_filters import FILTERS, TESTS, Filter
from stemma.registry.meter import LONGEST_NAME, Meter, check_length, shown

Names: TypeAlias = Mapping[str, Any]
Evaluate: TypeAlias = Callable[[Names, Meter], Any]

_ABSENT = object()
_MOST_SHOWN = 20  # keys of a mapping, in a message
_FAILURES = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError)


class Expressions:
    """Compiles expressions, and gathers the variables that they need."""

    def __init__(self) -> None:
        self.variables: dict[str, bool] = {}  # in order of first use; whether it is used without a guard
        self.tested: set[str] = set()  # by `is defined`
        self.bound: frozenset[str] = frozenset()  # by the loops around
        self.size = 0  # of what was compiled so far

    @property
    def required(self) -> tuple[str, ...]:
        """The variables that must be given: used somewhere without a guard, and nowhere tested with `is defined`."""
        return tuple(name for name, unguarded in self.variables.items() if unguarded and name not in self.tested)

    def compiled(self, node: nodes.Node) -> Evaluate:
        """The value of `node`, to be computed. Raises UnsafeTemplate for what templates may not say."""
        self.size += 1
        match node:
            case nodes.Name():
                return self.name(node.name, guarded=False)
            case nodes.Const():
                return _constant(node)
            case nodes.Getattr() | nodes.Getitem():
                return self.item(node)
            case nodes.Filter(name="default" | "d"):
                return self.default(node)
            case nodes.Filter():
                return self.filter(node, FILTERS, JINJA_FILTERS)
            case nodes.Test(name="defined" | "undefined"):
                return self.defined(node)
            case nodes.Test():
                return self.filter(node, TESTS, JINJA_TESTS)
            case nodes.Compare():
                return self.comparison(node)
            case nodes.And() | nodes.Or():
                return self.either(node)
            case nodes.Not():
                denied = self.compiled(node.node)
                return lambda names, meter: not denied(names, meter)
            case nodes.CondExpr():
                return self.choice(node)
            case nodes.Concat():
                return self.concatenation(node)
            case nodes.Add() | nodes.Sub():
                return self.sum(node)
            case nodes.Neg() | nodes.Pos():
                number, sign = self.compiled(node.node), 1 if isinstance(node, nodes.Pos) else -1
                return lambda names, meter: sign * _number(number(names, meter), node)
            case nodes.List() | nodes.Tuple():
                parts = [self.compiled(part) for part in node.items]
                return lambda names, meter: [part(names, meter) for part in parts]
            case nodes.Dict():
                pairs = [(self.compiled(pair.key), self.compiled(pair.value)) for pair in node.items]
                return lambda names, meter: {str(key(names, meter)): value(names, meter) for key, value in pairs}
            case _:
                raise refused(node)

    def name(self, name: str, *, guarded: bool) -> Evaluate:
        if len(name) > LONGEST_NAME:
            raise TemplateError(
                f"the variable {shown(name)!r} has more than {LONGEST_NAME} characters; shorten its name"
            )
        if name not in self.bound:
            self.variables[name] = self.variables.get(name, False) or not guarded

        def run(names: Names, meter: Meter) -> Any:
            try:
                return names[name]
            except KeyError:
                if guarded:
                    return _ABSENT
                raise MissingVariable((name,), tuple(names)) from None

        return run

    def guarded(self, node: nodes.Node) -> Evaluate:
        """As `expression`, but a missing variable, key or item is the value `_ABSENT`."""
        if isinstance(node, nodes.Name):
            return self.name(node.name, guarded=True)
        value = self.compiled(node)
        if not isinstance(node, nodes.Getattr | nodes.Getitem):
            return value

        def run(names: Names, meter: Meter) -> Any:
            try:
                return value(names, meter)
            except MissingVariable:
                return _ABSENT

        return run

    def default(self, node: nodes.Filter) -> Evaluate:
        if node.node is None or node.dyn_args or node.dyn_kwargs or len(node.args) > 2:
            raise refused(node)
        value = self.guarded(node.node)
        given = dict(zip(("default_value", "boolean"), node.args, strict=False)) | {k.key: k.value for k in node.kwargs}
        fallback = self.compiled(given.get("default_value", nodes.Const("", lineno=node.lineno)))
        falsy_too = self.compiled(given.get("boolean", nodes.Const(False, lineno=node.lineno)))

        def run(names: Names, meter: Meter) -> Any:
            found = value(names, meter)
            if found is _ABSENT or (not found and falsy_too(names, meter)):
                return fallback(names, meter)
            return found

        return run

    def defined(self, node: nodes.Test) -> Evaluate:
        if isinstance(node.node, nodes.Name):
            self.tested.add(node.node.name)
        value, wanted = self.guarded(node.node), node.name == "defined"
        return lambda names, meter: (value(names, meter) is not _ABSENT) is wanted

    def filter(
        self, node: nodes.Filter | nodes.Test, known: Mapping[str, Filter], in_jinja: Mapping[str, Any]
    ) -> Evaluate:
        kind = type(node).__name__.lower()
        if node.node is None or node.dyn_args or node.dyn_kwargs:
            raise refused(node)
        if node.name not in known:
            trouble = UnsafeTemplate if node.name in in_jinja else TemplateError
            raise trouble(f"line {node.lineno}: {kind} {node.name!r} is not available; there are {', '.join(known)}")
        apply, value = known[node.name], self.compiled(node.node)
        positional = [self.compiled(part) for part in node.args]
        named = {str(pair.key): self.compiled(pair.value) for pair in node.kwargs}
        name, line = node.name, node.lineno

        def run(names: Names, meter: Meter) -> Any:
            args = [part(names, meter) for part in (value, *positional)]
            options: dict[str, Any] = {key: part(names, meter) for key, part in named.items()}
            for given in (*args, *options.values()):
                meter.examine(given)
            try:
                result = apply(*args, **options)
                if isinstance(result, str):
                    check_length(result)
            except (*_FAILURES, TemplateError) as error:
                raise TemplateError(f"line {line}: {kind} {name!r} cannot be applied: {error}") from error
            return result

        return run

    def item(self, node: nodes.Getattr | nodes.Getitem) -> Evaluate:
        spelled, line = _spelled(node), node.lineno
        if isinstance(node, nodes.Getattr):
            if node.attr.startswith("_"):
                raise UnsafeTemplate(
                    f"line {line}: {spelled!r} reaches for a Python attribute; a template reads only keys and items "
                    "of its values (a key that starts with '_' is read with ['…'])"
                )
            attribute = node.attr
            key: Evaluate = lambda names, meter: attribute  # noqa: E731
        elif isinstance(node.arg, nodes.Slice):
            key = self.slice(node.arg)
        else:
            key = self.compiled(node.arg)
        value = self.compiled(node.node)

        def run(names: Names, meter: Meter) -> Any:
            owner, wanted = value(names, meter), key(names, meter)
            try:
                if isinstance(owner, Mapping):
                    return owner[wanted]
                if isinstance(owner, list | tuple | str) and isinstance(wanted, int | slice):
                    meter.spend(1 + (len(owner) >> 6))
                    return owner[wanted]
            except (KeyError, IndexError):
                given = tuple(map(str, owner)) if isinstance(owner, Mapping) else (f"{len(owner)} items",)
                if len(given) > _MOST_SHOWN:
                    given = (*given[:_MOST_SHOWN], f"and {len(given) - _MOST_SHOWN:,} more")
                raise MissingVariable((spelled,), given) from None
            except (TypeError, ValueError) as error:
                raise TemplateError(f"line {line}: {spelled!r} cannot be read: {error}") from error
            raise UnsafeTemplate(
                f"line {line}: {spelled!r} reads an attribute of a Python {type(owner).__name__}; "
                "a template reads only keys of mappings and items of lists"
            )

        return run

    def slice(self, node: nodes.Slice) -> Evaluate:
        ends = [None if part is None else self.compiled(part) for part in (node.start, node.stop, node.step)]
        return lambda names, meter: slice(*(part and part(names, meter) for part in ends))

    def comparison(self, node: nodes.Compare) -> Evaluate:
        first = self.compiled(node.expr)
        rest = [
            (TESTS[_OPERATORS.get(operand.op, operand.op)], operand.op, self.compiled(operand.expr))
            for operand in node.ops
        ]
        line = node.lineno

        def run(names: Names, meter: Meter) -> Any:
            left = first(names, meter)
            for compare, operator, expression in rest:
                right = expression(names, meter)
                meter.examine(left)
                meter.examine(right)
                try:
                    if compare(left, right) is (operator == "notin"):
                        return False
                except _FAILURES as error:
                    raise TemplateError(f"line {line}: two values cannot be compared: {error}") from error
                left = right
            return True

        return run

    def either(self, node: nodes.And | nodes.Or) -> Evaluate:
        left, right = self.compiled(node.left), self.compiled(node.right)
        if isinstance(node, nodes.And):
            return lambda names, meter: left(names, meter) and right(names, meter)
        return lambda names, meter: left(names, meter) or right(names, meter)

    def choice(self, node: nodes.CondExpr) -> Evaluate:
        chosen, test = self.compiled(node.expr1), self.compiled(node.test)
        otherwise = self.compiled(node.expr2 or nodes.Const("", lineno=node.lineno))
        return lambda names, meter: (chosen if test(names, meter) else otherwise)(names, meter)

    def concatenation(self, node: nodes.Concat) -> Evaluate:
        parts = [self.compiled(part) for part in node.nodes]

        def run(names: Names, meter: Meter) -> str:
            text = ""
            for part in parts:
                piece = meter.as_text(part(names, meter))
                text += piece
                check_length(text)
                meter.spend(1 + (len(piece) >> 6))
            return text

        return run

    def sum(self, node: nodes.Add | nodes.Sub) -> Evaluate:
        left, right, sign = (
            self.compiled(node.left),
            self.compiled(node.right),
            1 if isinstance(node, nodes.Add) else -1,
        )
        return lambda names, meter: _number(left(names, meter), node) + sign * _number(right(names, meter), node)


_OPERATORS = {"gteq": "ge", "lteq": "le", "notin": "in"}

_WRITTEN = {  # how an author writes what the parser calls otherwise
    "Assign": "set",
    "AssignBlock": "set",
    "CallBlock": "call",
    "Div": "/",
    "FilterBlock": "filter block",
    "FloorDiv": "//",
    "FromImport": "import",
    "Mod": "%",
    "Mul": "*",
    "Pow": "**",
    "Scope": "autoescape",
}


def refused(node: nodes.Node) -> UnsafeTemplate:
    if isinstance(node, nodes.Call):
        what = f"{_spelled(node)!r} is a call, and templates cannot call; use a filter"
    else:
        name = type(node).__name__
        what = f"{_WRITTEN.get(name, name.lower())!r} is not available in templates"
    line = next(part.lineno for part in (node, *node.find_all(nodes.Node)) if part.lineno)  # a scope itself has none
    return UnsafeTemplate(f"line {line}: {what}; they have variables, keys, items, if, for, + - ~ and filters")


def _spelled(node: nodes.Node | None) -> str:
    """The expression roughly as its author wrote it, at most 80 characters."""
    match node:
        case nodes.Name():
            text = node.name
        case nodes.Const():
            text = repr(node.value)
        case nodes.Getattr():
            text = f"{_spelled(node.node)}.{node.attr}"
        case nodes.Getitem():
            text = f"{_spelled(node.node)}[{_spelled(node.arg)}]"
        case nodes.Call():
            text = f"{_spelled(node.node)}()"
        case nodes.Filter():
            text = f"{_spelled(node.node)}|{node.name}"
        case _:
            text = "(…)"
    return text if len(text) <= 80 else "…" + text[-79:]


def _constant(node: nodes.Const) -> Evaluate:
    value = node.value
    try:
        str(value).encode()
    except UnicodeEncodeError as error:
        raise TemplateError(
            f"line {node.lineno}: a text has half of a surrogate pair, which is no character"
        ) from error
    except ValueError as error:  # an integer of more than 4,300 digits, in a base that is read without that limit
        raise TemplateError(f"line {node.lineno}: a number has too many digits; write a shorter one") from error
    return lambda names, meter: value


def _number(value: Any, node: nodes.Node) -> int | float:
    if not isinstance(value, int | float):
        raise TemplateError(f"line {node.lineno}: + and - take numbers, not {type(value).__name__}; join texts with ~")
    return value
