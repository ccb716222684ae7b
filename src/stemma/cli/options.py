"""Options that several commands share, so that one name means one thing everywhere."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stemma.cli.output import warn
from stemma.core.errors import InvalidData

if TYPE_CHECKING:  # options are read for help too, which waits for none of the rooms
    from stemma.evaluate.data import Dataset
    from stemma.platform import Stemma
    from stemma.registry.formats import PromptFile
    from stemma.registry.prompts import PromptVersion

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Input = Annotated[str, typer.Option("--input", help="Column(s) that the prompt reads, with commas between.")]
Expected = Annotated[str, typer.Option("--expected", help="Column with the right answer.")]
Model = Annotated[str | None, typer.Option("--model", help="Model to run the prompt on; see `stemma models ls`.")]
ScorerName = Annotated[
    str,
    typer.Option(
        "--scorer",
        help="exact, normalised, contains, regex, json-schema:FILE, numeric:TOLERANCE, python:MODULE:FUNCTION, judge:RUBRIC",
    ),
]
Judge = Annotated[str | None, typer.Option("--judge", help="Model that scores, for the scorer judge:RUBRIC.")]
Concurrency = Annotated[int, typer.Option("--concurrency", min=1, help="Model calls at a time.")]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at the first row that cannot be used.")]


def columns(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def dataset(path: Path, inputs: str, expected: str, *, strict: bool = False, limit: int | None = None) -> "Dataset":
    """The data of a file; rows that cannot be used are told on standard error, with their lines."""
    from stemma.evaluate.data import read_dataset

    data = read_dataset(path, inputs=columns(inputs), expected=expected, strict=strict, limit=limit)
    for bad in data.problems[:10]:
        warn(f"{path}:{bad.line}: left out: {bad.problem}")
    if len(data.problems) > 10:
        warn(f"{path}: {len(data.problems) - 10} more rows left out")
    return data


def prompt_file(path: Path) -> "PromptFile":
    """The prompt in a file. A `.txt` or `.md` file is instructions in Jinja2, as they stand."""
    from stemma.registry.formats import PromptFile, format_of, read_prompt
    from stemma.registry.prompt import Prompt

    if path.suffix in (".txt", ".md"):
        text = read_text(path)
        return PromptFile(Prompt(text.rstrip("\n")))
    format_of(path)
    return read_prompt(path)


def read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InvalidData(path, "is not UTF-8 text; save it as UTF-8") from error
    except OSError as error:
        raise InvalidData(path, f"cannot be read: {error.strerror}; check the path") from error


def is_file_name(text: str) -> bool:
    """Whether a person means a file, not a name in the registry."""
    return text.endswith((".yml", ".yaml", ".prompty", ".prompt", ".json", ".txt", ".md")) or text.startswith(
        ("./", "/")
    )


def version_of(here: "Stemma", reference: str) -> "PromptVersion":
    """The version that a person means: a reference, the newest version of a bare name, or a file."""
    from stemma.registry.prompts import PromptVersion
    from stemma.registry.references import check_name

    if is_file_name(reference):
        found = prompt_file(Path(reference))
        return PromptVersion(reference, 0, found.prompt)
    if any(mark in reference for mark in ("@", "#")) or reference.rpartition("/")[2].isdigit():
        return here.prompts.get(reference)
    return here.prompts.latest(check_name(reference.removeprefix("prompts:/")))
