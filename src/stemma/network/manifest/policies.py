"""Names in policies: whether the agents and the tools that they speak of are there at all.

Cedar knows types alone. A policy about an agent that is called otherwise fits the schema, and never holds: a forbid would be
dead, and nobody the wiser. Roles that are made up at run time play one of the manifest's agents, and go by its name here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stemma.core.errors import InvalidData
from stemma.core.marked import near
from stemma.guard.policy import Policy
from stemma.network.manifest.manifest import Manifest
from stemma.network.manifest.names import ASK, PUBLISH
from stemma.network.manifest.reading import load_manifest
from stemma.network.manifest.tools import given_by

_BUILT_IN = (ASK, PUBLISH, "workspace_get", "workspace_put", "workspace_list")


@dataclass(frozen=True, slots=True)
class Known:
    """What policies may name, by Cedar's type. Tools that begin with one of `servers` are told by a server when it runs."""

    names: Mapping[str, Sequence[str]]
    servers: tuple[str, ...] = ()

    @classmethod
    def of(cls, manifests: Iterable[Manifest]) -> "Known":
        """All that these networks have."""
        found = list(manifests)
        specs = [spec for one in found for spec in one.tools]
        names = {
            "Network": [one.name for one in found],
            "Agent": [agent.name for one in found for agent in one.agents],
            "Tool": [*(name for spec in specs for name in given_by(spec)), *_BUILT_IN],
        }
        servers = tuple(f"{spec.name}_" for spec in specs if spec.kind == "mcp")
        return cls({kind: tuple(dict.fromkeys(known)) for kind, known in names.items()}, servers)

    def has(self, kind: str, name: str) -> bool:
        """Whether it is there, as far as that can be told: fields of types like no other are not looked at."""
        known = self.names.get(kind)
        return known is None or name in known or (kind == "Tool" and name.startswith(self.servers))


def misnamed(policy: Policy, known: Known) -> Iterator[InvalidData]:
    """The error for each name in the policies that is not there, with file and line."""
    for one in policy.statements:
        for kind, name in dict.fromkeys(_named(one.parsed)):
            if not known.has(kind, name):
                there = known.names[kind]
                yield one.wrong(
                    f'it never holds: there is no {kind.lower()} {name!r}{near(name, there)}, as {kind}::"{name}" has it; '
                    f"there are {', '.join(there)}"
                )


def misnamed_in(manifest: Manifest) -> list[InvalidData]:
    """What is wrong with the names in a network's own policies. What another network beside it has is there, too: they share
    the folder.
    """
    if manifest.policies is None:
        return []
    policy = Policy.load(manifest.policies)
    if not list(misnamed(policy, Known.of([manifest]))):
        return []  # mostly; so nobody else's manifest is read
    return list(misnamed(policy, Known.of([manifest, *beside(manifest.folder)])))


def beside(folder: Path) -> Iterator[Manifest]:
    """The networks whose manifests lie in a folder, of those that can be read."""
    for path in sorted(folder.glob("*.y*ml")):
        try:
            yield load_manifest(path)
        except InvalidData:
            continue  # prompts, suites of attacks, data: whatever it is, it names nobody


def _named(node: Any) -> Iterator[tuple[str, str]]:
    """Every entity that a policy names, by type, wherever in Cedar's JSON of it."""
    if isinstance(node, Mapping):
        if isinstance(node.get("type"), str) and isinstance(node.get("id"), str):
            yield node["type"], node["id"]
        for one in node.values():
            yield from _named(one)
    elif isinstance(node, list | tuple):
        for one in node:
            yield from _named(one)
