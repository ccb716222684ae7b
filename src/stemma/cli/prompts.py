"""`stemma prompts`: the registry from the terminal."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import stemma
from stemma.cli.drawing import print_difference, print_family
from stemma.cli.options import Json, prompt_file, version_of
from stemma.cli.output import note, print_json, print_table, say, tell, warn
from stemma.core.errors import InvalidInput
from stemma.registry.difference import difference
from stemma.registry.formats import FORMATS, PromptFile, format_of, write_prompt

if TYPE_CHECKING:  # the database takes a fifth of a second to import, and help does without
    from stemma.registry.prompts import PromptVersion

app = typer.Typer(no_args_is_help=True, help="Prompts, versions, labels and where they came from.")

Reference = Annotated[str, typer.Argument(help="NAME (newest version), NAME/3, NAME@label, NAME#digest, or a file.")]


@app.command()
def save(
    name: Annotated[str, typer.Argument(help="Name, such as support/triage.")],
    file: Annotated[Path, typer.Argument(help=".prompt.yml, .prompty, .prompt, .json, or .txt/.md with instructions.")],
    message: Annotated[str, typer.Option("--message", "-m", help="What changed and why.")] = "",
    as_json: Json = False,
) -> None:
    """Save a file as the next version of a prompt.

    Example: `stemma prompts save support/triage triage.prompt.yml -m "first draft"`
    """
    read = prompt_file(file)
    with stemma.open() as here:
        saved = here.prompts.save(name, read.prompt, message=message, metadata=_metadata(read))
    if saved.unchanged and message:
        warn(f"the message was not kept: version {saved.version} has these words already")
    _print_saved(saved, as_json)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help=".prompt.yml, .prompty, .prompt or .json")],
    name: Annotated[
        str | None, typer.Option("--name", help="Name to save it under; the file's own unless given.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Read a prompt from another tool's file and save it.

    Example: `stemma prompts import summarize.prompty --name docs/summarize`
    """
    read = prompt_file(file)
    if name is None:
        name = (read.name or file.name.split(".")[0]).lower().replace(" ", "-")
        note(f"saved under the name {name!r}; choose another with --name")
    with stemma.open() as here:
        saved = here.prompts.save(name, read.prompt, message=f"imported from {file.name}", metadata=_metadata(read))
    _print_saved(saved, as_json)


