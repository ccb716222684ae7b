"""Options that several commands share, so that one name means one thing everywhere.

Those that belong together are records, which `spread` shows as options: one more field is one more option of every command
that takes the record.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import stemma
from stemma.cli.output import warn
from stemma.core.errors import InvalidData, TemplateError

if TYPE_CHECKING:  # options are read for help too, which waits for none of the rooms
    from stemma.evaluate.data import Dataset
    from stemma.platform import Stemma
    from stemma.registry.formats import PromptFile
    from stemma.registry.prompts import PromptVersion

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Concurrency = Annotated[int, typer.Option("--concurrency", min=1, help="Model calls at a time.")]


@dataclass(frozen=True, slots=True)
class CaseOptions:
    """What of a data file makes a case."""

    inputs: Annotated[str, typer.Option("--input", help="Column(s) that the prompt reads, with commas between.")]
    expected: Annotated[str, typer.Option("--expected", help="Column with the right answer.")]
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first row that cannot be used.")] = False

    def read(self, path: Path, *, limit: int | None = None) -> "Dataset":
        """The cases of a file; rows that cannot be used are told on standard error, with their lines."""
        data = stemma.read_dataset(
            path, inputs=columns(self.inputs), expected=self.expected, strict=self.strict, limit=limit
        )
        for bad in data.problems[:10]:
            warn(f"{path}:{bad.line}: left out: {bad.problem}")
        if len(data.problems) > 10:
            warn(f"{path}: {len(data.problems) - 10} more rows left out")
        return data


@dataclass(frozen=True, slots=True)
class TrialOptions:
    """How a prompt is tried on cases."""

    model: Annotated[
        str | None, typer.Option("--model", help="Model to run the prompt on; see `stemma models ls`.")
    ] = None
    scorer: Annotated[
        str,
        typer.Option(
            "--scorer",
            help=(
                "exact, normalised, contains, regex, json-schema:FILE, numeric:TOLERANCE, python:MODULE:FUNCTION, "
                "judge:RUBRIC"
            ),
        ),
    ] = "normalised"
    judge: Annotated[str | None, typer.Option("--judge", help="Model that scores, for the scorer judge:RUBRIC.")] = None
    concurrency: Concurrency = 4

    def settings(self) -> "stemma.TrialSettings":
        return stemma.TrialSettings(self.model, self.scorer, self.judge, self.concurrency)


@dataclass(frozen=True, slots=True)
class BudgetOptions:
    """What a command may spend."""

    max_calls: Annotated[int | None, typer.Option("--max-calls", min=1, help="Ask at most N questions.")] = None
    max_tokens: Annotated[
        int | None, typer.Option("--max-tokens", min=1, help="Spend at most N tokens, in and out.")
    ] = None
    max_cost: Annotated[
        float | None, typer.Option("--max-cost", min=0, help="Spend at most so many US dollars, at list prices.")
    ] = None

    def budget(self) -> "stemma.Budget":
        return stemma.Budget(calls=self.max_calls, tokens=self.max_tokens, money=self.max_cost)

    def __str__(self) -> str:
        """The limits as they were typed."""
        named = {"--max-calls": self.max_calls, "--max-tokens": self.max_tokens, "--max-cost": self.max_cost}
        return " ".join(f"{name} {limit}" for name, limit in named.items() if limit is not None)


_PLAIN = (".txt", ".md")


def columns(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def prompt_file(path: Path) -> "PromptFile":
    """The prompt in a file. A `.txt` or `.md` file is instructions in Jinja2, as they stand."""
    from stemma.registry.formats import PromptFile, format_of, read_prompt
    from stemma.registry.prompt import Prompt

    if path.suffix not in _PLAIN:
        return read_prompt(path, format_of(path, beside=_PLAIN))
    prompt = Prompt(read_text(path).rstrip("\n"))
    if prompt.is_empty:
        raise InvalidData(path, "is empty; write in it what the model is to do")
    try:
        prompt.check()
    except TemplateError as error:
        told = "its text is a template, in which {{ }} stand around a variable; write {{ '{{' }} where braces are meant"
        raise type(error)(f"{path}: {error}; {told}") from error
    return PromptFile(prompt)


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
