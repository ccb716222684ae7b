"""Inputs and outputs of `.prompty` files, and the JSON Schema that they mean.

The newer layout lists properties (`name`, `kind`, `description`, `default`, `required`, `enumValues`); the older one maps each
name to a sample or to a description with a `type`.
"""

from collections.abc import Mapping
from typing import Any

from stemma.core.shown import shown

_TYPES = {
    "string": "string",
    "integer": "integer",
    "float": "number",
    "boolean": "boolean",
    "array": "array",
    "object": "object",
}
_READ = {**_TYPES, "number": "number", "thread": "array"}
_KINDS = {theirs: ours for ours, theirs in _TYPES.items()}
_NO_SCHEMA: tuple[Any, ...] = (None, {}, [])


def schema_of(declared: Any) -> dict[str, Any] | None:
    """The JSON Schema of an object with these properties, or nothing when none are declared. Raises ValueError."""
    if isinstance(declared, Mapping) and "properties" in declared and not declared.keys() - _CONTAINER:
        declared = declared["properties"]
    if declared in _NO_SCHEMA:
        return None
    if isinstance(declared, list):
        return _object([(_name(item), item) for item in declared])
    if isinstance(declared, Mapping):
        if all(isinstance(item, Mapping) and "kind" in item for item in declared.values()):
            return _object(list(declared.items()))
        return {
            "type": "object",
            "properties": {name: _sampled(item) for name, item in declared.items()},
            "required": list(declared),
        }
    raise ValueError("a list of properties, or a mapping of names to samples, is expected")


_CONTAINER = {"properties", "examples", "strict"}


def properties_of(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The properties that say as much of the JSON Schema as they can; `schema_of` tells whether that is all of it."""
    properties, required = schema.get("properties"), schema.get("required")
    if not isinstance(properties, Mapping):
        return []
    always = required if isinstance(required, list | tuple) else ()
    return [
        {"name": name, **_property(part), **({"required": True} if name in always else {})}
        for name, part in properties.items()
        if isinstance(part, Mapping)
    ]


def _object(items: list[tuple[str, Any]]) -> dict[str, Any]:
    built: dict[str, Any] = {"type": "object", "properties": {name: _schema(item) for name, item in items}}
    required = [name for name, item in items if item.get("required") is True]
    return {**built, "required": required} if required else built


def _schema(item: Mapping[str, Any]) -> dict[str, Any]:
    kind = item.get("kind", item.get("type", "string"))
    if not isinstance(kind, str) or kind not in _READ:
        raise ValueError(f"the kind {shown(kind)} is not known; there are {', '.join(_READ)}")
    built: dict[str, Any] = {"type": _READ[kind]}
    if kind == "object" and item.get("properties"):
        built = schema_of(item["properties"]) or built
    if isinstance(item.get("items"), Mapping):
        built["items"] = _schema(item["items"])
    if item.get("enumValues"):
        built["enum"] = item["enumValues"]
    return built | {key: item[key] for key in ("description", "default") if key in item}


def _property(part: Mapping[str, Any]) -> dict[str, Any]:
    built: dict[str, Any] = {"kind": _KINDS.get(str(part.get("type")), "string")}
    if part.get("properties"):
        built["properties"] = properties_of(part)
    if isinstance(part.get("items"), Mapping):
        built["items"] = _property(part["items"])
    if part.get("enum"):
        built["enumValues"] = part["enum"]
    return built | {key: part[key] for key in ("description", "default") if key in part}


def _sampled(item: Any) -> dict[str, Any]:
    """The schema of one input in the older layout."""
    if isinstance(item, Mapping) and isinstance(item.get("type"), str) and item["type"] in _READ:
        return _schema(item)
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return {"type": kinds[type(item)], "default": item} if type(item) in kinds else {}


def _name(item: Any) -> str:
    if not isinstance(item, Mapping) or not isinstance(item.get("name"), str):
        raise ValueError("each property in the list has a text 'name'")
    return str(item["name"])