@app.command("export")
def export_(
    reference: Reference,
    file: Annotated[Path, typer.Argument(help="File to write; its name says the format.")],
    to: Annotated[str | None, typer.Option("--format", help=f"One of {', '.join(FORMATS)}.")] = None,
    lossy: Annotated[bool, typer.Option("--lossy", help="Write even if the format cannot carry everything.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there already.")] = False,
    as_json: Json = False,
) -> None:
    """Write a version as a file of another tool's format.

    Example: `stemma prompts export support/triage@production triage.prompt.yml`
    """
    if to is not None and to not in FORMATS:
        raise InvalidInput(f"format {to!r} is not known; there are {', '.join(FORMATS)}")
    chosen = to if to else format_of(file)
    if file.exists() and not force:
        raise InvalidInput(f"{file} is there already and was not written; write over it with --force")
    with stemma.open(create=False) as here:
        found = version_of(here, reference)
    written = write_prompt(_as_file(found), chosen)
    if written.losses and not lossy:
        raise InvalidInput(
            f"{file} was not written, as it would lose something: {'; '.join(written.losses)}. "
            "Write it all the same with --lossy, or choose another --format"
        )
    for loss in written.losses:
        warn(loss)
    try:
        file.write_text(written.text, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{file} cannot be written: {error.strerror}") from error
    if as_json:
        print_json({"file": str(file), "reference": found.reference, "losses": list(written.losses)})
    else:
        say(f"wrote {found.reference} to {file}")


@app.command()
def ls(
    folder: Annotated[str, typer.Argument(help="Only names below this folder.")] = "",
    as_json: Json = False,
) -> None:
    """List prompts with their newest version and labels.

    Example: `stemma prompts ls support`
    """
    with stemma.open(create=False) as here:
        found = here.prompts.ls(folder)
    if as_json:
        print_json(
            [
                {"name": one.name, "latest": one.latest, "labels": dict(one.labels), "created_at": one.created_at}
                for one in found
            ]
        )
        return
    if not found:
        where = f" below {folder!r}" if folder else " yet"
        note(f"there are no prompts{where}; save one with: stemma prompts save NAME FILE")
        return
    rows = [
        (
            one.name,
            str(one.latest),
            one.created_at[:10],
            ", ".join(f"{label} → {version}" for label, version in one.labels.items()),
        )
        for one in found
    ]
    print_table(("name", "newest", "since", "labels"), rows, fold=True)


@app.command()
def show(reference: Reference, as_json: Json = False) -> None:
    """Show one version: its text, origin and labels.

    Example: `stemma prompts show support/triage@production`
    """
    with stemma.open(create=False) as here:
        found = version_of(here, reference)
    if as_json:
        print_json(_version_json(found) | {"prompt": found.prompt.to_json()})
        return
    say(_headline(found), style="bold")
    tell(f"{_origin(found)}; {found.trust.integrity.name.lower()}", indent="   ")
    for line in found.message.splitlines():
        say(f"   {line}")
    say()
    say(found.prompt.instructions)
    if found.prompt.demonstrations:
        say("\n" + found.prompt.examples)
    for part in ("user", "input_schema", "output_schema", "settings"):
        if value := found.prompt.to_json().get(part):
            shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
            say(f"\n{part}", style="bold")
            say(shown)


@app.command()
def log(name: Annotated[str, typer.Argument(help="Name of a prompt.")], as_json: Json = False) -> None:
    """List every version of a prompt, newest first.

    Example: `stemma prompts log support/triage`
    """
    with stemma.open(create=False) as here:
        found = here.prompts.log(name)
    if as_json:
        print_json([_version_json(one) for one in found])
        return
    for one in found:
        labels = f"  [{', '.join(one.labels)}]" if one.labels else ""
        say(f"{one.version}  {one.digest[:12]}{labels}", style="bold")
        written = "" if one.candidate is None else f"candidate {one.candidate}, let through by "
        say(f"   {one.created_at[:16].replace('T', ' ')}  {written}{one.author}")
        for line in one.message.splitlines():
            say(f"   {line}")


@app.command()
def diff(old: Reference, new: Reference, as_json: Json = False) -> None:
    """Show what changed between two versions, part by part.

    Example: `stemma prompts diff support/triage/1 support/triage@production`
    """
    with stemma.open(create=False) as here:
        changes = difference(version_of(here, old).prompt, version_of(here, new).prompt)
    if as_json:
        lines = [{"mark": line.mark, "part": line.part, "text": line.text} for line in changes.lines]
        print_json({"added": changes.added, "removed": changes.removed, "lines": lines})
    else:
        print_difference(changes)


@app.command()
def label(
    name: Annotated[str, typer.Argument(help="Name of a prompt.")],
    version: Annotated[int, typer.Argument(min=1, help="Number of the version.")],
    label: Annotated[str, typer.Argument(help="Label, such as production or staging.")],
    expect: Annotated[
        int | None, typer.Option("--expect", help="Move only if the label is at this version (0: none).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Point a label at a version. If somebody moves it at the same moment, one wins and the other is told.

    Example: `stemma prompts label support/triage 3 production`
    """
    with stemma.open(create=False) as here:
        moved = here.prompts.label(name, version, label, expected=expect)
    if as_json:
        print_json({"name": name, "label": label, "version": moved.version, "previous": moved.previous})
    else:
        if moved.warning:
            warn(moved.warning)
        before = "" if moved.previous is None else f" (was {moved.previous})"
        say(f"{name}@{label} → {moved.version}{before}")


@app.command()
def lineage(
    reference: Annotated[str, typer.Argument(help="A version, a candidate's number or digest, or a session's id.")],
    depth: Annotated[int, typer.Option("--depth", min=1, help="Generations to draw.")] = 12,
    as_json: Json = False,
) -> None:
    """Show where a prompt came from, back to what a person wrote.

    Example: `stemma prompts lineage support/triage@production`
    """
    with stemma.open(create=False) as here:
        if reference.isdigit() or reference.startswith("s_") or len(reference) == 64:
            candidate = here.candidate_named(reference).id
        else:
            found = version_of(here, reference)
            if found.candidate is None:
                if as_json:
                    print_json([])
                else:
                    say(_headline(found), style="bold")
                    tell(f"{_origin(found)}; it has no machine-made ancestors", indent="   ")
                return
            candidate = found.candidate
        family = here.lineage.family(candidate)
    if as_json:
        print_json([asdict(member) for member in family])
    else:
        print_family(family, depth=depth)


def _print_saved(saved: "PromptVersion", as_json: bool) -> None:
    if as_json:
        print_json(_version_json(saved) | {"unchanged": saved.unchanged})
    else:
        say(_headline(saved) + ("  unchanged" if saved.unchanged else ""))


def _headline(found: "PromptVersion") -> str:
    labels = f"  [{', '.join(found.labels)}]" if found.labels else ""
    return f"{found.reference}  {found.digest[:12]}{labels}"


def _origin(found: "PromptVersion") -> str:
    if not found.version:
        return "words of a file, which no store knows"
    written = "written" if found.candidate is None else f"candidate {found.candidate}, let through"
    return f"{written} by {found.author}, {found.created_at[:16].replace('T', ' ')}"


def _version_json(found: "PromptVersion") -> dict[str, Any]:
    return {
        "reference": found.reference,
        "name": found.name,
        "version": found.version,
        "digest": found.digest,
        "labels": list(found.labels),
        "author": found.author,
        "message": found.message,
        "candidate": found.candidate,
        "trust": found.trust.to_json(),
        "created_at": found.created_at,
    }


def _metadata(read: PromptFile) -> dict[str, Any]:
    kept = {"name": read.name, "description": read.description, "format": read.format, "fields": dict(read.metadata)}
    return {key: value for key, value in kept.items() if value}


def _as_file(found: "PromptVersion") -> PromptFile:
    kept = found.metadata
    return PromptFile(
        found.prompt,
        name=kept.get("name"),
        description=kept.get("description"),
        metadata=kept.get("fields", {}),
        format=kept.get("format", "json"),
    )
