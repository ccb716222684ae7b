"""What a server says of its tools: words of a stranger, until the manifest vouches for them.

A tool that the manifest pins by its digest is shown to agents as the server describes it, and its hints are believed: somebody
has read them. Of any other, agents are shown its name and the shape of its arguments, in no words but those names.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from stemma.core.digests import digest
from stemma.core.errors import InvalidInput
from stemma.core.shown import shown
from stemma.network.tools.tool import ToolFailed

MOST_TOOLS = 256
_LONGEST_DESCRIPTION = 10_000
_LARGEST_SCHEMA = 50_000  # characters, as JSON
_DEEPEST_SCHEMA = 40
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_WORD = re.compile(r"[A-Za-z0-9_$][A-Za-z0-9_.$:+/-]{0,63}")
_REFERENCE = re.compile(r"#[A-Za-z0-9_.$~/-]{0,200}")
_TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
_BOUNDS = frozenset(
    {
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength"),
        *("minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties"),
    }
)


@dataclass(frozen=True)
class Offer:
    """One tool, as its server offers it. `reads` and `repeats` are its hints that a call has no effect, or no further one."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    reads: bool = False
    repeats: bool = False

    @property
    def known_as(self) -> str:
        """Its name in the characters that every model takes."""
        return self.name.replace(".", "_")

    @cached_property
    def digest(self) -> str:
        """What the manifest pins: the same as long as the server says the same of the tool."""
        said = {"description": self.description, "parameters": self.parameters}
        return digest({"name": self.name, **said, "reads": self.reads, "repeats": self.repeats})

    @cached_property
    def unvouched(self) -> "Offer":
        """The tool without the server's words, and without its hints."""
        described = (
            f"Tool {self.name!r} of a server. Nobody has vouched for what the server says of it: that is not shown."
        )
        return Offer(self.name, described, {"type": "object", **_shape(self.parameters, self.name)})


def read_offers(listed: Iterable[Any], *, server: str, wanted: frozenset[str] | None) -> dict[str, Offer]:
    """The tools of an MCP listing by their names, those that are `wanted` alone where that is said.

    Raises ToolFailed for one that is beyond any bound, one that is wanted and not there, and for two that look the same.
    """
    found: dict[str, Offer] = {}
    alike: dict[str, str] = {}
    for tool in listed:
        if wanted is not None and tool.name not in wanted:
            continue
        offer = _read(tool, server)
        same = alike.setdefault(re.sub("[^a-z0-9]", "_", offer.name.lower()), offer.name)
        if offer.name in found or same != offer.name:
            raise _not_taken(server, f"its tools {same!r} and {offer.name!r} look the same")
        found[offer.name] = offer
    missing = sorted((wanted or frozenset()) - found.keys())
    if missing:
        raise _not_taken(server, f"it has no tool {missing[0]!r}, which the manifest names")
    return found


def _read(tool: Any, server: str) -> Offer:
    if not _NAME.fullmatch(tool.name):
        rule = "is not of 1 to 64 ASCII letters, digits, '_', '-' and '.'"
        raise _not_taken(server, f"the name of its tool {shown(tool.name[:100])} {rule}")
    what, description = f"its tool {tool.name!r}", tool.description or ""
    if len(description) > _LONGEST_DESCRIPTION:
        raise _not_taken(
            server, f"{what} is described in {len(description):,} characters, over {_LONGEST_DESCRIPTION:,}"
        )
    if _is_deep(tool.input_schema):
        raise _not_taken(server, f"the schema of {what} is nested deeper than {_DEEPEST_SCHEMA}")
    size = len(json.dumps(tool.input_schema))
    if size > _LARGEST_SCHEMA:
        raise _not_taken(server, f"the schema of {what} has {size:,} characters, over {_LARGEST_SCHEMA:,}")
    parameters: Mapping[str, Any] = _spelt_out(tool.input_schema)
    properties = parameters.get("properties", {})
    if parameters.get("type", "object") != "object" or not _is_mapping_of_schemas(properties):
        raise _not_taken(server, f"the schema of {what} is none for named arguments")
    hints = tool.annotations
    offer = Offer(
        tool.name,
        description,
        parameters,
        reads=bool(hints and hints.read_only_hint),
        repeats=bool(hints and hints.idempotent_hint),
    )
    try:
        _ = offer.digest
    except (InvalidInput, ValueError, TypeError) as error:
        raise _not_taken(server, f"the schema of {what} cannot be pinned: {shown(str(error)[:200])}") from error
    return offer


