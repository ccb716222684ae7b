"""`stemma portability`: one prompt on several models, side by side."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import stemma
from stemma.cli.options import BudgetOptions, CaseOptions, Concurrency, Json, version_of
from stemma.cli.output import counting, percent, points, print_json, print_table, say
from stemma.cli.records import spread
from stemma.core.errors import ModelError

if TYPE_CHECKING:  # the rooms take a quarter of a second to import, and help waits for none of them
    from stemma.evaluate.portability import ModelScore, Portability, Unasked


@spread
def portability(
    reference: Annotated[str, typer.Argument(help="NAME, NAME/3, NAME@label, NAME#digest, or a prompt file.")],
    data: Annotated[Path, typer.Option("--data", help=".csv, .tsv, .jsonl or .parquet file.")],
    columns: CaseOptions,
    models: Annotated[
        str,
        typer.Option(
            "--models", help="Models, with commas between; with semicolons, each may be a chain: 'a; b; a, b'."
        ),
    ],
    limits: BudgetOptions,
    scorer: Annotated[str, typer.Option("--scorer", help="As of `stemma eval`.")] = "normalised",
    judge: Annotated[
        str | None, typer.Option("--judge", help="Model that scores, for the scorer judge:RUBRIC.")
    ] = None,
    concurrency: Concurrency = 4,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Use the first N rows.")] = None,
    as_json: Json = False,
) -> None:
    """Score a prompt on several models, on the same cases, with 95 % intervals.

    Differences are to the first model that could be asked, case by case. Limits are for all models together, in even shares.

    Example: `stemma portability support/triage --data tickets.csv --input ticket --expected category --models a,b`
    """
    named = names_in(models)
    cases = columns.read(data, limit=limit)
    with stemma.open() as here:
        found = version_of(here, reference)
        trial = stemma.TrialSettings(scorer=scorer, judge=judge, concurrency=concurrency)
        with counting("evaluating", len(named) * len(cases)) as bar:
            report = here.portability(found.prompt, cases, named, trial, budget=limits.budget(), progress=bar)
    if as_json:
        told = {"reference": found.reference, "digest": found.digest, "bad_rows": len(cases.problems)}
        print_json(told | report.to_json())
    else:
        _print(report)
    if not report.scored:
        raise ModelError(f"none of {len(report.rows)} models could be asked; the table says why")


def names_in(text: str) -> list[str]:
    """The models of a list; where semicolons part it, commas join the models of a chain.

    >>> names_in("embedded; openai:gpt-5-mini, embedded")
    ['embedded', 'openai:gpt-5-mini, embedded']
    """
    return [name.strip() for name in text.split(";" if ";" in text else ",") if name.strip()]


def _print(report: "Portability") -> None:
    titles = ("model", "score", "95 % interval", "n", "missing", "difference")
    print_table(titles, [_score_cells(row) for row in report.rows], fold=True)
    if report.scored:
        say()
        print_table(("model", "calls", "tokens", "cost", "median"), [_cost_cells(row) for row in report.scored])
        say()
    for row in report.scored:
        for name, answers in row.stand_ins.items():
            say(f"{row.model}: {answers} of {row.score.n + row.score.missing} answers are of {name!r}, which stood in")
    if len(report.scored) > 1:
        say(f"difference: percentage points to {report.scored[0].model!r}, with their 95 % interval")


def _score_cells(row: "ModelScore | Unasked") -> tuple[str, ...]:
    from stemma.evaluate.portability import Unasked

    if isinstance(row, Unasked):
        return (row.model, *("-" for _ in range(4)), f"not asked: {row.problem}")
    return (
        row.model,
        percent(row.score.mean),
        " to ".join(map(percent, row.score.ci95)),
        str(row.score.n),
        str(row.score.missing),
        _difference(row),
    )


def _cost_cells(row: "ModelScore") -> tuple[str, ...]:
    return (
        row.model,
        str(row.spent.total),
        str(row.spent.cost.tokens),
        f"${row.spent.cost.money:.4f}",
        "-" if row.seconds is None else f"{row.seconds:.1f} s" if row.seconds >= 1 else f"{1000 * row.seconds:.1f} ms",
    )


def _difference(row: "ModelScore") -> str:
    found = row.difference
    if found is None:
        return "-"
    if found.gain is None:
        return "no case in common"
    low, high = found.ci95
    return f"{points(found.gain)} ({points(low)} to {points(high)})"
