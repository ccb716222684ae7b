"""Reading a manifest: from the file to the record, strictly."""

from dataclasses import fields
from pathlib import Path

from stemma.core.labels import read_label
from stemma.core.marked import Marked, near
from stemma.core.trust import UNTRUSTED, TrustLabel
from stemma.guard.text import Treatment
from stemma.network.bounds import Bounds
from stemma.network.manifest.agents import read_agent
from stemma.network.manifest.checks import check
from stemma.network.manifest.flows import FLOWS, read_flow
from stemma.network.manifest.manifest import INBOX, Manifest
from stemma.network.manifest.people import read_interceptor
from stemma.network.manifest.tools import read_tool
from stemma.network.manifest.values import settled
from stemma.network.protection import KINDS, Protects

_KEYS = (
    "network",
    "model",
    "inputs",
    "bounds",
    "inbox",
    "tools",
    "agents",
    "teams",
    "people",
    "topics",
    "policies",
    "protect",
    *FLOWS,
)

POLICIES = "policies"
"""The folder beside the manifest in which a network's own policies are looked for."""


def load_manifest(path: Path | str) -> Manifest:
    """The network that the file describes.

    Raises InvalidData, naming the line and the nearest thing that would be right, for an unknown key, agent, team, tool, phase
    or value, a value that is read before it is written, a cycle, an agent, team or tool that nothing uses, a prompt file or a
    folder that is not there, and numbers that cannot hold together.
    """
    root = Marked.read(Path(path))
    keys = root.fields("a network", _KEYS, required=("network", "inputs", "agents"))
    name = keys["network"].text("the network's name")
    model = keys["model"].text("model") if "model" in keys else "embedded"
    nodes = keys["agents"].mapping("agents")
    agents = {agent: read_agent(agent, node, model=model) for agent, node in nodes.items()}
    tools = keys["tools"].mapping("tools") if "tools" in keys else {}
    flow = read_flow(root, keys, agents, network=name)
    manifest = Manifest(
        name,
        Path(path),
        _inputs(keys["inputs"]),
        settled(agents, flow),
        flow,
        tuple(read_tool(tool, node) for tool, node in tools.items()),
        tuple(read_interceptor(node) for node in keys["people"].items("people")) if "people" in keys else (),
        _bounds(keys["bounds"]) if "bounds" in keys else Bounds(),
        keys["inbox"].whole("inbox") if "inbox" in keys else INBOX,
        _topics(keys["topics"]) if "topics" in keys else {},
        policies=_policies(keys.get("policies"), Path(path).parent),
        protects=_protects(keys["protect"]) if "protect" in keys else None,
        lines={agent: node.at("prompt").line for agent, node in nodes.items()},
    )
    check(manifest, root)
    return manifest


def _policies(node: Marked | None, folder: Path) -> Path | None:
    """The folder of the network's own policies: the one that is named, or ``policies`` where there is such a folder."""
    if node is None:
        return folder / POLICIES if (folder / POLICIES).is_dir() else None
    named = folder / node.text("policies")
    if not named.is_dir():
        raise node.wrong(f"there is no folder {str(named)!r} of policies; make it, or leave 'policies' out")
    return named


def _protects(node: Marked) -> Protects:
    """What becomes of personal data and secrets."""
    keys = node.fields("protect", ("kinds", "fields", "out", "tenant"))
    kinds = keys["kinds"].mapping("kinds") if "kinds" in keys else {}
    fields = keys["fields"].mapping("fields") if "fields" in keys else {}
    out = keys["out"].mapping("out") if "out" in keys else {}
    for name, one in kinds.items():
        if name not in KINDS:
            raise one.wrong(
                f"there is no kind {name!r} of personal data{near(name, KINDS)}; there are {', '.join(KINDS)}"
            )
    for name, one in out.items():
        if name not in KINDS and name not in fields:
            known = (*KINDS, *fields)
            raise one.wrong(
                f"'out' names {name!r}, which is no kind, and not one of 'fields'{near(name, known)}; "
                f"there are {', '.join(known)}"
            )
    return Protects(
        {name: one.choice(f"kind {name!r}", Treatment) for name, one in kinds.items()},
        {name: one.choice(f"field {name!r}", Treatment) for name, one in fields.items()},
        keys["tenant"].text("tenant") if "tenant" in keys else "",
        {name: one.choice(f"{name!r} of 'out'", Treatment) for name, one in out.items()},
    )


def _inputs(node: Marked) -> dict[str, TrustLabel]:
    if node.is_mapping:
        return {name: read_label(label, UNTRUSTED) for name, label in node.mapping("inputs").items()}
    return dict.fromkeys(node.names("inputs"), UNTRUSTED)


def _bounds(node: Marked) -> Bounds:
    keys = node.fields("bounds", [one.name for one in fields(Bounds)])
    read = {
        "approvals": lambda one: one.whole("approvals", least=0),
        "dollars": lambda one: one.number("dollars"),
        "seconds": lambda one: one.seconds("seconds"),
    }
    return Bounds(**{name: read[name](one) if name in read else one.whole(name) for name, one in keys.items()})


def _topics(node: Marked) -> dict[str, tuple[str, ...]]:
    return {topic: agents.names(f"topic {topic!r}") for topic, agents in node.mapping("topics").items()}
