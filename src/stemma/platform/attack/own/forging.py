"""Forging: values that fit a JSON schema, and carry an attacker's words wherever it leaves room for any."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from stemma.core.digests import thaw
from stemma.core.errors import InvalidInput

_DEEPEST = 6
_FORMATS = {
    "email": "{word}@evil.example",
    "uri": "https://evil.example/{word}",
    "url": "https://evil.example/{word}",
    "date": "2031-01-01",
    "date-time": "2031-01-01T12:00:00Z",
    "time": "12:00:00Z",
    "uuid": "6ad2f5b0-0000-4000-8000-000000000000",
    "ipv4": "203.0.113.9",
    "hostname": "{word}.evil.example",
}
_TRIED = (
    "{word}@evil.example",
    "https://evil.example/{word}",
    "LT601010012345678901",
    "A1",
    "a",
    "1",
    "12345678",
    "EUR",
)
"""What may fit a pattern. The first that does is taken."""


def forged(schema: Any, word: str, *, number: int = 7) -> Any:
    """A value that fits `schema`, with `word` in every text that may hold it, and `number` for every number that may be it.

    Raises InvalidInput where none is found, for a pattern above all.
    """
    plain = thaw(schema) if isinstance(schema, Mapping) else {}
    root = plain if isinstance(plain, dict) else {}
    for value in _values(root, _Words(word, number, root), _DEEPEST):
        if fits(root, value):
            return value
    raise InvalidInput("no value could be made up that fits its schema")


def fits(schema: Any, value: Any) -> bool:
    """Whether `value` is one that `schema` allows; a schema that cannot be used allows nothing."""
    from jsonschema.exceptions import SchemaError  # 50 ms to import
    from referencing.exceptions import Unresolvable

    try:
        return bool(_validator(json.dumps(thaw(schema), sort_keys=True)).is_valid(value))
    except (SchemaError, Unresolvable, re.error, RecursionError):
        return False


class _Words:
    """What is put into a value."""

    def __init__(self, word: str, number: int, root: Mapping[str, Any]) -> None:
        self.word, self.number, self.root = word, number, root

    def texts(self, schema: Mapping[str, Any]) -> Iterator[str]:
        short = (self.word.split() or ["x"])[0]
        least, most = int(schema.get("minLength", 0)), schema.get("maxLength")
        if schema.get("format") in _FORMATS:
            yield _FORMATS[schema["format"]].format(word=short)
        for text in (self.word, short):
            yield text.ljust(least, ".")
            if isinstance(most, int):
                yield text.ljust(least, ".")[:most]
        if "pattern" in schema:
            yield from (text.format(word=short) for text in _TRIED)
            yield from (text * int(schema.get("minLength", 1)) for text in ("A", "a", "1"))

    def numbers(self, schema: Mapping[str, Any]) -> Iterator[int | float]:
        low = schema.get("minimum", schema.get("exclusiveMinimum"))
        high = schema.get("maximum", schema.get("exclusiveMaximum"))
        yield self.number
        step = schema.get("multipleOf", 1)
        yield step * max(1, self.number // step) if isinstance(step, int) else step
        for bound, beyond in ((low, 1), (high, -1)):
            if isinstance(bound, int | float):
                yield from (bound, bound + beyond, bound + beyond * step)
        yield 0


def _values(schema: Any, words: _Words, depth: int) -> Iterator[Any]:
    """Values that may fit, the likeliest first."""
    if schema is True or not isinstance(schema, Mapping) or depth < 0:
        yield words.word
        return
    match schema:
        case {"$ref": str(to)}:
            yield from _values(_referred(to, words.root), words, depth - 1)
            return
        case {"const": value}:
            yield value
            return
        case {"enum": [*values]}:
            yield from values
            return
    for several in ("anyOf", "oneOf"):
        for way in schema.get(several, ()):
            yield from _values({**{key: of for key, of in schema.items() if key != several}, **way}, words, depth - 1)
    if schema.get("allOf"):
        rest = {key: of for key, of in schema.items() if key != "allOf"}
        merged: dict[str, Any] = {}
        for part in schema["allOf"]:
            merged |= _referred(part["$ref"], words.root) if isinstance(part, Mapping) and "$ref" in part else part
        yield from _values(merged | rest, words, depth - 1)
    kinds = schema.get("type", _kind(schema))
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        yield from _of_kind(kind, schema, words, depth)


def _of_kind(kind: str, schema: Mapping[str, Any], words: _Words, depth: int) -> Iterator[Any]:
    match kind:
        case "string":
            yield from words.texts(schema)
        case "integer" | "number":
            yield from words.numbers(schema)
        case "boolean":
            yield from (True, False)
        case "null":
            yield None
        case "array":
            item = _first(schema.get("items", {}), words, depth - 1)
            if item is not _NOTHING:
                yield [item] * max(1, int(schema.get("minItems", 1)))
            yield []
        case "object":
            yield from _objects(schema, words, depth)


def _objects(schema: Mapping[str, Any], words: _Words, depth: int) -> Iterator[dict[str, Any]]:
    properties, required = schema.get("properties", {}), schema.get("required", [])
    made: dict[str, Any] = {}
    for name, of in properties.items():
        found = _first(of, words, depth - 1)
        if found is not _NOTHING:
            made[name] = found
    if not properties and schema.get("additionalProperties", True) is not False:
        made["text"] = words.word
    yield made
    yield {name: value for name, value in made.items() if name in required}


_NOTHING: Any = object()


def _first(schema: Any, words: _Words, depth: int) -> Any:
    """The likeliest value of a part that fits it."""
    return next(
        (value for value in _values(schema, words, depth) if fits(_standing(schema, words.root), value)), _NOTHING
    )


def _standing(schema: Any, root: Mapping[str, Any]) -> Any:
    """A part of `root` that can be looked at by itself."""
    return (
        {**schema, **{key: root[key] for key in ("$defs", "definitions") if key in root}}
        if isinstance(schema, dict)
        else schema
    )


def _kind(schema: Mapping[str, Any]) -> str:
    if "properties" in schema or "additionalProperties" in schema:
        return "object"
    if "items" in schema:
        return "array"
    return "integer" if {"minimum", "maximum", "multipleOf"} & schema.keys() else "string"


def _referred(to: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Any = root
    for step in to.removeprefix("#/").split("/"):
        found = found.get(step, {}) if isinstance(found, Mapping) else {}
    return found if isinstance(found, Mapping) else {}


@lru_cache(maxsize=256)
def _validator(schema: str) -> Any:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import validator_for
    from referencing import Registry

    read = json.loads(schema)
    # An empty registry: left to itself, the validator would fetch a schema's remote references.
    return validator_for(read, default=Draft202012Validator)(read, registry=Registry())