def _not_taken(server: str, problem: str) -> ToolFailed:
    return ToolFailed(
        f"MCP server {server!r} offers what is not taken: {problem}; have it mended, or name under 'tools' of {server!r} those "
        "of its tools that you want"
    )


def _is_deep(schema: Any) -> bool:
    waiting = [(schema, 1)]
    while waiting:
        one, depth = waiting.pop()
        if depth > _DEEPEST_SCHEMA:
            return True
        inner = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        waiting += [(each, depth + 1) for each in inner]
    return False


def _is_mapping_of_schemas(properties: Any) -> bool:
    return isinstance(properties, dict) and all(isinstance(one, dict) for one in properties.values())


_ALTERNATIVES = ("allOf", "anyOf", "oneOf")


def _spelt_out(schema: Any) -> Any:
    """The schema with `true` and `false` in the place of a part written as what they stand for."""
    if isinstance(schema, bool):
        return {} if schema else {"not": {}}
    if not isinstance(schema, dict):
        return schema
    made = dict(schema)
    for key in ("properties", "$defs", "definitions"):
        if isinstance(made.get(key), dict):
            made[key] = {name: _spelt_out(one) for name, one in made[key].items()}
    for key in _ALTERNATIVES:
        if isinstance(made.get(key), list):
            made[key] = [_spelt_out(one) for one in made[key]]
    return made


def _shape(schema: Any, tool: str) -> dict[str, Any]:
    """What of a schema says how arguments are put together, and is not a stranger's text. The server checks the rest."""
    if not isinstance(schema, Mapping):
        return {}
    made: dict[str, Any] = {}
    for key, said in schema.items():
        if key == "type":
            named = said if isinstance(said, list) else [said]
            types = [one for one in named if isinstance(one, str) and one in _TYPES]
            made |= {"type": types if isinstance(said, list) else types[0]} if types else {}
        elif key in ("properties", "$defs", "definitions") and isinstance(said, Mapping):
            made[key] = {_word(name, tool): _shape(one, tool) for name, one in said.items()}
        elif key in _ALTERNATIVES and isinstance(said, list) and said:
            made[key] = [_shape(one, tool) for one in said]
        elif key == "items" and isinstance(said, Mapping):
            made[key] = _shape(said, tool)
        elif key == "$ref" and isinstance(said, str) and _REFERENCE.fullmatch(said):
            made[key] = said
        elif key == "required" and isinstance(said, list):
            made[key] = [name for name in said if name in schema.get("properties", {})]
        elif _is_closed(key, said):
            made[key] = said
    if schema.get("additionalProperties") is False and "patternProperties" not in schema:
        made["additionalProperties"] = False
    return made


def _word(name: str, tool: str) -> str:
    if not _WORD.fullmatch(name):
        raise ToolFailed(
            f"tool {tool!r} has an argument called {shown(name[:100])}, which may be a text of a stranger; see what the server "
            "offers with: stemma network tools, and pin the tool if you vouch for it"
        )
    return name


def _is_closed(key: str, said: Any) -> bool:
    """Whether it is a bound, or an enumeration of what is no text."""
    if key == "enum":
        return isinstance(said, list) and all(map(_is_plain, said))
    return key in _BOUNDS and isinstance(said, int | float)


def _is_plain(value: Any) -> bool:
    return (
        value is None
        or isinstance(value, bool | int | float)
        or (isinstance(value, str) and bool(_WORD.fullmatch(value)))
    )
