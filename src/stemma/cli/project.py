"""`stemma init`: a place to work."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import stemma
from stemma.cli.examples import NEXT, Example, copy_example
from stemma.cli.options import Json
from stemma.cli.output import print_json, say

if TYPE_CHECKING:  # the rooms take a quarter of a second to import; help does without
    from stemma.platform import Stemma


def init(
    folder: Annotated[Path, typer.Argument(help="Where to start; created if need be.")] = Path(),
    example: Annotated[Example, typer.Option("--example", help="What to start from.")] = Example.SUPPORT_DESK,
    as_json: Json = False,
) -> None:
    """Start a project: prompts, data, a network's manifest and a store, to change into your own.

    Example: `stemma init my-desk && cd my-desk`
    """
    files = copy_example(example, folder)
    with stemma.open(store=f"sqlite:///{folder.resolve()}/.stemma/stemma.db") as here:
        prompts = _register(here, folder)
    if as_json:
        print_json({"folder": str(folder), "example": example, "files": files, "prompts": prompts})
        return
    say(f"started in {folder.resolve()}")
    say("\nNext:", style="bold")
    if folder != Path():
        say(f"  cd {folder}")
    for command in NEXT[example]:
        say(f"  {command}")


def _register(here: "Stemma", folder: Path) -> list[str]:
    """Saves the prompts that the manifest takes from the registry: each agent's first draft is the file named after it."""
    from stemma.cli.options import prompt_file
    from stemma.network import load_manifest
    from stemma.registry.references import SCHEME, Reference

    saved = []
    for agent in load_manifest(folder / "stemma.yaml").agents:
        if agent.prompt is not None and agent.prompt.startswith(SCHEME):
            wanted = Reference.parse(agent.prompt)
            draft = prompt_file(folder / f"{agent.name}.prompt.yml").prompt
            version = here.prompts.save(wanted.name, draft, message="first draft")
            if wanted.label is not None:
                here.prompts.label(wanted.name, version.version, wanted.label)
            saved.append(version.reference)
    return saved
