"""`stemma init` and `stemma doctor`: a place to work, and whether it works."""

import platform
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import stemma
from stemma.cli.examples import NEXT, Example, copy_example
from stemma.cli.options import Json
from stemma.cli.output import print_json, say
from stemma.core.errors import StemmaError

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


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `needed` ones must hold."""

    name: str
    ok: bool
    detail: str
    needed: bool = True


def doctor(as_json: Json = False) -> None:
    """Look at everything Stemma needs here, and say what to do about what is missing. Exit code 1 if something is.

    Example: `stemma doctor`
    """
    checks = [
        Check("python", True, platform.python_version()),
        *_store_checks(),
        *_extra_checks(),
    ]
    if as_json:
        print_json(
            {"ok": all(check.ok or not check.needed for check in checks), "checks": [asdict(check) for check in checks]}
        )
    else:
        for check in checks:
            mark, style = ("✓", None) if check.ok else (("✗", "red") if check.needed else ("–", "dim"))
            say(f"{mark} {check.name:<11} {check.detail}", style=style)
    if any(check.needed and not check.ok for check in checks):
        raise typer.Exit(1)


def _store_checks() -> list[Check]:
    settings = stemma.Settings.read()
    try:
        with stemma.open() as here:
            log = here.ledger.verify()
            found = [
                Check("store", True, f"{here.store.name} (set STEMMA_STORE to change)"),
                Check("audit log", log.verified, log.problem or f"{log.entries} entries verified"),
            ]
            for model in dict.fromkeys((settings.model, "embedded")):
                try:
                    here.target(model)
                    found.append(Check("model", True, model))
                except StemmaError as error:
                    found.append(Check("model", False, str(error)))
            minilm = next((one for one in here.models.ls() if one.name == "embedded:minilm"), None)
            if minilm is not None:
                found.append(Check("minilm", minilm.available, minilm.note, needed=False))
            return found
    except StemmaError as error:
        return [Check("store", False, str(error))]


def _extra_checks() -> list[Check]:
    extras = {
        "parquet": ("pyarrow", "Parquet files"),
        "openai": ("openai", "OpenAI models"),
        "anthropic": ("anthropic", "Anthropic models"),
    }
    return [
        Check(extra, found, use if found else f"{use}: pip install 'stemma-ai[{extra}]'", needed=False)
        for extra, (module, use) in extras.items()
        for found in [find_spec(module) is not None]
    ]
