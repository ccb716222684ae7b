"""What servers say of their tools, for a person to read who may vouch for them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stemma.network.tools.mcp import McpOptions, McpTools
from stemma.network.tools.offers import Offer
from stemma.network.tools.options import options_of
from stemma.network.tools.tool import ToolSpec


@dataclass(frozen=True, slots=True)
class Standing:
    """What a server says of a tool, and where the manifest stands: ``pinned``, ``changed`` since it was, or ``not pinned``."""

    offer: Offer
    standing: str

    def to_json(self) -> dict[str, Any]:
        offer = self.offer
        said = {"description": offer.description, "parameters": offer.parameters}
        hints = {"reads": offer.reads, "repeats": offer.repeats}
        return {"tool": offer.name, "standing": self.standing, "digest": offer.digest, **said, **hints}


async def offers_of(spec: ToolSpec, folder: Path, *, every: bool = False) -> list[Standing]:
    """What a server says of its tools, for a person to read; with `every`, also of those that the manifest does not name.

    Raises as `McpTools.tools` does, but not for tools that were changed since they were pinned.
    """
    named = options_of(spec, McpOptions).tools
    pins = named if isinstance(named, Mapping) else {}
    asked = replace(spec, options={**spec.options, "tools": () if every else tuple(named)})
    server = McpTools(asked, folder)
    try:
        found = (await server.offers()).values()
    finally:
        await server.close()
    return [Standing(one, _standing(one, pins)) for one in found]


def _standing(offer: Offer, pins: Mapping[str, str]) -> str:
    if offer.name not in pins:
        return "not pinned"
    return "pinned" if pins[offer.name] == offer.digest else "changed"
