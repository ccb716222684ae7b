"""A call's own arguments, as policies see them.

Cedar has types and a tool's arguments are any JSON, so a policy's own words say which type it takes an argument for:
``context.arguments.amount < 100`` a whole number, ``.lessThan(decimal("0.5"))`` a decimal, ``like "DE*"`` or ``== "EUR"`` a
text, ``["a", "b"].contains(...)`` a text, ``context.arguments.to.contains("x")`` a list of texts, ``if``, ``!`` and ``&&``
a boolean. Cedar then validates the policy with exactly these types. A value that is not of its type when the call is made
makes the policies unusable for it, and so denies it: left out, it would slip by what forbids it.
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

from stemma.core.errors import InvalidInput


class Kind(StrEnum):
    """What a policy takes an argument for, by the name of Cedar's type."""

    WHOLE = "Long"
    DECIMAL = "decimal"
    TEXT = "String"
    FLAG = "Bool"
    TEXTS = "Set<String>"
    GIVEN = "present"
    """Anything: it is only asked whether it is there."""

    @property
    def cedar(self) -> str:
        return "Bool" if self is Kind.GIVEN else self.value


_WORDS = {
    Kind.WHOLE: "a whole number",
    Kind.DECIMAL: "a number with at most four decimal places",
    Kind.TEXT: "a text",
    Kind.FLAG: "true or false",
    Kind.TEXTS: "a list of texts",
}
_CONTEXT = {"Var": "context"}
_ARGUMENTS = {".": {"left": _CONTEXT, "attr": "arguments"}}
_NUMERIC = frozenset(["<", "<=", ">", ">=", "+", "-", "*", "neg"])
_DECIMAL = frozenset(["lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual"])
_LOGICAL = frozenset(["&&", "||", "!"])
_OF_SETS = frozenset(["containsAll", "containsAny", "isEmpty"])
_LARGEST = 2**63  # of Cedar's Long, which also counts a decimal's ten-thousandths


def looked_at(policy: Mapping[str, Any]) -> dict[str, Kind]:
    """The arguments that a policy (Cedar's JSON of it) speaks of. Raises InvalidInput where their types cannot be told."""
    uses = [use for condition in policy["conditions"] for use in _uses(condition["body"], Kind.FLAG)]
    return merged((name, kind) for name, kind in uses)


def merged(uses: Iterable[tuple[str, Kind]]) -> dict[str, Kind]:
    """One type for each argument. Raises InvalidInput where two uses take it for different ones."""
    found: dict[str, Kind] = {}
    for name, kind in uses:
        known = found.get(name, Kind.GIVEN)
        if Kind.GIVEN not in (known, kind) and known is not kind:
            raise InvalidInput(f"argument {name!r} is taken for {_WORDS[known]} and for {_WORDS[kind]}")
        found[name] = kind if known is Kind.GIVEN else known
    return found


def encoded(name: str, value: Any, kind: Kind) -> Any:
    """`value` in Cedar's JSON. Raises InvalidInput when it is not of its type."""
    match kind:
        case Kind.GIVEN:
            return True
        case Kind.FLAG if isinstance(value, bool):
            return value
        case Kind.TEXT if isinstance(value, str):
            return value
        case Kind.TEXTS if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
            return list(value)
        case Kind.WHOLE | Kind.DECIMAL if isinstance(value, int | float) and not isinstance(value, bool):
            number = Decimal(value) if isinstance(value, int) else Decimal(repr(value))
            if kind is Kind.WHOLE and number.is_finite() and number == int(number) and abs(number) < _LARGEST:
                return int(number)
            if kind is Kind.DECIMAL and number.is_finite() and abs(number) * 10_000 < _LARGEST:
                written = f"{number:.4f}"
                if Decimal(written) == number:
                    return {"__extn": {"fn": "decimal", "arg": written}}
    raise InvalidInput(f"argument {name!r} is not {_WORDS[kind]}, which policies take it for")


def _uses(node: Any, expected: Kind | None) -> Iterator[tuple[str, Kind]]:
    """Every mention of an argument in an expression, where a value of type `expected` stands."""
    if node in (_CONTEXT, _ARGUMENTS):
        raise InvalidInput("the context is used as a whole; name one of its attributes")
    [(operator, operands)] = node.items()
    if operator in ("Value", "Var", "Slot"):
        return
    name = _argument(node)
    if name is not None:
        if expected is None:
            raise InvalidInput(f"of argument {name!r} it cannot be told which type it is; compare it with a value")
        yield name, expected
    elif operator == "has" and operands["left"] == _ARGUMENTS:
        yield operands["attr"], Kind.GIVEN
    elif operator in (".", "has") and operands["left"] == _CONTEXT:
        return
    else:
        for inner, kind in _parts(operator, operands, expected):
            yield from _uses(inner, kind)


def _parts(operator: str, operands: Any, expected: Kind | None) -> Iterator[tuple[Any, Kind | None]]:
    """The expressions that an operator stands between, each with the type that it wants."""
    match operator:
        case "==" | "!=":
            left, right = operands["left"], operands["right"]
            yield from ((left, _kind(right)), (right, _kind(left)))
        case "contains":
            left, right = operands["left"], operands["right"]
            yield left, Kind.TEXTS
            yield right, _element(left)
        case "if-then-else":
            yield from ((operands["if"], Kind.FLAG), (operands["then"], expected), (operands["else"], expected))
        case "like":
            yield operands["left"], Kind.TEXT
        case _:
            members = operands if isinstance(operands, list) else operands.values()
            yield from ((one, _operand(operator)) for one in members if isinstance(one, dict))


def _operand(operator: str) -> Kind | None:
    if operator in _NUMERIC:
        return Kind.WHOLE
    if operator in _DECIMAL:
        return Kind.DECIMAL
    if operator in _LOGICAL:
        return Kind.FLAG
    return Kind.TEXTS if operator in _OF_SETS else None


def _kind(node: Mapping[str, Any]) -> Kind | None:
    """The type of an expression, as far as its own words say it."""
    [(operator, operands)] = node.items()
    match operator:
        case "Value":
            return {bool: Kind.FLAG, int: Kind.WHOLE, str: Kind.TEXT}.get(type(operands))
        case "decimal":
            return Kind.DECIMAL
        case "Set":
            return Kind.TEXTS
        case "." if "Var" in operands["left"] and operands["attr"] in ("name", "network", "effect", "type", "actor"):
            return Kind.TEXT
        case "+" | "-" | "*" | "neg":
            return Kind.WHOLE
    return None


def _element(node: Mapping[str, Any]) -> Kind | None:
    """The type of what is in a set."""
    members = node.get("Set")
    return Kind.TEXT if members is None else next((_kind(one) for one in members), None)


def _argument(node: Mapping[str, Any]) -> str | None:
    """The name behind ``context.arguments.name``."""
    found = node.get(".")
    return str(found["attr"]) if found is not None and found["left"] == _ARGUMENTS else None
