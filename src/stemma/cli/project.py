"""`stemma init` and `stemma doctor`: a place to work, and whether it works."""

import platform
import shutil
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

import stemma
from stemma.cli.examples import example_folder
from stemma.cli.options import Json
from stemma.cli.output import print_json, say
from stemma.core.errors import InvalidInput, StemmaError

_STARTER = (
    "triage.prompt.yml",
    "find.prompt.yml",
    "check.prompt.yml",
    "reply.prompt.yml",
    "stemma.yaml",
    "tickets.csv",
)


def init(
    folder: Annotated[Path, typer.Argument(help="Where to start; created if need be.")] = Path(),
    as_json: Json = False,
) -> None:
    """Start a project: a prompt, data, a network's manifest and a store, to change into your own.

    Example: `stemma init my-desk && cd my-desk`
    """
    example = example_folder()
    taken = [name for name in (*_STARTER, "help-centre") if (folder / name).exists()]
    if taken:
        raise InvalidInput(f"{folder / taken[0]} is there already, and nothing was written; choose another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in _STARTER:
            shutil.copyfile(example / name, folder / name)
        shutil.copytree(example / "help-centre", folder / "help-centre")
    except OSError as error:
        raise InvalidInput(f"{folder} cannot be written: {error.strerror}; choose another folder") from error
    with stemma.open(store=f"sqlite:///{folder.resolve()}/.stemma/stemma.db") as here:
        from stemma.cli.options import prompt_file

        saved = here.prompts.save(
            "support/triage", prompt_file(folder / "triage.prompt.yml").prompt, message="first draft"
        )
        here.prompts.label("support/triage", saved.version, "production")
    if as_json:
        print_json({"folder": str(folder), "files": list(_STARTER), "prompt": saved.reference})
        return
    say(f"started in {folder.resolve()}")
    say("\nNext:", style="bold")
    if folder != Path():
        say(f"  cd {folder}")
    say("  stemma eval support/triage --data tickets.csv --input ticket --expected category")
    say("  stemma optimize support/triage --train tickets.csv --input ticket --expected category")
    say("  stemma run stemma.yaml --items tickets.csv --limit 5")


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
