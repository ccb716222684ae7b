"""`stemma network`: what a network looks like, and whether it can run."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import stemma
from stemma.cli.options import Json
from stemma.cli.output import print_json, say, warn
from stemma.core.errors import InvalidData, NotConfigured, NotFound

if TYPE_CHECKING:  # the rooms behind a network take half a second to import
    from stemma.network import Manifest
    from stemma.network.network import Network

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
    """Say whether a network can run. No model is asked, and no server of tools is started.

    Example: `stemma network check`
    """
    from stemma.network.flow import Step, flows_of
    from stemma.network.network import pin

    described = read_manifest(manifest)
    with stemma.open() as here:
        network = pin(described, here.prompts)
        asyncio.run(_open_tools(network))
        missing: dict[str, str] = {}
        for model in dict.fromkeys(model for agent in described.agents for model in agent.models):
            try:
                here.models.get(model)
            except (NotConfigured, NotFound) as error:
                missing[model] = str(error)
    teams = {
        flow.name for flow in flows_of(described.flow) if not isinstance(flow, Step) and flow.name != described.name
    }
    counts = {"agents": len(described.agents), "teams": len(teams), "tools": len(described.tools)}
    if as_json:
        print_json({"network": described.name, "digest": network.digest, **counts, "models_missing": missing})
        return
    for problem in missing.values():
        warn(problem)
    told = ", ".join(f"{number} {what if number != 1 else what[:-1]}" for what, number in counts.items() if number)
    say(f"network {described.name!r} is sound: {told}; every name, prompt and file in {manifest} is there")


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
