"""Picoschema: the compact spelling of JSON Schema in dotprompt files.

Reads all of google.github.io/dotprompt/reference/picoschema except schemas that are registered by name elsewhere.
"""

import re
from collections.abc import Mapping
from typing import Any

from stemma.core.shown import shown

_SCALARS = ("any", "boolean", "integer", "null", "number", "string")
_KEY = re.compile(
    r"(?P<name>[^(?]+)(?P<optional>\?)?(?:\((?P<type>\w+)(?:, *(?P<description>.*))?\))?(?P<late>\?)?", re.DOTALL
)


def to_json_schema(schema: Any) -> dict[str, Any]:
    """The JSON Schema that a Picoschema, or a JSON Schema in its place, stands for.

    Raises ValueError, saying what is wrong, for what is neither.
    """
    if isinstance(schema, dict):
        if schema.get("type") in (*_SCALARS, "object", "array"):
            return schema
        if isinstance(schema.get("properties"), dict):
            return {**schema, "type": "object"}
    return _part(schema)


def _part(schema: Any) -> dict[str, Any]:
    if isinstance(schema, str):
        return _scalar(schema)
    if not isinstance(schema, dict):
        raise ValueError(f"a Picoschema has only texts and mappings, not {shown(schema)}")
    built: dict[str, Any] = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    for key, value in schema.items():
        if key == "(*)":
            built["additionalProperties"] = _part(value)
            continue
        found = _KEY.fullmatch(key)
        if found is None:
            raise ValueError(
                f"{shown(key)} is not a Picoschema field such as 'name', 'name?' or 'name(array, what it is)'"
            )
        optional = bool(found["optional"] or found["late"])
        built["properties"][found["name"]] = _property(found, value, optional=optional)
        if not optional:
            built["required"].append(found["name"])
    if not built["required"]:
        del built["required"]
    return built


def _property(found: re.Match[str], value: Any, *, optional: bool) -> dict[str, Any]:
    match found["type"]:
        case None | "object":
            built = _part(value)
        case "array":
            built = {"type": "array", "items": _part(value)}
        case "enum":
            if not isinstance(value, list):
                raise ValueError(f"the enum {shown(found['name'])} is a list of values")
            built = {"enum": [*value, None] if optional and None not in value else value}
        case unknown:
            raise ValueError(f"{shown(unknown)} in brackets is not known; there are array, object and enum")
    if optional and isinstance(built.get("type"), str):
        built["type"] = [built["type"], "null"]
    if found["description"]:
        built["description"] = found["description"]
    return built


def _scalar(text: str) -> dict[str, Any]:
    kind, _, description = (part.strip() for part in text.partition(","))
    if kind not in _SCALARS:
        raise ValueError(
            f"{shown(kind)} is not a type; there are {', '.join(_SCALARS)}, and "
            "a schema registered elsewhere is to be written out"
        )
    built = {} if kind == "any" else {"type": kind}
    return {**built, "description": description} if description else built


def to_picoschema(schema: Mapping[str, Any]) -> Any:
    """The Picoschema that reads as this JSON Schema, or the JSON Schema itself when none does."""
    spelled = _spelled(schema)
    try:
        same = spelled is not None and to_json_schema(spelled) == schema
    except ValueError:
        same = False
    return spelled if same else schema


def _spelled(schema: Any) -> Any:
    """A candidate, to be read back: a text for a scalar, a mapping for an object, or nothing."""
    if not isinstance(schema, Mapping):
        return None
    kind, description = schema.get("type"), schema.get("description")
    if kind == "object":
        return _spelled_object(schema)
    if isinstance(kind, str) or (kind is None and not schema.keys() - {"description"}):
        return f"{kind or 'any'}, {description}" if description else kind or "any"
    return None


def _spelled_object(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    properties, required = schema.get("properties"), schema.get("required", [])
    if not isinstance(properties, Mapping) or not isinstance(required, list):
        return None
    spelled: dict[str, Any] = {}
    for name, part in properties.items():
        if not isinstance(part, Mapping):
            return None
        optional = name not in required
        kind = part.get("type")
        inner = dict(part)
        if optional and isinstance(kind, list) and len(kind) == 2 and kind[1] == "null":
            kind = inner["type"] = kind[0]
        bracket = {"array": "array", "object": "object"}.get(str(kind), "enum" if "enum" in part else "")
        description = f", {part['description']}" if part.get("description") else ""
        key = f"{name}?" if optional else name
        if bracket:
            key = f"{key}({bracket}{description})" if bracket != "object" or description else key
        if bracket == "enum":
            values = part["enum"]
            value = values[:-1] if optional and isinstance(values, list) and values[-1:] == [None] else values
        else:
            value = _spelled(inner.get("items") if bracket == "array" else inner)
        if value is None:
            return None
        spelled[key] = value
    wild = schema.get("additionalProperties", False)
    if isinstance(wild, Mapping):
        spelled["(*)"] = _spelled(wild)
    return spelled
