"""Mutants of Cedar policies: one dropped, turned round, weakened, negated or moved by one in each."""

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from benchmarks.mutations.mutant import Mutant
from cedarpy import policies_from_json_str

from stemma.guard.policy.statements import Statement, statements

_COMPARED = {
    "<": ("<=", ">="),
    "<=": ("<", ">"),
    ">": (">=", "<="),
    ">=": (">", "<"),
    "==": ("!=",),
    "!=": ("==",),
}
_ALIKE = {
    "decided": ("sensitive", "content"),
    "sensitive": ("decided", "content"),
    "cleared": ("approved",),
    "approved": ("cleared",),
}


def mutants(path: str, source: str) -> Iterator[Mutant]:
    """Every mutant of a file of policies. Its comments stay."""
    for one in statements(path, source):
        yield Mutant(path, source, source.replace(one.text, ""))
        for other in _changed(one):
            whole = {"templates": {}, "staticPolicies": {"policy0": other}, "templateLinks": []}
            yield Mutant(path, source, source.replace(one.text, policies_from_json_str(json.dumps(whole)).strip()))


def _changed(one: Statement) -> Iterator[Mapping[str, Any]]:
    parsed = deepcopy(dict(one.parsed))
    yield parsed | {"effect": "forbid" if parsed["effect"] == "permit" else "permit"}
    for scope in ("principal", "action", "resource"):
        yield from (parsed | {scope: other} for other in _scopes(parsed[scope]))
    for number, condition in enumerate(parsed["conditions"]):
        before, after = parsed["conditions"][:number], parsed["conditions"][number + 1 :]
        yield parsed | {"conditions": before + after}
        other_kind = "unless" if condition["kind"] == "when" else "when"
        yield parsed | {"conditions": [*before, condition | {"kind": other_kind}, *after]}
        for body in _bodies(condition["body"]):
            yield parsed | {"conditions": [*before, condition | {"body": body}, *after]}


def _scopes(scope: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Of whom or what else the policy might be."""
    if scope["op"] != "All":
        yield {"op": "All"}
    entities = scope.get("entities", [])
    for number in range(len(entities)):
        yield {"op": "in", "entities": entities[:number] + entities[number + 1 :]}


def _bodies(node: Any) -> Iterator[Any]:
    """An expression with one thing in it changed."""
    if not isinstance(node, dict):
        return
    [(operator, operands)] = node.items()
    match operator:
        case "&&" | "||":
            yield from (operands["left"], operands["right"])
            yield {"||" if operator == "&&" else "&&": operands}
            yield from ({"!": {"arg": operands[side]}} for side in ("left", "right"))
        case "!":
            yield operands["arg"]
        case "Value" if isinstance(operands, bool):
            yield {"Value": not operands}
        case "Value" if isinstance(operands, int):
            yield from ({"Value": operands + 1}, {"Value": operands - 1})
        case ".":
            yield from ({".": operands | {"attr": other}} for other in _ALIKE.get(operands["attr"], ()))
            if operands["attr"] in ("cleared", "approved"):
                yield {"!": {"arg": node}}
        case _ if operator in _COMPARED:
            yield from ({other: operands} for other in _COMPARED[operator])
    if isinstance(operands, dict):
        for name, inner in operands.items():
            yield from ({operator: operands | {name: other}} for other in _bodies(inner))
