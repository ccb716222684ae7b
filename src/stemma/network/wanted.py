"""A call as an agent wants it made: its references filled in, each argument with the label of what it was made of."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from stemma.core.trust import TRUSTED, Confidentiality, Integrity, TrustLabel, join_all
from stemma.guard.handles import Filled, UnknownHandle
from stemma.guard.text import TOKEN, inert
from stemma.guard.text.finding import inside
from stemma.network.message import NOTHING, Part
from stemma.network.quarantine import Sight
from stemma.network.tools.invoking import check_arguments
from stemma.network.tools.tool import Effect, Tool, ToolFailed

_SAY_NOTHING = {"title", "description", "default", "examples"}
"""What a JSON schema may say of a value without limiting it."""

_A_TOKEN = "(?i)pii_[a-z0-9-]+_[a-z2-7]+"
"""A token, as the engine that matches a schema's expressions reads it; see `TOKEN`."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A call as an agent wants it made: its arguments with all text in them, each with its label, and where that is from."""

    tool: Tool
    arguments: Mapping[str, Any]
    labels: Mapping[str, TrustLabel]
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def label(self) -> TrustLabel:
        """The join of all that is handed over."""
        return join_all([NOTHING, *self.labels.values()])

    def facts(self) -> dict[str, Any]:
        """What a person who decides about it is told: each argument, whether to trust it, where it is from, who may see it."""
        return {
            "arguments": dict(self.arguments),
            "trust": {name: label.integrity.name.lower() for name, label in self.labels.items()},
            "sources": {name: list(sources) for name, sources in self.sources.items() if sources},
            "confidential": {name: words for name, label in self.labels.items() if (words := _confidential(label))},
        }

    def edited(self, arguments: Mapping[str, Any]) -> "Wanted":
        """The call with what a person wrote in the place of arguments."""
        same = {name for name, value in arguments.items() if name in self.arguments and self.arguments[name] == value}
        labels = {name: self.labels[name] if name in same else TRUSTED for name in arguments}
        return Wanted(self.tool, arguments, labels, {name: self.sources.get(name, ()) for name in same})


def _confidential(label: TrustLabel) -> list[str]:
    """What a person should know of who may see it: nothing, for what anybody here may."""
    level = [] if label.confidentiality <= Confidentiality.INTERNAL else [label.confidentiality.name.lower()]
    return [*level, *sorted(label.categories)]


def wanted(tool: Tool, arguments: Mapping[str, Any], sight: Sight) -> Wanted:
    """The call that an agent wrote, filled in. Raises ToolFailed for one that no tool could take."""
    filled: dict[str, Filled] = {}
    try:
        for name, value in arguments.items():
            filled[name] = sight.fill(value)
    except UnknownHandle as error:
        raise ToolFailed(str(error), label=sight.label) from error
    call = Wanted(
        tool,
        {name: _as_wanted(tool, name, one.value, one.label_from(sight.label)) for name, one in filled.items()},
        {name: one.label_from(sight.label) for name, one in filled.items()},
        {name: tuple(dict.fromkeys(held.source for held in one.used)) for name, one in filled.items()},
    )
    checked(call)
    return call


def carried(tool: Tool, parts: Sequence[Part]) -> Wanted:
    """The call of an agent without a model: what it reads, as it is. Raises ToolFailed."""
    call = Wanted(
        tool,
        {part.name: _as_wanted(tool, part.name, part.value, part.label) for part in parts},
        {part.name: part.label for part in parts},
        {part.name: (f"data {part.name!r}",) for part in parts},
    )
    checked(call)
    return call


def _as_wanted(tool: Tool, name: str, value: Any, label: TrustLabel) -> Any:
    """A stranger's value as text where any text will do: whether the call can be made must not be up to it."""
    if label.integrity is not Integrity.UNTRUSTED or not _takes_text(tool, name) or isinstance(value, str):
        return value
    return None if value is None and {"type": "null"} in _ways(tool, name) else json.dumps(value, ensure_ascii=False)


def _ways(tool: Tool, name: str) -> list[Mapping[str, Any]]:
    """What an argument may be: the one schema of it, or each of several."""
    schema = tool.parameters.get("properties", {}).get(name)
    if schema is None:
        return []
    ways = schema["anyOf"] if "anyOf" in schema and not schema.keys() - _SAY_NOTHING - {"anyOf"} else [schema]
    return [{key: said for key, said in way.items() if key not in _SAY_NOTHING} for way in ways]


def _takes_text(tool: Tool, name: str) -> bool:
    return {"type": "string"} in _ways(tool, name)


def _takes_anything(tool: Tool, name: str) -> bool:
    return {} in _ways(tool, name)


def decisive(call: Wanted) -> tuple[str, ...]:
    """The arguments that decide what happens: those that the tool names, and those that decide whether the call can be made at
    all, since a stranger wrote them and they may not fit."""
    names = list(call.tool.decisive)
    for name, label in call.labels.items():
        fits = _takes_text(call.tool, name) or _takes_anything(call.tool, name)
        if label.integrity is Integrity.UNTRUSTED and name not in names and not fits and call.tool.acts:
            names.append(name)
    return tuple(names)


def handed_over(call: Wanted) -> Mapping[str, Any]:
    """The arguments as they are handed over: what strangers wrote goes out inert, where it does not decide what happens."""
    if call.tool.effect is not Effect.EGRESS:
        return call.arguments
    decisive = set(call.tool.decisive)
    return {
        name: _inert(value, "; ".join(call.sources.get(name, ())) or "untrusted")
        if name not in decisive and call.labels[name].integrity is Integrity.UNTRUSTED
        else value
        for name, value in call.arguments.items()
    }


def _inert(value: Any, source: str) -> Any:
    if isinstance(value, str):
        return inert(value, source)
    return inside(value, "", lambda key, _: key, lambda one, _: _inert(one, source))


def checked(call: Wanted) -> None:
    """Raises ToolFailed for arguments that do not fit; its message may quote them, and carries their label."""
    try:
        check_arguments(call.tool, call.arguments)
    except ToolFailed as failure:
        if _fits_but_for_tokens(call):
            return  # the tool gets what stands behind them, which is checked when it is there
        raise ToolFailed(str(failure), label=call.label) from failure


def takes(tool: Tool, *, tokens: bool) -> dict[str, Any]:
    """The JSON schema of what a person may write in the place of its arguments: with `tokens`, those too where it may be handed
    what is behind them.
    """
    parameters = {**tool.parameters, "type": "object"}
    if tokens and tool.clearance is not None:
        token = {"type": "string", "pattern": _A_TOKEN}
        given = tool.parameters.get("properties", {})
        parameters["properties"] = {name: {"anyOf": [schema, token]} for name, schema in given.items()}
    return parameters


def _fits_but_for_tokens(call: Wanted) -> bool:
    tool, has_token = call.tool, TOKEN.search
    tokens = [name for name, value in call.arguments.items() if isinstance(value, str) and has_token(value)]
    if tool.clearance is None or not tokens:
        return False
    anything = {**tool.parameters.get("properties", {}), **{name: {} for name in tokens}}
    try:
        check_arguments(replace(tool, parameters={**tool.parameters, "properties": anything}), call.arguments)
    except ToolFailed:
        return False
    return True
