"""Whether policies make sense together: each fits the schema, each has a name of its own, and they agree about arguments."""

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from cedarpy import Schema, validate_policies

from stemma.core.errors import InvalidInput
from stemma.guard.policy.arguments import Kind, looked_at, merged
from stemma.guard.policy.entities import EFFECTS
from stemma.guard.policy.statements import Statement

# Cedar numbers policies by their place, and each is validated alone; and it says the same of every effect.
_NOISE = re.compile(rf'^for policy `policy0`, | in context for Action::"(?:{"|".join(EFFECTS)})"')


def validated(found: Iterable[Statement], schema: str) -> dict[str, Mapping[str, Kind]]:
    """By policy, the arguments that it looks at. Raises InvalidData, with file and line, for the first that is wrong."""
    known: dict[str, Statement] = {}
    uses: dict[str, Mapping[str, Kind]] = {}
    for one in found:
        if one.id in known:
            raise one.wrong(f"{_place(known[one.id])} has this name, too; give each policy an @id of its own")
        try:
            uses[one.id] = looked_at(one.parsed)
        except InvalidInput as error:
            raise one.wrong(str(error)) from error
        _check_schema(one, schema, uses[one.id])
        for other in known.values():
            _check_agreed(one, other, uses)
        known[one.id] = one
    return uses


def _check_schema(one: Statement, schema: str, uses: Mapping[str, Kind]) -> None:
    """Raises InvalidData unless the policy fits the schema, with the types that it takes arguments for."""
    found = validate_policies(one.text, _typed(schema, tuple(uses.items())))
    if not found.validation_passed:
        problems = dict.fromkeys(_NOISE.sub("", error.error) for error in found.errors)
        hint = "; ask first whether it is there: context.arguments has …" if "optional" in "".join(problems) else ""
        raise one.wrong("; ".join(problems) + hint)


@lru_cache(maxsize=256)
def _typed(schema: str, uses: tuple[tuple[str, Kind], ...]) -> Schema:
    typed = ", ".join(f"{json.dumps(name, ensure_ascii=False)}?: {kind.cedar}" for name, kind in uses)
    return Schema.from_str(schema.replace("arguments: {}", f"arguments: {{{typed}}}"))


def _check_agreed(one: Statement, other: Statement, uses: Mapping[str, Mapping[str, Kind]]) -> None:
    """Raises InvalidData where the two are asked about the same tool and take an argument for different types."""
    if one.tool == other.tool or None in (one.tool, other.tool):
        try:
            merged([*uses[other.id].items(), *uses[one.id].items()])
        except InvalidInput as error:
            raise one.wrong(f"{error}, the first by {_place(other)}; name the tool in both policies' heads") from error


def _place(one: Statement) -> str:
    return f"policy {one.id!r} at {one.path}:{one.line}"
