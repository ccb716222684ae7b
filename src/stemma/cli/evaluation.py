"""`stemma eval`: how good a prompt is on data."""

from pathlib import Path
from typing import Annotated

import typer

import stemma
from stemma.cli.options import (
    Concurrency,
    Expected,
    Input,
    Json,
    Judge,
    Model,
    ScorerName,
    Strict,
    dataset,
    version_of,
)
from stemma.cli.output import counting, cut, percent, print_json, print_table, say


def evaluate(
    reference: Annotated[str, typer.Argument(help="NAME, NAME/3, NAME@label, NAME#digest, or a prompt file.")],
    data: Annotated[Path, typer.Option("--data", help=".csv, .tsv, .jsonl or .parquet file.")],
    inputs: Input,
    expected: Expected,
    model: Model = None,
    scorer: ScorerName = "normalised",
    judge: Judge = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Use the first N rows.")] = None,
    max_calls: Annotated[int | None, typer.Option("--max-calls", min=1, help="Ask at most N questions.")] = None,
    concurrency: Concurrency = 4,
    failures: Annotated[int, typer.Option("--failures", min=0, help="Show N wrong answers.")] = 5,
    strict: Strict = False,
    as_json: Json = False,
) -> None:
    """Score a prompt on data, with a 95 % interval.

    Example: `stemma eval support/triage@production --data tickets.csv --input ticket --expected category`
    """
    cases = dataset(data, inputs, expected, strict=strict, limit=limit)
    with stemma.open() as here:
        found = version_of(here, reference)
        with counting("evaluating", len(cases)) as progress:
            evaluation, spent = here.evaluate(
                found.prompt,
                cases,
                model=model,
                scorer=scorer,
                judge=judge,
                max_calls=max_calls,
                concurrency=concurrency,
                progress=progress,
            )
    measured = evaluation.estimate
    if as_json:
        print_json(
            {
                "reference": found.reference,
                "digest": found.digest,
                "n": measured.n,
                "score": measured.mean,
                "ci95": list(measured.ci95),
                "missing": measured.missing,
                "bad_rows": len(cases.problems),
                "calls": spent.to_json(),
            }
        )
        return
    low, high = measured.ci95
    say(f"score    {percent(measured.mean)}   95 % interval {percent(low)} to {percent(high)}")
    say(f"n        {measured.n}   missing {measured.missing}   calls {spent.total}")
    wrong = [outcome for outcome in evaluation.outcomes if outcome.score is not None and outcome.score < 1]
    if wrong[:failures]:
        say()
        print_table(
            ("line", "expected", "answered", "input"),
            [
                (
                    str(outcome.case.line),
                    cut(outcome.case.expected or "", 28),
                    cut(outcome.output or "declined", 28),
                    " ".join(outcome.case.inputs.values()),
                )
                for outcome in wrong[:failures]
            ],
        )
    unanswered = next((outcome.missing for outcome in evaluation.outcomes if outcome.missing), None)
    if unanswered:
        say(f"\n{measured.missing} without an answer; the first: {unanswered}", style="yellow")
