"""Mutants of a Python module: one comparison, connective, constant, return value or statement changed in each."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.mutations.mutant import Mutant

# The other side of the boundary, and the opposite.
_COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_CALLED = {"min": "max", "max": "min", "all": "any", "any": "all", "sorted": "list"}
# What types say is checked by another tool, and what decorators take is mostly size and speed.
_UNREAD = frozenset(["annotation", "returns", "decorator_list", "type_params", "bases"])


@dataclass(frozen=True, slots=True)
class _Site:
    """A place in the tree, and what may stand there instead."""

    parent: ast.AST
    field: str
    index: int | None
    other: ast.AST

    def swap(self, node: ast.AST) -> ast.AST:
        """Puts `node` there and gives back what was there."""
        held: Any = getattr(self.parent, self.field)
        if self.index is None:
            setattr(self.parent, self.field, node)
            return held  # type: ignore[no-any-return]
        was: ast.AST = held[self.index]
        held[self.index] = node
        return was


def mutants(path: str, source: str) -> Iterator[Mutant]:
    """Every mutant of a module. Comments are gone from all of them, and from what they are compared with."""
    tree = ast.parse(source)
    was, seen = ast.unparse(tree), set[str]()
    for site in list(_sites(tree)):
        before = site.swap(site.other)
        text = ast.unparse(ast.fix_missing_locations(tree))
        site.swap(before)
        if text != was and text not in seen:
            seen.add(text)
            yield Mutant(path, was, text)


def _sites(node: ast.AST) -> Iterator[_Site]:
    for field, value in ast.iter_fields(node):
        if field in _UNREAD:
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or _is_prose(child) or _is_for_types(child):
                continue
            for other in _others(child):
                yield _Site(node, field, index, other)
            yield from _sites(child)


def _others(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(left=left, ops=[first, *rest], comparators=compared):
            for kind in _COMPARED[type(first)]:
                yield ast.Compare(left, [kind(), *rest], compared)
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _COMPUTED:
            yield ast.BinOp(left, _COMPUTED[type(operator)](), right)
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=keywords) if name in _CALLED:
            yield ast.Call(ast.Name(_CALLED[name]), arguments, keywords)
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() as value):
            yield from (ast.Constant(value + 1), ast.Constant(value - 1))
        case ast.Return(value=ast.AST() as value) if not isinstance(value, ast.Constant):
            yield ast.Return(ast.Constant(None))
        case ast.If(test=test, body=body, orelse=orelse):
            yield from (ast.If(ast.Constant(known), body, orelse) for known in (True, False))
            del test
        case ast.IfExp(body=body, orelse=orelse):
            yield from (body, orelse)
        case ast.Expr() | ast.AugAssign() | ast.Raise() | ast.Continue() | ast.Break():
            yield ast.Pass()


def _is_prose(node: ast.AST) -> bool:
    """Whether it is a docstring, or stands where one could, doing nothing."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_for_types(node: ast.AST) -> bool:
    """Whether only a type checker ever looks into it."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
