"""`stemma network`: what a network looks like, whether it can run, and what servers say of their tools."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import stemma
from stemma.cli.options import Json
from stemma.cli.output import labelled, note, one_line, print_json, say, tell, warn
from stemma.core.errors import InvalidData, NotConfigured, NotFound, UnknownModel

if TYPE_CHECKING:  # the rooms behind a network take half a second to import
    from stemma.network import Manifest
    from stemma.network.network import Network
    from stemma.platform import Stemma

app = typer.Typer(no_args_is_help=True, help="Networks of agents: draw one, check one.")

ManifestFile = Annotated[Path, typer.Argument(help="Manifest of the network.")]


@app.command("show")
def show(
    manifest: ManifestFile = Path("stemma.yaml"),
    as_mermaid: Annotated[bool, typer.Option("--mermaid", help="Print a Mermaid flowchart.")] = False,
    as_json: Json = False,
) -> None:
    """Draw a network: teams, agents, people and tools.

    Example: `stemma network show --mermaid > network.mmd`
    """
    from stemma.network import mermaid, outline

    network = read_manifest(manifest)
    if as_json:
        print_json(manifest_json(network))
    elif as_mermaid:
        say(mermaid(network).rstrip("\n"))
    else:
        for line in outline(network):
            say(line)


@app.command("check")
def check(manifest: ManifestFile = Path("stemma.yaml"), as_json: Json = False) -> None:
    """Say whether a network can run, and whether its policies speak of what it has. A missing key, or package, is a warning.

    No model is asked, and no server of tools is started.

    Example: `stemma network check`
    """
    from stemma.network.flow import Step, flows_of
    from stemma.network.manifest.policies import misnamed_in
    from stemma.network.network import pin

    described = read_manifest(manifest)
    for wrong in misnamed_in(described):
        raise wrong
    with _registry(described) as here:
        network = pin(described, here.prompts)
        asyncio.run(_open_tools(network))
        missing: dict[str, str] = {}
        for model in dict.fromkeys(model for agent in described.agents for model in agent.models):
            try:
                here.models.get(model)
            except UnknownModel:
                raise
            except (NotConfigured, NotFound) as error:
                missing[model] = str(error)
    teams = {
        flow.name for flow in flows_of(described.flow) if not isinstance(flow, Step) and flow.name != described.name
    }
    counts = {"agents": len(described.agents), "teams": len(teams), "tools": len(described.tools)}
    if as_json:
        told = {"network": described.name, "ok": not missing, "digest": network.digest, **counts}
        print_json(told | {"models_missing": missing})
        return
    for problem in missing.values():
        warn(problem)
    listed = ", ".join(f"{number} {what if number != 1 else what[:-1]}" for what, number in counts.items() if number)
    say(f"network {described.name!r} is sound: {listed}; every name, prompt and file in {manifest} is there")


def _registry(manifest: "Manifest") -> "Stemma":
    """The store that the network's prompts are in; of a network whose prompts are in files none is asked for."""
    from stemma.registry.references import SCHEME

    if any(agent.prompt is not None and agent.prompt.startswith(SCHEME) for agent in manifest.agents):
        return stemma.open(create=False)
    return stemma.Stemma(stemma.Settings(store="sqlite://"))


@app.command("tools")
def tools(
    manifest: ManifestFile = Path("stemma.yaml"),
    every: Annotated[bool, typer.Option("--all", help="Also those that the manifest does not name.")] = False,
    as_json: Json = False,
) -> None:
    """Start the MCP servers of a network, and show what they say of their tools, with the digests to pin those by.

    What a server says instructs no agent before the manifest pins it. It is shown here for a person to read.

    Example: `stemma network tools stemma.yaml`
    """
    from stemma.network.tools.vouching import offers_of

    described = read_manifest(manifest)
    specs = [spec for spec in described.tools if spec.kind == "mcp"]
    found = {spec.name: asyncio.run(offers_of(spec, described.folder, every=every)) for spec in specs}
    if as_json:
        print_json([{"server": server, **one.to_json()} for server, shown in found.items() for one in shown])
        return
    if not specs:
        note(f"network {described.name!r} has no MCP server among its tools")
    for server, shown in found.items():
        say(server, style="bold")
        for one in shown:
            hints = [word for word, said in (("reads", one.offer.reads), ("repeats", one.offer.repeats)) if said]
            say(f"  {one.offer.name}  {one.standing}{''.join(f', says that it {word}' for word in hints)}")
            tell(labelled(one.offer.description, "untrusted"), indent="    ", style="dim")
            for name, schema in one.offer.parameters.get("properties", {}).items():
                say(f"    {one_line(name)}: {labelled(schema, 'untrusted')}", style="dim")
        note(f"pin those that you vouch for in the manifest, under 'tools' of 'mcp' of {server!r}:")
        for one in shown:
            say(f"  {one.offer.name}: {one.offer.digest}")


async def _open_tools(network: "Network") -> None:
    """Raises what is wrong with the tools, as far as it shows before they are called."""
    from stemma.network.tools.toolbox import Toolbox

    async with Toolbox(network.tools, network.folder):
        pass


def read_manifest(path: Path) -> "Manifest":
    """The manifest in a file. Raises InvalidData."""
    from stemma.network import load_manifest

    if not path.is_file():
        raise InvalidData(path, "no such file; name a network's manifest, or begin with one: stemma init")
    return load_manifest(path)


def manifest_json(manifest: "Manifest") -> dict[str, Any]:
    from stemma.network.wire import to_json

    return {
        "network": manifest.name,
        "inputs": {name: label.to_json() for name, label in manifest.inputs.items()},
        "agents": [to_json(agent) for agent in manifest.agents],
        "flow": to_json(manifest.flow),
        "tools": [to_json(spec) for spec in manifest.tools],
        "people": [to_json(interceptor) for interceptor in manifest.interceptors],
        "topics": {topic: list(agents) for topic, agents in manifest.topics.items()},
        "bounds": to_json(manifest.bounds),
        "inbox": manifest.inbox,
    }
