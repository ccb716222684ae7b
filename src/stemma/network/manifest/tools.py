"""Tools as a manifest writes them: reading an entry, and what has to be true of them all."""

from collections.abc import Iterable, Sequence
from typing import Any, get_args

from stemma.core.errors import InvalidData, InvalidInput
from stemma.core.labels import read_label
from stemma.core.marked import Marked, near
from stemma.core.trust import UNTRUSTED, Integrity, TrustLabel
from stemma.guard.fields import steps_of
from stemma.guard.ruling import Clearance
from stemma.network.manifest.manifest import Manifest
from stemma.network.manifest.names import Place, check_name
from stemma.network.tools.options import options_of
from stemma.network.tools.tool import Effect, ToolKind, ToolSpec

_KINDS = get_args(ToolKind)
_SAID = ("effect", "label", "fields", "sensitive", "clearance", "idempotent", "timeout")
_SHORT = {"python": "function", "files": "folder"}  # the option that a text alone stands for
_GIVES = {
    "files": ("read", "write", "list"),
    "http": ("get", "post"),
    "code": ("run",),
}  # what a server gives, it says itself


def read_tool(name: str, node: Marked) -> ToolSpec:
    """The entry. Raises InvalidData for a key that it cannot have and a value that has another shape."""
    what = f"tool {name!r}"
    keys = node.fields(what, (*_KINDS, *_SAID))
    kinds = [kind for kind in _KINDS if kind in keys]
    if len(kinds) != 1:
        raise node.wrong(f"{what} is one of {', '.join(_KINDS)}; it has {len(kinds)} of them")
    kind, options = kinds[0], keys[kinds[0]]
    if kind in _SHORT and not options.is_mapping:
        given = {_SHORT[kind]: options.text(f"{kind!r} of {what}")}
    else:
        options.mapping(f"{kind!r} of {what}")
        given = options.plain()
    return ToolSpec(
        name,
        kind,
        given,
        keys["effect"].choice(f"'effect' of {what}", Effect) if "effect" in keys else None,
        read_label(keys["label"], UNTRUSTED) if "label" in keys else None,
        keys["idempotent"].flag(f"'idempotent' of {what}") if "idempotent" in keys else None,
        keys["timeout"].seconds(f"'timeout' of {what}") if "timeout" in keys else None,
        _fields(keys["fields"], what) if "fields" in keys else None,
        keys["sensitive"].names(f"'sensitive' of {what}") if "sensitive" in keys else None,
        _clearance(keys["clearance"], what) if "clearance" in keys else None,
    )


def _fields(node: Marked, what: str) -> dict[str, TrustLabel]:
    """The labels of parts of the results, by path."""
    found: dict[str, TrustLabel] = {}
    for path, written in node.mapping(f"'fields' of {what}").items():
        try:
            steps_of(path)
        except InvalidInput as error:
            raise written.wrong(str(error)) from error
        found[path] = read_label(written, UNTRUSTED)
    return found


def _clearance(node: Marked, what: str) -> Clearance:
    """How confidential a text the tool may be handed."""
    keys = node.fields(f"'clearance' of {what}", ("confidentiality", "categories"))
    label = read_label(node, TrustLabel(Integrity.UNTRUSTED))
    return Clearance(label.confidentiality, label.categories if "categories" in keys else frozenset())


def _check_options(spec: ToolSpec, place: Place) -> None:
    try:
        options_of(spec, _options_kind(spec.kind))
    except InvalidInput as error:
        raise place.wrong(str(error)) from error


def _options_kind(kind: ToolKind) -> type[Any]:
    # Each imported when a network has such a tool: what they call through takes a tenth of a second.
    match kind:
        case "python":
            from stemma.network.tools.function import FunctionOptions

            return FunctionOptions
        case "files":
            from stemma.network.tools.files import FileOptions

            return FileOptions
        case "http":
            from stemma.network.tools.http import HttpOptions

            return HttpOptions
        case "mcp":
            from stemma.network.tools.mcp import McpOptions

            return McpOptions
        case "code":
            from stemma.network.tools.code import CodeOptions

            return CodeOptions


def spec_of(tool: str, specs: Iterable[ToolSpec]) -> ToolSpec | None:
    """The entry that gives the tool of this name: the entry itself, or the set whose name the tool's begins with."""
    found = [spec for spec in specs if tool == spec.name or _has(spec, tool)]
    return max(found, key=lambda spec: len(spec.name), default=None)


def _has(spec: ToolSpec, tool: str) -> bool:
    rest = tool.removeprefix(f"{spec.name}_")
    return is_set(spec) and rest != tool and rest in _GIVES.get(spec.kind, (rest,))


def is_set(spec: ToolSpec) -> bool:
    """Whether the entry stands for several tools, named after it."""
    return spec.kind != "python"


def given_by(spec: ToolSpec) -> tuple[str, ...]:
    """The names of the tools that an entry gives, as far as it is no server's to say."""
    return tuple(f"{spec.name}_{one}" for one in _GIVES.get(spec.kind, ())) if is_set(spec) else (spec.name,)


def check_tools(manifest: Manifest, place: Place) -> None:
    """Raises InvalidData for a tool that is not there, one that nothing uses, and a set called as if it were one tool."""
    used: set[str] = set()
    for agent in manifest.agents:
        here = place.at("agents", agent.name)
        for key, names in (("calls", [agent.calls] if agent.calls else []), ("tools", agent.tools)):
            for number, name in enumerate(names):
                problem_at = here.at(key, number)
                spec = _spec(name, manifest.tools, problem_at, f"{key!r} of agent {agent.name!r}")
                used.add(spec.name)
                if key == "calls":
                    check_single(name, spec, problem_at, f"agent {agent.name!r} calls {name!r}")
    for spec in manifest.tools:
        here = place.at("tools", spec.name)
        check_name(here, "tool", spec.name)
        _check_options(spec, here.at(spec.kind))
        if spec.name not in used:
            raise here.wrong(f"nothing uses tool {spec.name!r}; list it under 'tools' of an agent, or remove it")


def check_single(name: str, spec: ToolSpec, place: Place, what: str) -> None:
    """Raises InvalidData when `name` is a whole set of tools."""
    if name == spec.name and is_set(spec):
        gives = ", ".join(f"{spec.name}_{tool}" for tool in _GIVES.get(spec.kind, ("…",)))
        raise place.wrong(f"{what}, which is a set of tools; name one of them: {gives}")


def _spec(name: str, specs: Sequence[ToolSpec], place: Place, what: str) -> ToolSpec:
    spec = spec_of(name, specs)
    if spec is None:
        raise unknown_tool(name, specs, place, what)
    return spec


def unknown_tool(name: str, specs: Sequence[ToolSpec], place: Place, what: str) -> InvalidData:
    """The error to raise for a name that no entry gives."""
    known = [spec.name for spec in specs] + [
        f"{spec.name}_{one}" for spec in specs for one in _GIVES.get(spec.kind, ())
    ]
    there = f"; there are {', '.join(known)}" if known else ""
    return place.wrong(f"{what} names tool {name!r}, which is not described under 'tools'{near(name, known)}{there}")
